"""Ways to forecast the series of a panel from what it held before an origin. Steps × nodes come back, NaN: cannot."""

import logging
from typing import Any, Protocol

import numpy as np
import pandas as pd

from features.series import Grain
from models.panel import SEASON, Numbers, Panel, mean

PLAIN = "seasonal naive"
GROWN = "seasonal growth"
TREES = "lightgbm"
PROPHET = "prophet"
MIXED = "mean of all"

TWO_YEARS: dict[Grain, int] = {"week": 106, "month": 25}
"""Periods that certainly hold 730 days between the first and the last."""

FULL_GROWTH = 0.5
"""How much of last quarter's growth over the year before is carried on: regression to the mean takes the rest."""


class Forecaster(Protocol):
    """A way to forecast: periods × nodes before the origin in, steps × nodes out."""

    def __call__(self, panel: Panel, origin: int, steps: int) -> Numbers: ...


def seasonal_naive(panel: Panel, origin: int, steps: int) -> Numbers:
    """The same period a year before; where there is none, the mean of the recent periods."""
    past = lagged(panel, origin, steps)
    return np.where(np.isnan(past), panel.recent(origin), past)


def seasonal_growth(panel: Panel, origin: int, steps: int) -> Numbers:
    """The same period a year before, times half of the growth of the recent quarter over that of the year before."""
    quarter = max(1, SEASON[panel.grain] // 4)
    now = mean(panel.values[max(0, origin - quarter) : origin])
    then = mean(panel.values[max(0, origin - quarter - panel.season) : max(0, origin - panel.season)])
    growth = np.divide(now, then, out=np.ones_like(now), where=(then > 0) & (now > 0) & ~np.isnan(then))
    return seasonal_naive(panel, origin, steps) * np.clip(growth, 0.25, 4.0) ** FULL_GROWTH


def prophet(panel: Panel, origin: int, steps: int) -> Numbers:
    """Prophet's trend and yearly season for the total, once it has two years behind it.

    Fitted anew at every origin, a tenth of a second each: what other nodes gained was not worth their seconds.
    """
    forecast = np.full((steps, len(panel.nodes)), np.nan)
    if panel.age(origin)[0] >= TWO_YEARS[panel.grain]:
        ahead = pd.DataFrame({"ds": panel.future(origin, steps)})
        forecast[:, 0] = np.maximum(predict_prophet(fit_prophet(panel, 0, origin), ahead), 0.0)
    return forecast


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
    return made.fit(history, seed=0)


def predict_prophet(fitted: Any, ahead: pd.DataFrame) -> Numbers:
    """What a fitted Prophet says of the days ``ds``."""
    return np.asarray(fitted.predict(ahead)["yhat"], dtype=np.float64)


def import_prophet() -> Any:
    """Prophet's class, imported without its lines about plots, and its fits without theirs."""
    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("cmdstanpy").handlers = [logging.NullHandler()]  # with none, each fit would give it a new one
    return Prophet


def lagged(panel: Panel, origin: int, steps: int) -> Numbers:
    """The value one year before each step (the same steps again past a year ahead); NaN where there is none."""
    places = origin - panel.season + np.arange(steps) % panel.season
    past = np.full((steps, len(panel.nodes)), np.nan)
    past[places >= 0] = panel.values[places[places >= 0]]
    return past
