"""Global methods, fitted to all series at once: boosted trees, and the seasonal profile of a series' parents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from data.arrays import Floats
from models.forecasting.method import MethodForecasts
from models.forecasting.panel import Panel, mean_by_row

if TYPE_CHECKING:
    import lightgbm as lgb

LIGHTGBM, PARENT_SEASONALITY = "lightgbm", "parent seasonality"
GLOBAL_TREE_PARAMS: dict[str, Any] = {
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
N_ROUNDS = 120
MAX_GLOBAL_ROWS = 120_000
"""Training rows of one fit; neighboring cutoffs add little that is new."""
MIN_ROWS = 300
MAX_TARGET = 6.0
"""Bound of the targets, in scales of their series."""
GLOBAL_FEATURES: tuple[str, ...] = (
    "step",
    "season",
    "log_size",
    "last",
    "recent_mean",
    "season_mean",
    "season_ago",
    "two_seasons_ago",
    "change_to_next_season",
    "change_from_season_before",
    "parent_seasonal",
    "recent_growth",
    "season_growth",
    "age",
    "workdays_change",
    "holidays_change",
    "ramadan_days_change",
    "workdays",
    "holidays",
    "ramadan_days",
)
"""Columns of ``tree_features``; amounts are distances from the damped-growth forecast, in scales of the series."""


@dataclass(frozen=True)
class ParentSeasonality:
    """Each series' recent mean times the seasonal profile of the nodes above it."""

    name: ClassVar[str] = PARENT_SEASONALITY
    expensive: ClassVar[bool] = False

    def forecast(self, panel: Panel, cutoffs: tuple[int, ...]) -> MethodForecasts:
        """Forecasts of every series from each cutoff; NaN without a parent or before its first season is over."""
        forecasts = [panel.parent_seasonal(panel.n_periods - cutoff) for cutoff in cutoffs]
        failure = "" if panel.parents.any() else "no hierarchy is given"
        return MethodForecasts(np.stack(forecasts, axis=1), failure)


@dataclass(frozen=True)
class BoostedTrees:
    """LightGBM over all series, fitted at each cutoff; a ``booster`` that was fitted earlier forecasts cutoff 0."""

    seed: int
    n_jobs: int = 1
    booster: "lgb.Booster | None" = None
    name: ClassVar[str] = LIGHTGBM
    expensive: ClassVar[bool] = False

    def forecast(self, panel: Panel, cutoffs: tuple[int, ...]) -> MethodForecasts:
        """Forecasts of every series from each cutoff; NaN from those with too few training rows before them."""
        forecasts = np.full((len(panel.series), len(cutoffs), panel.h), np.nan)
        failure = ""
        for i, cutoff in enumerate(cutoffs):
            t = panel.n_periods - cutoff
            try:
                booster = self.booster if self.booster is not None and cutoff == 0 else self._fit(panel, cutoff)
            except ValueError as error:
                failure = str(error)
                continue
            features, anchors, scale = tree_features(panel, t)
            distances = np.asarray(booster.predict(features, num_threads=self.n_jobs)).reshape(anchors.shape)
            forecasts[:, i] = anchors + distances * scale[:, None]
        return MethodForecasts(forecasts, failure)

    def _fit(self, panel: Panel, cutoff: int) -> "lgb.Booster":
        return fit_global_trees(panel, cutoff, self.seed, self.n_jobs)


def fit_global_trees(panel: Panel, cutoff: int, seed: int, n_jobs: int) -> "lgb.Booster":
    """Trees fitted to all series and past origins before a cutoff; raises ``ValueError`` on too few training rows.

    The target is the distance of the actual from the damped-growth forecast in scales of the series, for every step.
    """
    import lightgbm as lgb

    rows, targets = _training_rows(panel, panel.n_periods - cutoff, np.random.default_rng(seed))
    dataset = lgb.Dataset(
        rows,
        np.clip(targets, -MAX_TARGET, MAX_TARGET),
        feature_name=list(GLOBAL_FEATURES),
        params={"max_bin": GLOBAL_TREE_PARAMS["max_bin"], "verbosity": -1},
    )
    return lgb.train({**GLOBAL_TREE_PARAMS, "seed": seed, "num_threads": n_jobs}, dataset, num_boost_round=N_ROUNDS)


