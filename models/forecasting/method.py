"""What a member of the pool is asked: one series, and the origins from which it is to be forecast."""

from dataclasses import dataclass

from data.arrays import Floats
from models.forecasting.series_preparation import Calendar, History

LONG_SEASON = 24
"""Longer seasons (a year of weeks) are beyond the state space of ETS, ARIMA and CES: they see the rest."""


@dataclass(frozen=True)
class Task:
    """One series, to be forecast from several origins: ``backs`` periods before its end, the furthest first."""

    history: History
    season: int
    horizon: int
    backs: tuple[int, ...]
    calendar: Calendar
    countries: tuple[str, ...] = ()

    def seasons(self, known: Floats) -> int:
        """The season that a history can tell: 1 where it is shorter than two of them."""
        return self.season if len(known) >= 2 * self.season + 1 else 1
