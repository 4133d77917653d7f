"""Ways to forecast the series of a panel from what it held before an origin. Steps × nodes come back, NaN: cannot."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import pandas as pd

from models.panel import HORIZON, RECENT, SEASON, Grain, Numbers, Panel, mean

PLAIN = "seasonal naive"
GROWN = "seasonal growth"
TREES = "lightgbm"
PROPHET = "prophet"
MIXED = "mean of all"

PROPHET_NODES = 5
"""Prophet is fitted anew for every node and origin, a tenth of a second each: the total and some regions only."""

TWO_YEARS: dict[Grain, int] = {"week": 106, "month": 25}
"""Periods that certainly hold 730 days between the first and the last."""

FULL_GROWTH = 0.5
"""How much of last quarter's growth over the year before is carried on: regression to the mean takes the rest."""


class Forecaster(Protocol):
    """A way to forecast: periods × nodes before the origin in, steps × nodes out."""

    def __call__(self, panel: Panel, origin: int, steps: int) -> Numbers: ...


def seasonal_naive(panel: Panel, origin: int, steps: int) -> Numbers:
    """The same period a year before; where there is none, the mean of the recent periods."""
    past = _lagged(panel, origin, steps)
    return np.where(np.isnan(past), _recent(panel, origin), past)


def seasonal_growth(panel: Panel, origin: int, steps: int) -> Numbers:
    """The same period a year before, times half of the growth of the recent quarter over that of the year before."""
    quarter = max(1, SEASON[panel.grain] // 4)
    now = mean(panel.values[max(0, origin - quarter) : origin])
    then = mean(panel.values[max(0, origin - quarter - panel.season) : max(0, origin - panel.season)])
    growth = np.divide(now, then, out=np.ones_like(now), where=(then > 0) & (now > 0) & ~np.isnan(then))
    return seasonal_naive(panel, origin, steps) * np.clip(growth, 0.25, 4.0) ** FULL_GROWTH


def prophet(panel: Panel, origin: int, steps: int) -> Numbers:
    """Prophet's trend and yearly season for the total and the largest regions that have two years behind them."""
    forecast = np.full((steps, len(panel.nodes)), np.nan)
    for node in prophet_nodes(panel, origin):
        fitted = fit_prophet(panel, node, origin)
        ahead = pd.DataFrame({"ds": panel.future(origin, steps)})
        forecast[:, node] = np.maximum(predict_prophet(fitted, ahead), 0.0)
    return forecast


def prophet_nodes(panel: Panel, origin: int) -> list[int]:
    """Places of the nodes that Prophet is fitted for: two whole years of history, the largest first."""
    old = panel.age(origin) >= TWO_YEARS[panel.grain]
    size = np.nansum(panel.values[max(0, origin - panel.season) : origin], axis=0)
    fit = [node for node, level in enumerate(panel.levels) if level in ("total", "region") and old[node]]
    return sorted(fit, key=lambda node: (-size[node], node))[:PROPHET_NODES]


def fit_prophet(panel: Panel, node: int, origin: int) -> Any:
    """A Prophet of one node's history: piecewise trend with few breaks, multiplicative yearly season, no sampling."""
    start = int(panel.start[node])
    history = pd.DataFrame({"ds": panel.periods[start:origin], "y": panel.values[start:origin, node]})
    made = import_prophet()(
        yearly_seasonality=4,
        weekly_seasonality=False,
        daily_seasonality=False,
        seasonality_mode="multiplicative",
        n_changepoints=10,
        uncertainty_samples=0,
    )
    with _pandas_of_tomorrow():
        return made.fit(history, seed=0)


def predict_prophet(fitted: Any, ahead: pd.DataFrame) -> Numbers:
    """What a fitted Prophet says of the days ``ds``."""
    with _pandas_of_tomorrow():
        return np.asarray(fitted.predict(ahead)["yhat"], dtype=np.float64)


def import_prophet() -> Any:
    """Prophet's class, imported without its lines about plots, and its fits without theirs."""
    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("cmdstanpy").handlers = [logging.NullHandler()]  # with none, each fit would give it a new one
    return Prophet


@contextmanager
def _pandas_of_tomorrow() -> Iterator[None]:
    """Without the warnings about calls of Prophet that a later pandas will refuse."""
    with warnings.catch_warnings():
        for category in (FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category=category)
        yield


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


class Trees:
    """LightGBM over all nodes of all grains: how far the anchor misses, in units of each node's usual miss."""

    def __init__(self, booster: lgb.Booster) -> None:
        self.booster = booster

    @classmethod
    def fit(cls, panels: list[Panel], origins: list[int], seed: int) -> "Trees | None":
        """Fitted on what each panel held before its origin; ``None`` where no node has a year and a quarter."""
        rows, targets = zip(*(_rows(panel, origin) for panel, origin in zip(panels, origins, strict=True)), strict=True)
        table, target = pd.concat(rows, ignore_index=True), np.concatenate(targets)
        if len(table) < 2 * PARAMS["min_data_in_leaf"]:
            return None
        if len(table) > MOST_ROWS:
            kept = np.sort(np.random.default_rng(seed).choice(len(table), MOST_ROWS, replace=False))
            table, target = table.iloc[kept], target[kept]
        data = lgb.Dataset(table, np.clip(target, -6, 6), params={"max_bin": PARAMS["max_bin"], "verbosity": -1})
        return cls(lgb.train({**PARAMS, "seed": seed}, data, num_boost_round=ROUNDS))

    def __call__(self, panel: Panel, origin: int, steps: int) -> Numbers:
        """The anchor and what the trees add to it, never below 0."""
        anchor = seasonal_growth(panel, origin, steps)
        table = rows_at(panel, origin, steps, anchor)
        added = np.asarray(self.booster.predict(table)).reshape(anchor.shape) * panel.scale(origin)
        return np.maximum(anchor + added, 0.0)


def rows_at(panel: Panel, origin: int, steps: int, anchor: Numbers) -> pd.DataFrame:
    """Features of every step and node from an origin (steps outer), columns ``FEATURES``; only what lay before it."""
    season = panel.season
    values, scale = panel.values, panel.scale(origin)
    past = _lagged(panel, origin, steps)
    ahead = panel.future(origin, steps)
    level_recent = _recent(panel, origin)
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

    following = np.vstack([past[1:], np.full((1, shape[1]), np.nan)])
    levels = np.array([("total", "region", "segment").index(level) for level in panel.levels], dtype=np.float64)
    days = _workdays(ahead, panel) - _workdays(panel.future(origin, steps) - pd.DateOffset(years=1), panel)
    columns = {
        "weekly": each(np.full(shape[1], float(panel.grain == "week"))),
        "level": each(levels),
        "step": by_step(np.arange(1, steps + 1) / HORIZON[panel.grain]),
        "month": by_step(ahead.month),
        "week": by_step(ahead.isocalendar().week),
        "size": each(np.log10(np.maximum(level_year, 1.0))),
        "last_year": (past - anchor) / scale,
        "last_year_next": (following - past) / scale,
        "recent": (level_recent - anchor) / scale,
        "latest": (values[origin - 1] - anchor) / scale,
        "year": (level_year - anchor) / scale,
        "growth": each((quarter_now - quarter_then) / scale),
        "year_growth": each((level_year - year_before) / scale),
        "turn": each((quarter_now - quarter_before) / scale),
        "workdays": by_step(days),
        "age_years": each(panel.age(origin) / season),
    }
    return pd.DataFrame({name: np.asarray(columns[name], dtype=np.float64).ravel() for name in FEATURES})


def _rows(panel: Panel, until: int) -> tuple[pd.DataFrame, Numbers]:
    """Training rows: earlier origins of every node with a year behind it, and steps that were over by ``until``."""
    tables, targets = [pd.DataFrame(columns=list(FEATURES), dtype=np.float64)], [np.zeros(0)]
    stride = 1 if panel.grain == "month" else 3
    for origin in range(until - 1, panel.season - 1, -stride):
        steps = min(panel.horizon, until - origin)
        anchor = seasonal_growth(panel, origin, steps)
        table = rows_at(panel, origin, steps, anchor)
        target = ((panel.values[origin : origin + steps] - anchor) / panel.scale(origin)).ravel()
        old = np.broadcast_to(panel.age(origin) >= panel.season, anchor.shape).ravel()
        usable = old & ~np.isnan(target)
        tables.append(table[usable])
        targets.append(target[usable])
    return pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0], np.concatenate(targets)


def _lagged(panel: Panel, origin: int, steps: int) -> Numbers:
    """The value one year before each step (the same steps again past a year ahead); NaN where there is none."""
    places = origin - panel.season + np.arange(steps) % panel.season
    past = np.full((steps, len(panel.nodes)), np.nan)
    past[places >= 0] = panel.values[places[places >= 0]]
    return past


def _recent(panel: Panel, origin: int) -> Numbers:
    return mean(panel.values[max(0, origin - RECENT[panel.grain]) : origin])


def _workdays(first: pd.DatetimeIndex, panel: Panel) -> Numbers:
    """Mondays to Fridays of each period; the same in every week."""
    if panel.grain == "week":
        return np.full(len(first), 5.0)
    starts = first.to_numpy().astype("datetime64[D]")
    ends = (first + pd.offsets.MonthBegin(1)).to_numpy().astype("datetime64[D]")
    return np.busday_count(starts, ends).astype(np.float64)
