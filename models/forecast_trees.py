"""Boosted trees over all nodes of all grains: how far the plain growth of a season misses, and why."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.series import Grain
from models.forecasters import lagged, seasonal_growth
from models.panel import HORIZON, Numbers, Panel, mean

FEATURES: tuple[str, ...] = (
    "weekly",
    "level",
    "step",
    "month",
    "week",
    "size",
    "last_year",
    "last_year_next",
    "recent",
    "latest",
    "year",
    "growth",
    "year_growth",
    "turn",
    "workdays",
    "age_years",
)
"""Amounts count in the node's usual miss, as distance from the anchor (``seasonal_growth``)."""

PARAMS: dict[str, Any] = {
    "objective": "regression_l1",
    "num_leaves": 15,
    "learning_rate": 0.06,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
ROUNDS = 80
MOST_ROWS = 60_000
"""Rows that one fit learns from; weeks of many nodes give millions, which say the same again."""


STRIDE: dict[Grain, int] = {"month": 1, "week": 3}
"""Every how many periods an origin is learnt from: neighbouring weeks say the same again."""


@dataclass(frozen=True)
class Lessons:
    """What can be learnt from panels: a row per origin, step and node with a year behind it, and what came.

    ``grain`` says to which panel a row belongs, ``over`` by which of its origins the period was over.
    """

    rows: Numbers
    came: Numbers
    grain: NDArray[np.str_]
    over: NDArray[np.int64]

    @classmethod
    def of(cls, panels: dict[Grain, Panel]) -> "Lessons":
        """The lessons of all origins of some panels; features of an origin are of what lay before it only."""
        rows, came = [np.zeros((0, len(FEATURES)))], [np.zeros(0)]
        grains, over = [np.zeros(0, dtype=np.str_)], [np.zeros(0, dtype=np.int64)]
        for grain, panel in panels.items():
            last = len(panel.values)
            for origin in range(panel.season, last, STRIDE[grain]):
                steps = min(panel.horizon, last - origin)
                anchor = seasonal_growth(panel, origin, steps)
                target = (panel.values[origin : origin + steps] - anchor) / panel.scale(origin)
                usable = (~panel.young(origin)[None, :] & ~np.isnan(target)).ravel()
                rows.append(_features(panel, origin, steps, anchor)[usable])
                came.append(target.ravel()[usable])
                over.append(np.repeat(np.arange(origin + 1, origin + steps + 1), len(panel.nodes))[usable])
                grains.append(np.full(int(usable.sum()), grain))
        return cls(np.vstack(rows), np.concatenate(came), np.concatenate(grains), np.concatenate(over))

    def before(self, origins: dict[Grain, int]) -> NDArray[np.int64]:
        """Places of the rows of grains whose periods were over by an origin."""
        known = np.zeros(len(self.came), dtype=bool)
        for grain, origin in origins.items():
            known |= (self.grain == grain) & (self.over <= origin)
        return np.flatnonzero(known)


class Trees:
    """LightGBM over all nodes of all grains: how far the anchor misses, in units of each node's usual miss."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster

    @classmethod
    def fit(cls, lessons: Lessons, origins: dict[Grain, int], seed: int) -> "Trees | None":
        """Fitted on what each grain's panel held before its origin; ``None`` where that is too little."""
        known = lessons.before(origins)
        if len(known) < 2 * PARAMS["min_data_in_leaf"]:
            return None
        if len(known) > MOST_ROWS:
            known = np.sort(np.random.default_rng(seed).choice(known, MOST_ROWS, replace=False))
        data = lgb.Dataset(
            lessons.rows[known],
            np.clip(lessons.came[known], -6, 6),
            feature_name=list(FEATURES),
            params={"max_bin": PARAMS["max_bin"], "verbosity": -1},
        )
        return cls(lgb.train({**PARAMS, "seed": seed}, data, num_boost_round=ROUNDS))

    def __call__(self, panel: Panel, origin: int, steps: int) -> Numbers:
        """The anchor and what the trees add to it, never below 0."""
        anchor = seasonal_growth(panel, origin, steps)
        added = np.asarray(self.booster.predict(_features(panel, origin, steps, anchor)))
        return np.maximum(anchor + added.reshape(anchor.shape) * panel.scale(origin), 0.0)


def rows_at(panel: Panel, origin: int, steps: int) -> pd.DataFrame:
    """Features of every step and node from an origin (steps outer), columns ``FEATURES``; only what lay before it."""
    features = _features(panel, origin, steps, seasonal_growth(panel, origin, steps))
    return pd.DataFrame(features, columns=list(FEATURES))


def _features(panel: Panel, origin: int, steps: int, anchor: Numbers) -> Numbers:
    season = panel.season
    values, scale = panel.values, panel.scale(origin)
    past = lagged(panel, origin, steps + 1)
    ahead = panel.future(origin, steps)
    level_recent = panel.recent(origin)
    level_year = mean(values[max(0, origin - season) : origin])
    quarter = max(1, season // 4)
    quarter_now = mean(values[max(0, origin - quarter) : origin])
    quarter_then = mean(values[max(0, origin - quarter - season) : max(0, origin - season)])
    quarter_before = mean(values[max(0, origin - 2 * quarter) : max(0, origin - quarter)])
    year_before = mean(values[max(0, origin - 2 * season) : max(0, origin - season)])
    shape = anchor.shape

    def each(of_node: Numbers) -> Numbers:
        return np.broadcast_to(of_node, shape)

    def by_step(of_step: Any) -> Numbers:
        return np.broadcast_to(np.asarray(of_step, dtype=np.float64)[:, None], shape)

    past, following = past[:-1], past[1:]
    levels = np.array([("total", "region", "segment").index(level) for level in panel.levels], dtype=np.float64)
    days = ahead.to_numpy().astype("datetime64[D]")
    thursdays = days + (3 - (days.astype(np.int64) + 3) % 7)  # a week belongs to the year of its Thursday
    week = 1 + (thursdays - thursdays.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) // 7
    columns = {
        "weekly": each(np.full(shape[1], float(panel.grain == "week"))),
        "level": each(levels),
        "step": by_step(np.arange(1, steps + 1) / HORIZON[panel.grain]),
        "month": by_step(ahead.month),
        "week": by_step(week),
        "size": each(np.log10(np.maximum(level_year, 1.0))),
        "last_year": (past - anchor) / scale,
        "last_year_next": (following - past) / scale,
        "recent": (level_recent - anchor) / scale,
        "latest": (values[origin - 1] - anchor) / scale,
        "year": (level_year - anchor) / scale,
        "growth": each((quarter_now - quarter_then) / scale),
        "year_growth": each((level_year - year_before) / scale),
        "turn": each((quarter_now - quarter_before) / scale),
        "workdays": by_step(_more_workdays(panel, days)),
        "age_years": each(panel.age(origin) / season),
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64).ravel() for name in FEATURES], axis=1)


def _more_workdays(panel: Panel, first: "NDArray[np.datetime64]") -> Numbers:
    """By how many Mondays to Fridays each period exceeds that of the year before; 0 in every week."""
    if panel.grain == "week":
        return np.zeros(len(first))
    months = first.astype("datetime64[M]")
    now, then = (
        np.busday_count(month.astype("datetime64[D]"), (month + 1).astype("datetime64[D]"))
        for month in (months, months - 12)
    )
    return (now - then).astype(np.float64)
