"""The protocol of a forecasting method, and the task of a method that forecasts one series at a time."""

from dataclasses import dataclass
from typing import Protocol

from data.arrays import Floats
from models.forecasting.calendar import Calendar
from models.forecasting.panel import Panel
from models.forecasting.series_preparation import TimeSeries

BASELINE = "seasonal naive"
"""The method that an ensemble must beat; it is always run."""
MAX_FAILURE_LENGTH = 200
"""Characters of the message of a library that are kept."""
MAX_SEASON_LENGTH = 24
"""The longest season that the state space of ETS, ARIMA and CES can hold; years of weeks are beyond it."""


@dataclass(frozen=True)
class MethodForecasts:
    """``values``: series × cutoffs × steps, NaN where a method has no forecast; ``failure``: the first, if any."""

    values: Floats
    failure: str = ""


class Method(Protocol):
    """A forecasting method. ``expensive`` ones are tried on a sample of a large table before they are run on all."""

    @property
    def name(self) -> str:
        """Its unique name."""

    @property
    def expensive(self) -> bool:
        """Whether it is screened on large tables."""

    def forecast(self, panel: Panel, cutoffs: tuple[int, ...]) -> MethodForecasts:
        """Forecasts of every series from each cutoff (periods before the end; 0 is now), from earlier values only."""


@dataclass(frozen=True)
class ForecastTask:
    """One series, to be forecast ``h`` periods from each cutoff (periods before its end, the earliest first)."""

    series: TimeSeries
    season_length: int
    h: int
    cutoffs: tuple[int, ...]
    calendar: Calendar
    countries: tuple[str, ...] = ()

    def season_length_of(self, values: Floats) -> int:
        """The season length that can be estimated from values: 1 for fewer than two seasons."""
        return self.season_length if len(values) >= 2 * self.season_length + 1 else 1
