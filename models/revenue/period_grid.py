"""The pieces of time of a forecast: what lies in one week and one month, so that both tell the same story.

A month is the sum of its pieces and so is a week; a week that two months share is two pieces. Days before the date are
pieces of their own: what they brought is known.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats, Ints
from features.revenue.series import first_days

MONTHS, WEEKS = 12, 26
"""Months and weeks ahead that are forecast, the ones under way first."""


@dataclass(frozen=True)
class Pieces:
    """One entry per piece, in order of time: its first day, ``days``, the place of its ``month`` (−1: before the first)
    and ``week`` (−1: after the last), and whether it lies ``ahead`` of the date.

    ``weekdays`` (pieces × 7) counts its days from Monday on.
    """

    as_of: date
    months: pd.DatetimeIndex
    weeks: pd.DatetimeIndex
    first: "NDArray[np.datetime64]"
    days: Ints
    month: Ints
    week: Ints
    ahead: NDArray[np.bool_]
    weekdays: Floats

    @classmethod
    def of(cls, as_of: date, months: int = MONTHS, weeks: int = WEEKS) -> "Pieces":
        """The pieces from the periods that a date cuts (or begins) on."""
        now = pd.DatetimeIndex([as_of])
        month, week = (pd.Timestamp(first_days(now, grain)[0]) for grain in ("month", "week"))
        month_starts = pd.date_range(month, periods=months, freq="MS")
        week_starts = pd.date_range(week, periods=weeks, freq="7D")
        end = month_starts[-1] + pd.offsets.MonthBegin(1)
        days = pd.date_range(min(month, week), end, freq="D", inclusive="left")
        of_month = (days.year - month.year) * 12 + days.month - month.month
        of_week = (days - week).days // 7
        ahead = np.asarray(days >= pd.Timestamp(as_of))
        key = pd.MultiIndex.from_arrays([of_month, of_week, ahead])
        begins = np.flatnonzero(np.concatenate([[True], np.asarray(key[1:] != key[:-1])]))
        place = np.repeat(np.arange(len(begins)), np.diff([*begins, len(days)]))
        weekdays = np.zeros((len(begins), 7))
        np.add.at(weekdays, (place, days.day_of_week.to_numpy()), 1.0)
        in_week = np.asarray(of_week)[begins]
        return cls(
            as_of,
            month_starts,
            week_starts,
            days.to_numpy().astype("datetime64[D]")[begins],
            np.diff([*begins, len(days)]).astype(np.int64),
            np.maximum(np.asarray(of_month)[begins], -1).astype(np.int64),
            np.where((in_week < weeks) & (in_week >= 0), in_week, -1).astype(np.int64),
            ahead[begins],
            weekdays,
        )

    @property
    def begins(self) -> Floats:
        """Days from the date to the first of each piece."""
        away: Floats = (self.first - np.datetime64(self.as_of, "D")).astype(np.float64)
        return away

    @property
    def of_a_month(self) -> Floats:
        """The share of its calendar month that each piece is."""
        starts = self.first.astype("datetime64[M]")
        whole = ((starts + 1).astype("datetime64[D]") - starts.astype("datetime64[D]")).astype(np.float64)
        share: Floats = self.days / whole
        return share

    def place_of(self, days: pd.Series) -> Ints:
        """The piece of each day; −1 for days in none."""
        given = pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]")
        at = np.searchsorted(self.first, given, side="right") - 1
        return np.asarray(np.where(given < self.first[-1] + int(self.days[-1]), at, -1), dtype=np.int64)

    def by_month(self, values: Floats) -> Floats:
        """Rows × months: sums of the pieces (rows × pieces) of each month."""
        return self._sums(values, self.month, len(self.months))

    def by_week(self, values: Floats) -> Floats:
        """Rows × weeks: sums of the pieces of each week."""
        return self._sums(values, self.week, len(self.weeks))

    def _sums(self, values: Floats, place: Ints, count: int) -> Floats:
        inside = place[:, None] == np.arange(count)[None, :]
        summed: Floats = values @ inside.astype(np.float64)
        return summed
