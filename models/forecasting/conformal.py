"""Prediction intervals from the errors of the backtest: split conformal, by step, without a distribution assumed.

A half-width is a quantile of the scaled errors of all series at a step, with the finite-sample correction (Vovk,
Gammerman & Shafer 2005), times the scale of each series (Papadopoulos et al. 2002).
"""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from data.arrays import Floats
from data.outputs.score_tables import INTERVAL_LEVELS

WIDENING = 1.5
"""Factor on the largest error where errors are too few for the quantile."""
MIN_ERRORS_OF_STEP = 100
"""Errors of a step from which its quantile needs no neighboring steps."""


@dataclass(frozen=True)
class Intervals:
    """Half-widths by per cent and step, in scales of a series.

    Notes: coming errors are assumed to resemble past ones; a structural break is in no interval.
    """

    half_widths: dict[int, Floats]

    def bounds(self, forecasts: Floats, scale: Floats, floors: Floats) -> tuple[dict[int, Floats], dict[int, Floats]]:
        """Lower and upper bounds of forecasts (series × steps) by per cent; lower ones are not below the floors."""
        lower, upper = {}, {}
        for level, half_widths in self.half_widths.items():
            distance = scale[:, None] * half_widths[None, : forecasts.shape[1]]
            lower[level] = np.maximum(forecasts - distance, floors[:, None])
            upper[level] = forecasts + distance
        return lower, upper


def calibrate_intervals(errors: Floats, h: int) -> Intervals:
    """Intervals from scaled absolute errors (series × cutoffs × steps, NaN if unknown); never narrower at later steps.

    Where errors of a step are too few, those of neighboring steps are added; where all are, the largest is widened.
    """
    half_widths: dict[int, Floats] = {}
    widest = np.zeros(h)
    for level in INTERVAL_LEVELS:
        by_step = np.array([_error_quantile(errors, step, h, level / 100) for step in range(h)])
        widest = np.maximum(widest, np.maximum.accumulate(by_step))
        half_widths[level] = widest
    return Intervals(half_widths)


def _error_quantile(errors: Floats, step: int, h: int, coverage: float) -> float:
    """The smallest half-width that covers one more error of a step with probability ``coverage``."""
    for neighbors in dict.fromkeys((0, max(1, step // 3), max(2, step), h)):
        sample = errors[..., max(0, step - neighbors) : step + neighbors + 1].ravel()
        sample = np.sort(sample[~np.isnan(sample)])
        rank = ceil((len(sample) + 1) * coverage)
        if neighbors == 0 and len(sample) < MIN_ERRORS_OF_STEP:
            continue
        if rank <= len(sample):
            return float(sample[rank - 1])
    all_errors = errors[~np.isnan(errors)]
    if len(all_errors) == 0:
        return 2.0 * sqrt(step + 1)  # no error is known: two standard deviations of a random walk
    return WIDENING * float(all_errors.max())
