"""Forecasts that know the period under way: what is earned stays earned, and only the rest of it is uncertain."""

from dataclasses import replace

import numpy as np
import pandas as pd

from features.series import UnderWay
from models.panel import Forecast, Numbers, Panel, to_the_cent

DAYS_OF_A_MONTH = 365.25 / 12


def with_known(forecast: Forecast, now: UnderWay) -> Forecast:
    """The forecast whose first period is what its leaves have earned, and the share still to come of what was foreseen.

    Half-widths shrink with the square root of that share, as those of a sum of days do; no bound lies below what is
    earned. ``recurring`` is filled: what subscriptions brought so far, and bring if those that run today stay.
    """
    panel = forecast.panel
    earned = panel.of_leaves(now.leaves.set_index("node")["earned"]).clip(min=0.0)
    leaves = forecast.point[:, panel.leaves]
    leaves[0] = earned + now.left * leaves[0]
    point = to_the_cent(panel, leaves @ panel.summing().T)
    floor = np.zeros_like(point)
    floor[0] = to_the_cent(panel, (earned @ panel.summing().T)[None, :])[0]
    shrunk = np.ones((len(point), 1))
    shrunk[0] = np.sqrt(now.left)
    low: dict[int, Numbers] = {}
    high: dict[int, Numbers] = {}
    for width in forecast.low:
        low[width] = np.maximum(point - (forecast.point - forecast.low[width]) * shrunk, floor).round(2)
        high[width] = (point + (forecast.high[width] - forecast.point) * shrunk).round(2)
    return replace(forecast, point=point, low=low, high=high, recurring=_recurring(panel, forecast.periods, point, now))


def _recurring(panel: Panel, periods: pd.DatetimeIndex, point: Numbers, now: UnderWay) -> Numbers:
    """What today's subscriptions bring if all of them stay (steps × nodes), at most a leaf's point; wholes are sums."""
    by_node = now.leaves.set_index("node")
    if not by_node[["recurring", "running"]].to_numpy().any():
        return np.full(point.shape, np.nan)
    months = np.full(len(periods), 1.0 if panel.grain == "month" else 7 / DAYS_OF_A_MONTH)
    days = periods.days_in_month[0] if panel.grain == "month" else DAYS_OF_A_MONTH
    months[0] = now.days_left / days
    leaves = months[:, None] * panel.of_leaves(by_node["running"])
    leaves[0] += panel.of_leaves(by_node["recurring"])
    return to_the_cent(panel, np.minimum(leaves, point[:, panel.leaves]) @ panel.summing().T)
