"""Sub-periods: the cells of month × week × (past or ahead), in which months and weeks add up to the same revenue.

Every month and every week is a sum of sub-periods, so that a forecast by sub-period is coherent over time: a temporal
hierarchy whose summing matrices are ``sum_by_month`` and ``sum_by_week`` (Athanasopoulos et al. 2017).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats, Ints
from features.revenue.series import period_starts

N_MONTHS, N_WEEKS = 12, 26
"""Months and weeks that are forecast, the ones under way included."""
MIN_PERIOD_WEIGHT = 1e-9


@dataclass(frozen=True)
class PeriodGrid:
    """One entry per sub-period, in order of time: its ``first_day``, the number of its ``days``, its position in
    ``months`` (−1: before the first) and in ``weeks`` (−1: after the last), and whether it lies ``ahead`` of ``as_of``.

    ``weekdays`` (sub-periods × 7) counts its Mondays, Tuesdays, … A week that two months share is two sub-periods, and
    so is a period that ``as_of`` cuts.
    """

    as_of: date
    months: pd.DatetimeIndex
    weeks: pd.DatetimeIndex
    first_day: "NDArray[np.datetime64]"
    days: Ints
    month: Ints
    week: Ints
    ahead: NDArray[np.bool_]
    weekdays: Floats

    @classmethod
    def from_date(cls, as_of: date, n_months: int = N_MONTHS, n_weeks: int = N_WEEKS) -> "PeriodGrid":
        """The sub-periods of the months and weeks from those on that hold the date."""
        today = pd.DatetimeIndex([as_of])
        month, week = (pd.Timestamp(period_starts(today, grain)[0]) for grain in ("month", "week"))
        months = pd.date_range(month, periods=n_months, freq="MS")
        weeks = pd.date_range(week, periods=n_weeks, freq="7D")
        end = months[-1] + pd.offsets.MonthBegin(1)
        days = pd.date_range(min(month, week), end, freq="D", inclusive="left")
        month_of_day = np.asarray((days.year - month.year) * 12 + days.month - month.month)
        week_of_day = np.asarray((days - week).days // 7)
        day_ahead = np.asarray(days >= pd.Timestamp(as_of))
        key = np.stack([month_of_day, week_of_day, day_ahead])
        first = np.flatnonzero(np.concatenate([[True], (np.diff(key, axis=1) != 0).any(axis=0)]))
        length = np.diff([*first, len(days)])
        weekdays = np.zeros((len(first), 7))
        np.add.at(weekdays, (np.repeat(np.arange(len(first)), length), days.day_of_week.to_numpy()), 1.0)
        week_index = week_of_day[first]
        return cls(
            as_of,
            months,
            weeks,
            first_day=days.to_numpy().astype("datetime64[D]")[first],
            days=length.astype(np.int64),
            month=np.maximum(month_of_day[first], -1).astype(np.int64),
            week=np.where((week_index < n_weeks) & (week_index >= 0), week_index, -1).astype(np.int64),
            ahead=day_ahead[first],
            weekdays=weekdays,
        )

    @property
    def start_day(self) -> Floats:
        """Days from ``as_of`` to the first day of each sub-period."""
        days: Floats = (self.first_day - np.datetime64(self.as_of, "D")).astype(np.float64)
        return days

    @property
    def month_share(self) -> Floats:
        """The share of the days of its calendar month that each sub-period holds."""
        month_start = self.first_day.astype("datetime64[M]")
        month_days = (month_start + 1).astype("datetime64[D]") - month_start.astype("datetime64[D]")
        share: Floats = self.days / month_days.astype(np.float64)
        return share

    def index_of(self, days: pd.Series) -> Ints:
        """The sub-period of each day; −1 for days in none."""
        dates = pd.DatetimeIndex(days).to_numpy().astype("datetime64[D]")
        index = np.searchsorted(self.first_day, dates, side="right") - 1
        end = self.first_day[-1] + int(self.days[-1])
        return np.asarray(np.where(dates < end, index, -1), dtype=np.int64)

    def sum_by_month(self, values: Floats) -> Floats:
        """Rows × months: sums of rows × sub-periods."""
        return _sum_by(values, self.month, len(self.months))

    def sum_by_week(self, values: Floats) -> Floats:
        """Rows × weeks: sums of rows × sub-periods."""
        return _sum_by(values, self.week, len(self.weeks))

    def from_months(self, values: Floats) -> Floats:
        """Rows × sub-periods: to each the value of its month (rows × months), 0 outside the months."""
        return np.asarray(np.where(self.month >= 0, values[:, self.month], 0.0), dtype=np.float64)

    def from_weeks(self, values: Floats) -> Floats:
        """Rows × sub-periods: to each the value of its week (rows × weeks), NaN outside the weeks."""
        return np.asarray(np.where(self.week >= 0, values[:, self.week], np.nan), dtype=np.float64)

    def share_of_month(self, weight: Floats) -> Floats:
        """The share of the weight of its month (weights by sub-period) that each sub-period has, 0 outside."""
        total = self.from_months(self.sum_by_month(weight[None, :]))[0]
        return np.where(self.month >= 0, weight / np.maximum(total, MIN_PERIOD_WEIGHT), 0.0)

    def share_of_week(self, weight: Floats) -> Floats:
        """The share of the weight of its week that each sub-period has; NaN outside."""
        return np.asarray(weight / np.maximum(self.from_weeks(self.sum_by_week(weight[None, :]))[0], MIN_PERIOD_WEIGHT))

    def share_ahead(self, weight: Floats) -> Floats:
        """By month, the share of its weight that lies ahead of ``as_of``."""
        ahead = self.sum_by_month(np.where(self.ahead, weight, 0.0)[None, :])[0]
        return np.asarray(
            ahead / np.maximum(self.sum_by_month(weight[None, :])[0], MIN_PERIOD_WEIGHT), dtype=np.float64
        )


def _sum_by(values: Floats, index: Ints, count: int) -> Floats:
    summing = index[:, None] == np.arange(count)[None, :]
    sums: Floats = values @ summing.astype(np.float64)
    return sums
