"""The periods of a long table: the period in which a date falls, and the date by which the table names a period."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from data.arrays import Ints

SEASON_LENGTHS = {"D": 7, "W": 52, "M": 12, "Q": 4, "Y": 1}
MAX_DAYS_APART = (("D", 1.5), ("W", 10.0), ("M", 45.0), ("Q", 120.0), ("Y", 500.0))
"""Each frequency with the largest median distance of its dates, in days."""
WEEKS_BEGINNING = ("W-SUN", "W-MON", "W-TUE", "W-WED", "W-THU", "W-FRI", "W-SAT")
"""Weekly frequencies of pandas (named by their last day) by the weekday on which the week begins, Monday first."""


@dataclass(frozen=True)
class Calendar:
    """``freq`` is the pandas frequency of a period ("M", "W-SUN"); ``offset`` is where in its period ``ds`` lies."""

    freq: str
    offset: pd.Timedelta | Literal["end"]

    @classmethod
    def from_dates(cls, dates: pd.Series, freq: str | None = None) -> "Calendar":
        """The calendar of a column ``ds``; the frequency is inferred from the median distance of dates unless given."""
        unique = pd.DatetimeIndex(dates.dropna().unique()).sort_values()
        if freq is None:
            freq = infer_freq(unique)
        periods = unique.to_period(freq)
        offsets = unique - periods.start_time
        if len(unique) > 1 and offsets.nunique() > 1 and (unique.normalize() == periods.end_time.normalize()).all():
            return cls(freq, "end")
        modes = pd.Series(offsets).mode()
        return cls(freq, pd.Timedelta(modes.iloc[0]) if len(modes) else pd.Timedelta(0))

    @property
    def season_length(self) -> int:
        """Periods per season: a year, or the week of daily data."""
        return SEASON_LENGTHS[self.freq[0]]

    def ordinals(self, dates: pd.Series) -> Ints:
        """The ordinal of the period of each date."""
        ordinals: Ints = pd.PeriodIndex(pd.DatetimeIndex(dates), freq=self.freq).asi8
        return ordinals

    def dates(self, ordinals: Ints) -> pd.DatetimeIndex:
        """The date by which the table names each period."""
        periods = self.periods(ordinals)
        dates = periods.end_time.normalize() if self.offset == "end" else periods.start_time + self.offset
        return pd.DatetimeIndex(dates)

    def periods(self, ordinals: Ints) -> pd.PeriodIndex:
        """Periods by their ordinals."""
        periods: pd.PeriodIndex = pd.PeriodIndex.from_ordinals(ordinals, freq=self.freq)  # type: ignore[attr-defined]
        return periods


def infer_freq(dates: pd.DatetimeIndex) -> str:
    """The pandas frequency of sorted unique dates; months where there is one date only."""
    if len(dates) < 2:
        return "M"
    days_apart = float(np.median(np.diff(dates.to_numpy()).astype("timedelta64[D]").astype(np.float64)))
    freq = next((freq for freq, longest in MAX_DAYS_APART if days_apart <= longest), None)
    if freq is None:
        raise ValueError(f"dates in ds are {days_apart:g} days apart: no known frequency; pass freq, such as 'M'")
    if freq == "W":
        return WEEKS_BEGINNING[int(pd.Series(dates.day_of_week).mode().iloc[0])]
    return freq