def _training_rows(panel: Panel, end: int, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Rows (features) and targets of origins before the column ``end``, a sample of at most ``MAX_GLOBAL_ROWS``."""
    first = panel.season_length + 1 if end > panel.season_length + 8 else 4
    origins = np.arange(first, end)[::-1]
    stride = max(1, len(origins) * len(panel.values) * panel.h // (8 * MAX_GLOBAL_ROWS))
    origins = origins[::stride]
    max_rows = max(1, 2 * MAX_GLOBAL_ROWS // max(1, len(origins)))
    rows, targets = [], []
    for origin in origins:
        features, anchors, scale = tree_features(panel, int(origin))
        steps = min(panel.h, end - int(origin))
        actuals = np.full(anchors.shape, np.nan)
        actuals[:, :steps] = panel.values[:, origin : origin + steps]
        distances = ((actuals - anchors) / scale[:, None]).ravel()
        usable = np.flatnonzero(~np.isnan(distances))
        if len(usable) > max_rows:
            usable = generator.choice(usable, max_rows, replace=False)
        rows.append(features[usable])
        targets.append(distances[usable])
    n_rows = sum(map(len, targets))
    if n_rows < MIN_ROWS:
        raise ValueError(f"{n_rows} past rows to train on; {MIN_ROWS} are needed")
    all_rows, all_targets = np.concatenate(rows), np.concatenate(targets)
    if n_rows > MAX_GLOBAL_ROWS:
        sample = np.sort(generator.choice(n_rows, MAX_GLOBAL_ROWS, replace=False))
        return all_rows[sample], all_targets[sample]
    return all_rows, all_targets


def tree_features(panel: Panel, t: int) -> tuple[Floats, Floats, Floats]:
    """Rows of ``GLOBAL_FEATURES`` for every series and step from column ``t`` (steps inner), their anchors and scales.

    The anchor (series × steps) is the damped-growth forecast, the scale (series) that of ``Panel.scale``.
    """
    anchors, scale = panel.damped_growth(t), panel.scale(t)
    unit = scale[:, None]
    season_length, steps = panel.season_length, np.arange(panel.h)
    recent, lagged = panel.recent_mean(t), panel.lagged(t)
    season_mean = mean_by_row(panel.values[:, max(0, t - season_length) : t])
    season_before = mean_by_row(panel.values[:, max(0, t - 2 * season_length) : max(t - season_length, 0)])
    ordinals = (panel.last_periods - panel.n_periods + 1)[:, None] + t + steps[None, :]
    then = ordinals - (season_length * (1 + steps // season_length))[None, :]
    rows_now, rows_then = (
        np.clip(periods - panel.first_period, 0, len(panel.calendar_features) - 1) for periods in (ordinals, then)
    )
    calendar_now = panel.calendar_features[rows_now]
    calendar_then = panel.calendar_features[rows_then]
    shape = anchors.shape
    columns = [
        np.broadcast_to(steps.astype(np.float64), shape),
        ordinals % season_length,
        np.broadcast_to(np.log10(np.maximum(np.abs(season_mean), 1e-3))[:, None], shape),
        (panel.values[:, t - 1 : t] - anchors) / unit,
        (recent[:, None] - anchors) / unit,
        (season_mean[:, None] - anchors) / unit,
        (lagged - anchors) / unit,
        (panel.lagged(t, 2) - anchors) / unit,
        (np.roll(lagged, -1, axis=1) - lagged) / unit,
        (np.roll(lagged, 1, axis=1) - lagged) / unit,
        (panel.parent_seasonal(t) - anchors) / unit,
        np.broadcast_to(((recent - season_mean) / scale)[:, None], shape),
        np.broadcast_to(((season_mean - season_before) / scale)[:, None], shape),
        np.broadcast_to(panel.ages(t)[:, None], shape),
        *np.moveaxis(calendar_now - calendar_then, 2, 0),
        *np.moveaxis(calendar_now, 2, 0),
    ]
    rows = np.stack([np.asarray(column, dtype=np.float64).ravel() for column in columns], axis=1)
    return rows, anchors, scale
