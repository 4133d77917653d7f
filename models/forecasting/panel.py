"""All series of a table as one array of series × periods, and what can be derived from it before any period."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.statistics import safe_divide
from models.forecasting.calendar import Calendar
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.holiday_calendar import RAMADAN, holidays_of
from models.forecasting.series_preparation import TimeSeries

GROWTH_DAMPING = 0.5
"""Exponent of the last quarter's growth over the year before: half of it regresses to the mean."""
MIN_GROWTH, MAX_GROWTH = 0.25, 4.0
MIN_RELATIVE_SCALE = 0.01
"""The scale of a series is at least this share of its mean."""


@dataclass(frozen=True)
class Panel:
    """``values`` and ``actuals`` (outliers replaced, as observed) are series × periods, last periods aligned, NaN
    before a series begins.

    ``parents``: series × series, weights of the nodes above each (rows sum to 1 or 0). ``calendar_features``: periods ×
    (working days, holidays, days of Ramadan), from the ordinal ``first_period`` on. A column ``t`` splits the panel:
    methods below use the columns before ``t`` only.
    """

    series: tuple[TimeSeries, ...]
    calendar: Calendar
    season_length: int
    h: int
    countries: tuple[str, ...]
    hierarchy: Hierarchy | None
    values: Floats
    actuals: Floats
    last_periods: Ints
    parents: Floats
    calendar_features: Floats
    first_period: int

    @classmethod
    def from_series(
        cls,
        series: Sequence[TimeSeries],
        calendar: Calendar,
        season_length: int,
        h: int,
        hierarchy: Hierarchy | None = None,
        countries: tuple[str, ...] = (),
    ) -> "Panel":
        """The panel of prepared series, to be forecast ``h`` periods ahead."""
        longest = max(len(ts.values) for ts in series)
        values = np.full((len(series), longest), np.nan)
        actuals = np.full_like(values, np.nan)
        for row, ts in enumerate(series):
            values[row, longest - len(ts.values) :] = ts.values
            actuals[row, longest - len(ts.actuals) :] = ts.actuals
        last_periods = np.array([ts.last_period for ts in series], dtype=np.int64)
        first_period = int(last_periods.min()) - longest + 1 - season_length
        features = _calendar_features(calendar, first_period, int(last_periods.max()) + h, countries)
        if hierarchy is None:
            parents = np.zeros((len(series), len(series)))
        else:
            parents = hierarchy.parent_weights([ts.unique_id for ts in series])
        return cls(
            series=tuple(series),
            calendar=calendar,
            season_length=season_length,
            h=h,
            countries=countries,
            hierarchy=hierarchy,
            values=values,
            actuals=actuals,
            last_periods=last_periods,
            parents=parents,
            calendar_features=features,
            first_period=first_period,
        )

    @property
    def unique_ids(self) -> tuple[str, ...]:
        """Names of the series, in the order of the rows."""
        return tuple(series.unique_id for series in self.series)

    @property
    def n_periods(self) -> int:
        """Columns of ``values``: periods of the longest series."""
        return int(self.values.shape[1])

    @property
    def floors(self) -> Floats:
        """The lowest forecast of each series: 0 or −∞."""
        return np.array([series.floor for series in self.series])

    def subset(self, rows: Ints) -> "Panel":
        """Some of the series, without their hierarchy."""
        return replace(
            self,
            series=tuple(self.series[row] for row in rows),
            hierarchy=None,
            values=self.values[rows],
            actuals=self.actuals[rows],
            last_periods=self.last_periods[rows],
            parents=np.zeros((len(rows), len(rows))),
        )

    def ages(self, t: int) -> Ints:
        """Periods of history of each series."""
        return np.asarray((~np.isnan(self.values[:, :t])).sum(axis=1), dtype=np.int64)

    def recent_mean(self, t: int) -> Floats:
        """Mean of the last quarter of a season; NaN where a series had not begun."""
        return mean_by_row(self.values[:, max(0, t - max(3, self.season_length // 4)) : t])

    def lagged(self, t: int, seasons: int = 1) -> Floats:
        """Series × steps: the value of the same season, ``seasons`` back; NaN if unknown."""
        columns = t - seasons * self.season_length + np.arange(self.h) % self.season_length
        lagged = np.full((len(self.values), self.h), np.nan)
        lagged[:, columns >= 0] = self.values[:, columns[columns >= 0]]
        return lagged

    def scale(self, t: int) -> Floats:
        """The mean absolute change over a season (over one period in short series); NaN where nothing changed yet.

        Errors in these units are comparable across series, as in MASE (Hyndman & Koehler 2006).
        """
        past = self.values[:, :t]
        scale = mean_by_row(np.abs(np.diff(past, axis=1)))
        if t > self.season_length:
            seasonal = mean_by_row(np.abs(past[:, self.season_length :] - past[:, : -self.season_length]))
            scale = np.where(np.isnan(seasonal), scale, seasonal)
        floor = MIN_RELATIVE_SCALE * np.nan_to_num(np.abs(mean_by_row(past)))
        scale = np.fmax(np.nan_to_num(scale), floor)
        return np.where(scale > 0, scale, np.nan)

    def damped_growth(self, t: int) -> Floats:
        """Series × steps: last season's values times the damped growth of the last quarter; else the last value."""
        quarter = max(1, self.season_length // 4)
        recent = mean_by_row(self.values[:, max(0, t - quarter) : t])
        start = t - quarter - self.season_length
        before = np.full_like(recent, np.nan)
        if start >= 0:
            before = mean_by_row(self.values[:, start : t - self.season_length])
        growth = safe_divide(recent, before, otherwise=1.0, where=(before > 0) & (recent > 0))
        seasonal = self.lagged(t) * np.clip(growth, MIN_GROWTH, MAX_GROWTH)[:, None] ** GROWTH_DAMPING
        return np.where(np.isnan(seasonal), self.values[:, t - 1 : t], seasonal)

    def parent_seasonal(self, t: int) -> Floats:
        """Series × steps: each series' recent mean times its parents' seasonal profile; NaN without either."""
        recent = self.recent_mean(t)
        before = self.recent_mean(max(t - self.season_length, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            profiles = self.lagged(t) / before[:, None]
        usable = np.isfinite(profiles).all(axis=1) & (before > 0)
        weights = self.parents * usable[None, :]
        totals = weights.sum(axis=1)[:, None]
        summed = weights @ np.where(usable[:, None], profiles, 0.0)
        profile = safe_divide(summed, totals, otherwise=np.nan)
        return np.asarray(recent[:, None] * profile, dtype=np.float64)


def mean_by_row(values: Floats) -> Floats:
    """The mean of each row without its NaN; NaN where a row has no other."""
    counts = (~np.isnan(values)).sum(axis=1)
    return safe_divide(np.nansum(values, axis=1), counts, otherwise=np.nan)


def _calendar_features(calendar: Calendar, first: int, last: int, countries: tuple[str, ...]) -> Floats:
    """Periods × features: working days (Monday to Friday, no holiday), holidays, days of Ramadan."""
    periods = calendar.periods(np.arange(first, last + 2))
    first_days = periods.start_time.to_numpy().astype("datetime64[D]")
    holidays = ramadan = np.zeros(0, dtype="datetime64[D]")
    if countries:
        table = holidays_of(countries, int(periods[0].year), int(periods[-1].year) + 1)
        fasting = table["name"] == RAMADAN
        holidays, ramadan = (
            np.unique(pd.DatetimeIndex(table.loc[rows, "day"]).to_numpy().astype("datetime64[D]"))
            for rows in (~fasting, fasting)
        )
    working_days = np.busday_count(first_days[:-1], first_days[1:], holidays=holidays)
    n_holidays, n_ramadan = (np.diff(np.searchsorted(days, first_days)) for days in (holidays, ramadan))
    return np.stack([working_days, n_holidays, n_ramadan], axis=1).astype(np.float64)
