"""Forecast intervals from what forecasts missed before: split conformal, by horizon, without a shape assumed.

The width at a step is a quantile of the absolute errors of the backtest at such steps, in units of each node's usual
miss, with the finite-sample correction (Vovk, Gammerman & Shafer 2005). It assumes that the coming errors resemble the
past ones; a break of the business is in no interval. Where a level has too few errors at a step for the quantile, those
at more distant steps stand in, then those of all levels; where even these are too few, the widest error seen is the
bound, and the true chance is lower.
"""

from math import ceil
from typing import Any

import numpy as np

from models.panel import Numbers

WIDTHS: tuple[int, ...] = (50, 80, 95)
"""Per cent of outcomes that the intervals should hold."""


def fit_widths(errors: dict[str, list[tuple[int, Numbers]]], horizon: int) -> dict[str, Any]:
    """Half-widths by level, per cent and step (JSON), in units of a node's usual miss, never shrinking with the step.

    ``errors`` holds, for each level, pairs of a step (from 1) and the scaled absolute errors at it.
    """
    everything = [pair for pairs in errors.values() for pair in pairs]
    return {level: _nested(pairs, everything, horizon) for level, pairs in errors.items()}


def half_widths(widths: dict[str, Any], level: str, width: int, steps: int) -> Numbers:
    """The half-widths of the first steps, in units of the node's usual miss."""
    return np.array(widths[level][str(width)][:steps], dtype=np.float64)


def conformal_quantile(errors: Numbers, share: float) -> float | None:
    """The smallest bound that holds the share of one more error like these; ``None`` where they are too few to say."""
    place = ceil((len(errors) + 1) * share)
    return None if place > len(errors) else float(np.sort(errors)[place - 1])


def _nested(
    own: list[tuple[int, Numbers]], everything: list[tuple[int, Numbers]], horizon: int
) -> dict[str, list[float]]:
    """Half-widths by per cent and step; what holds more is never narrower, whoever's errors it borrowed."""
    widest = np.zeros(horizon)
    nested = {}
    for width in WIDTHS:
        widest = np.maximum(widest, _by_step(own, everything, horizon, width))
        nested[str(width)] = [round(float(bound), 6) for bound in widest]
    return nested


def _by_step(
    own: list[tuple[int, Numbers]], everything: list[tuple[int, Numbers]], horizon: int, width: int
) -> Numbers:
    bounds = []
    for step in range(1, horizon + 1):
        near = max(1, step // 3)
        bound = None
        for pairs, within in ((own, near), (own, 2 * near + 1), (own, horizon), (everything, near)):
            if bound is None:
                bound = conformal_quantile(_near(pairs, step, within), width / 100)
        if bound is None:
            seen = _near(everything, step, horizon)
            bound = float(seen.max()) if len(seen) else 0.0
        bounds.append(bound)
    accumulated: Numbers = np.maximum.accumulate(np.array(bounds, dtype=np.float64))
    return accumulated


def _near(pairs: list[tuple[int, Numbers]], step: int, near: int) -> Numbers:
    """Errors at steps at most ``near`` from the given one."""
    return np.concatenate([np.zeros(0), *(errors for at, errors in pairs if abs(at - step) <= near)])
