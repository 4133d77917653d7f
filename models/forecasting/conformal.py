"""Intervals from what the pool missed in the backtest: split conformal, by step, without a shape assumed.

A bound at a step is a quantile of scaled misses of all like series at that step, with the finite-sample correction
(Vovk, Gammerman & Shafer 2005); the scale is each series' own (Papadopoulos et al. 2002), so that a calm series has a
narrow interval and a wild one a wide one. It assumes that coming misses resemble past ones: a break of the business is
in no interval. Where misses are too few for a quantile, those at near steps stand in; where all are, the widest is
taken a half wider, and the note of the series says so.
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from data.arrays import Floats
from data.outputs.score_tables import WIDTHS

TOO_FEW = 1.5
"""By how much the widest miss seen is widened where misses are too few for the quantile."""


@dataclass(frozen=True)
class Bounds:
    """Half-widths by per cent and step, in units of a series' scale."""

    half: dict[int, Floats]

    def around(self, point: Floats, scale: Floats, floor: Floats) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Low and high of points (series × steps) by per cent; lows are not below the floor of a series."""
        low, high = {}, {}
        for width, half in self.half.items():
            reach = scale[:, None] * half[None, : point.shape[1]]
            low[width] = np.maximum(point - reach, floor[:, None])
            high[width] = point + reach
        return low, high


def calibrate(missed: Floats, horizon: int) -> Bounds:
    """The bounds by scaled absolute misses (series × origins × steps, NaN: unknown); never narrower at a later step."""
    half: dict[int, Floats] = {}
    widest = np.zeros(horizon)
    for width in WIDTHS:
        steps = np.array([_quantile(missed, step, horizon, width / 100) for step in range(horizon)])
        widest = np.maximum(widest, np.maximum.accumulate(steps))
        half[width] = widest
    return Bounds(half)


def _quantile(missed: Floats, step: int, horizon: int, share: float) -> float:
    """The smallest bound that holds the share of one more miss at a step."""
    for near in dict.fromkeys((0, max(1, step // 3), max(2, step), horizon)):
        at = missed[..., max(0, step - near) : step + near + 1].ravel()
        at = np.sort(at[~np.isnan(at)])
        place = ceil((len(at) + 1) * share)
        if near == 0 and len(at) < 100 and near != horizon:
            continue
        if place <= len(at):
            return float(at[place - 1])
    everything = missed[~np.isnan(missed)]
    if len(everything) == 0:
        return 2.0 * sqrt(step + 1)  # nothing was ever missed: a random walk's reach
    return TOO_FEW * float(everything.max())
