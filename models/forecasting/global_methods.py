"""Members of the pool that learn from all series at once: LightGBM, and the season of a series' family."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from models.forecasting.local_methods import FULL_GROWTH
from models.forecasting.prophet_method import RAMADAN, holidays_of
from models.forecasting.series_preparation import Calendar, History

TREES, FAMILY = "lightgbm", "family season"
PARAMS: dict[str, Any] = {
    "objective": "regression_l1",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
ROUNDS = 120
MOST_ROWS = 120_000
"""Rows that one fit learns from; neighbouring origins say the same again."""
FEWEST_ROWS = 300
FEATURES: tuple[str, ...] = (
    *(
        "step",
        "season",
        "size",
        "last",
        "recent",
        "year",
        "season_ago",
        "two_seasons_ago",
        "season_next",
        "season_before",
    ),
    *("family", "recent_turn", "year_turn", "age", "more_workdays", "more_holidays", "more_fasts"),
    *("workdays", "holidays", "fasts"),
)
"""Columns of ``Table.features``; amounts are distances from the anchor, in units of the series' usual change."""


@dataclass(frozen=True)
class Table:
    """All series of a table side by side, the last periods aligned: ``values`` is series × periods, NaN before a start;
    ``came`` is what was told before spikes were brought back.

    ``family`` holds, for each series, the weights of the wholes that it is part of (series × series; rows sum to 1 or
    0). ``marks`` are numbers of each period of the calendar by its ordinal (working days, holidays), from ``first`` on.
    """

    values: Floats
    came: Floats
    ends: NDArray[np.int64]
    season: int
    horizon: int
    family: Floats
    marks: Floats
    first: int

    @classmethod
    def of(
        cls,
        ready: Sequence[History],
        calendar: Calendar,
        season: int,
        horizon: int,
        family: Floats | None = None,
        countries: tuple[str, ...] = (),
    ) -> "Table":
        """The table of histories; ``family`` is none where no hierarchy is known."""
        longest = max(len(one.values) for one in ready)
        values = np.full((len(ready), longest), np.nan)
        for row, one in enumerate(ready):
            values[row, longest - len(one.values) :] = one.values
        came = np.full_like(values, np.nan)
        for row, one in enumerate(ready):
            came[row, longest - len(one.came) :] = one.came
        ends = np.array([one.ends for one in ready], dtype=np.int64)
        first = int(ends.min()) - longest + 1 - season
        marks = _marks(calendar, first, int(ends.max()) + horizon, countries)
        none = np.zeros((len(ready), len(ready)))
        return cls(values, came, ends, season, horizon, none if family is None else family, marks, first)

    def recent(self, at: int) -> Floats:
        """Mean of the last quarter before a column; NaN where a series had not begun."""
        return _mean(self.values[:, max(0, at - max(3, self.season // 4)) : at])

    def lagged(self, at: int, seasons: int = 1) -> Floats:
        """Series × steps: the same season's last known value, some seasons back; NaN where there is none."""
        steps = np.arange(self.horizon) % self.season
        places = at - seasons * self.season + steps
        told = np.full((len(self.values), self.horizon), np.nan)
        told[:, places >= 0] = self.values[:, places[places >= 0]]
        return told

    def scale(self, at: int) -> Floats:
        """The mean change over a season (over a period in short histories); NaN where nothing moved yet."""
        known = self.values[:, :at]
        yearly = _mean(np.abs(known[:, self.season :] - known[:, : -self.season])) if at > self.season else None
        steps = _mean(np.abs(np.diff(known, axis=1)))
        usual = steps if yearly is None else np.where(np.isnan(yearly), steps, yearly)
        least = np.fmax(np.nan_to_num(usual), 0.01 * np.nan_to_num(np.abs(_mean(known))))
        return np.where(least > 0, least, np.nan)

    def family_season(self, at: int) -> Floats:
        """Where each series stands, times the season of the wholes it is part of; NaN without family or a season."""
        recent = self.recent(at)
        before = self.recent(max(at - self.season, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            shape = self.lagged(at) / before[:, None]
        known = np.isfinite(shape).all(axis=1) & (before > 0)
        weights = self.family * known[None, :]
        whole = weights.sum(axis=1)
        summed = weights @ np.where(known[:, None], shape, 0.0)
        ratio = np.divide(summed, whole[:, None], out=np.full_like(summed, np.nan), where=whole[:, None] > 0)
        return np.asarray(recent[:, None] * ratio, dtype=np.float64)

    def anchor(self, at: int) -> Floats:
        """The season's last values times half of last quarter's growth; where there is no season, the last value."""
        quarter = max(1, self.season // 4)
        now = _mean(self.values[:, max(0, at - quarter) : at])
        start = at - quarter - self.season
        then = _mean(self.values[:, max(0, start) : at - self.season]) if start >= 0 else np.full_like(now, np.nan)
        grown = (then > 0) & (now > 0)
        growth = np.divide(now, then, out=np.ones_like(now), where=grown)
        seasonal = self.lagged(at) * np.clip(growth, 0.25, 4.0)[:, None] ** FULL_GROWTH
        last = self.values[:, at - 1 : at]
        return np.where(np.isnan(seasonal), last, seasonal)

    def features(self, at: int) -> tuple[Floats, Floats, Floats]:
        """Rows of every series and step from a column (steps inner), their anchors and scales."""
        anchor, scale = self.anchor(at), self.scale(at)
        unit = scale[:, None]
        recent, lag = self.recent(at), self.lagged(at)
        year = _mean(self.values[:, max(0, at - self.season) : at])
        before = _mean(self.values[:, max(0, at - 2 * self.season) : max(at - self.season, 0)])
        ordinals = (self.ends - self.values.shape[1] + 1)[:, None] + at + np.arange(self.horizon)[None, :]
        marks = self.marks[np.clip(ordinals - self.first, 0, len(self.marks) - 1)]
        steps_back = self.season * (1 + np.arange(self.horizon) // self.season)
        then = self.marks[np.clip(ordinals - steps_back[None, :] - self.first, 0, len(self.marks) - 1)]
        shape = anchor.shape
        columns = [
            np.broadcast_to(np.arange(self.horizon, dtype=np.float64), shape),
            ordinals % self.season,
            np.broadcast_to(np.log10(np.maximum(np.abs(year), 1e-3))[:, None], shape),
            (self.values[:, at - 1 : at] - anchor) / unit,
            (recent[:, None] - anchor) / unit,
            (year[:, None] - anchor) / unit,
            (lag - anchor) / unit,
            (self.lagged(at, 2) - anchor) / unit,
            (np.roll(lag, -1, axis=1) - lag) / unit,
            (np.roll(lag, 1, axis=1) - lag) / unit,
            (self.family_season(at) - anchor) / unit,
            np.broadcast_to(((recent - year) / scale)[:, None], shape),
            np.broadcast_to(((year - before) / scale)[:, None], shape),
            np.broadcast_to((~np.isnan(self.values[:, :at])).sum(axis=1, keepdims=True), shape),
            *np.moveaxis(marks - then, 2, 0),
            *np.moveaxis(marks, 2, 0),
        ]
        rows = np.stack([np.asarray(column, dtype=np.float64).ravel() for column in columns], axis=1)
        return rows, anchor, scale


def trees(table: Table, back: int, seed: int, jobs: int, booster: lgb.Booster | None = None) -> Floats:
    """Series × steps from ``back`` periods before the end, learnt from what lay before it; raises on too few rows.

    A booster that was fitted before (``fit_trees``) is asked as it is.
    """
    made = fit_trees(table, back, seed, jobs) if booster is None else booster
    features, anchor, scale = table.features(table.values.shape[1] - back)
    added = np.asarray(made.predict(features, num_threads=jobs)).reshape(anchor.shape)
    return np.asarray(anchor + added * scale[:, None], dtype=np.float64)


def fit_trees(table: Table, back: int, seed: int, jobs: int) -> lgb.Booster:
    """Trees over all series of what lay before ``back`` periods before the end; raises ``ValueError`` on too few rows.

    The target is how far the anchor missed in units of a series' usual change, for every step at once.
    """
    at = table.values.shape[1] - back
    first = table.season + 1 if at > table.season + 8 else 4
    cells = len(table.values) * table.horizon
    origins = np.arange(first, at)[::-1]
    keep = max(1, len(origins) * cells // (8 * MOST_ROWS))
    generator = np.random.default_rng(seed)
    rows, came = [], []
    for origin in origins[::keep]:
        features, anchor, scale = table.features(int(origin))
        steps = min(table.horizon, at - int(origin))
        actual = np.full(anchor.shape, np.nan)
        actual[:, :steps] = table.values[:, origin : origin + steps]
        target = ((actual - anchor) / scale[:, None]).ravel()
        usable = np.flatnonzero(~np.isnan(target))
        most = max(1, 2 * MOST_ROWS // max(1, len(origins[::keep])))
        if len(usable) > most:
            usable = generator.choice(usable, most, replace=False)
        rows.append(features[usable])
        came.append(target[usable])
    if sum(map(len, came)) < FEWEST_ROWS:
        raise ValueError(f"{sum(map(len, came))} past cells to learn from; {FEWEST_ROWS} are needed")
    learnt, targets = np.concatenate(rows), np.concatenate(came)
    if len(targets) > MOST_ROWS:
        chosen = np.sort(generator.choice(len(targets), MOST_ROWS, replace=False))
        learnt, targets = learnt[chosen], targets[chosen]
    data = lgb.Dataset(
        learnt,
        np.clip(targets, -6, 6),
        feature_name=list(FEATURES),
        params={"max_bin": PARAMS["max_bin"], "verbosity": -1},
    )
    return lgb.train({**PARAMS, "seed": seed, "num_threads": jobs}, data, num_boost_round=ROUNDS)


def _marks(calendar: Calendar, first: int, last: int, countries: tuple[str, ...]) -> Floats:
    """Periods × marks: days from Monday to Friday that are no holiday, holidays, days of Ramadan."""
    ordinals = np.arange(first, last + 2)
    periods = calendar.periods(ordinals)
    starts = periods.start_time.to_numpy().astype("datetime64[D]")
    off = fasting = np.zeros(0, dtype="datetime64[D]")
    if countries:
        told = holidays_of(countries, int(periods[0].year), int(periods[-1].year) + 1)
        fasts = told["name"] == RAMADAN
        off, fasting = (
            np.unique(pd.DatetimeIndex(told.loc[rows, "day"]).to_numpy().astype("datetime64[D]"))
            for rows in (~fasts, fasts)
        )
    work = np.busday_count(starts[:-1], starts[1:], holidays=off)
    held, fasted = (np.diff(np.searchsorted(days, starts)) for days in (off, fasting))
    return np.stack([work, held, fasted], axis=1).astype(np.float64)


def _mean(values: Floats) -> Floats:
    counts = (~np.isnan(values)).sum(axis=1)
    sums = np.nansum(values, axis=1)
    means: Floats = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return means
