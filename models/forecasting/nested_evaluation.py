"""Nested evaluation: the errors of an ensemble that is fitted, at each past cutoff, to what was known by then.

The ensemble of ``Forecaster`` is fitted to all cutoffs; evaluated on them it would be evaluated on its training data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.outputs.score_tables import INTERVAL_LEVELS
from models.forecasting.backtest import Backtest
from models.forecasting.conformal import calibrate_intervals
from models.forecasting.ensemble import FittedEnsemble, fit_ensemble
from models.forecasting.forecaster import Forecaster


@dataclass(frozen=True)
class BacktestErrors:
    """Absolute errors at the cutoffs of a backtest but the first: series × cutoffs × steps, NaN if not evaluated.

    ``errors`` and ``baseline_errors`` are in scales of their series (``Panel.scale``); ``total_errors``,
    ``baseline_total_errors`` and ``total_actuals`` (cutoffs × steps) are those of the first series, in its unit.
    """

    unique_ids: tuple[str, ...]
    cutoffs: tuple[int, ...]
    errors: Floats
    baseline_errors: Floats
    total_errors: Floats
    baseline_total_errors: Floats
    total_actuals: Floats


def evaluate_backtest(backtest: Backtest, ensemble: FittedEnsemble | None = None) -> BacktestErrors:
    """Errors of the ensemble fitted before each cutoff, or of a given one, next to those of the baseline.

    Notes: forecasts are those of the series by themselves, not reconciled.
    """
    forecasts = np.full(backtest.actuals[:, 1:].shape, np.nan)
    for origin in range(1, len(backtest.cutoffs)):
        forecasts[:, origin - 1] = _forecast(backtest, origin, ensemble)
    actuals, scale, baseline = backtest.actuals[:, 1:], backtest.scale[:, 1:], backtest.baseline[:, 1:-1]
    with np.errstate(invalid="ignore"):
        errors, baseline_errors = (np.abs(values - actuals) / scale for values in (forecasts, baseline))
    evaluated = ~np.isnan(errors) & ~np.isnan(baseline_errors)
    return BacktestErrors(
        unique_ids=backtest.unique_ids,
        cutoffs=backtest.cutoffs[1:],
        errors=np.where(evaluated, errors, np.nan),
        baseline_errors=np.where(evaluated, baseline_errors, np.nan),
        total_errors=np.abs(forecasts[0] - actuals[0]),
        baseline_total_errors=np.abs(baseline[0] - actuals[0]),
        total_actuals=actuals[0],
    )


def _forecast(backtest: Backtest, origin: int, ensemble: FittedEnsemble | None) -> Floats:
    """Series × steps: forecasts of the given ensemble from a cutoff, or of one fitted to what was known then."""
    if ensemble is not None:
        return ensemble.or_baseline(ensemble.combine(backtest, origin), backtest, origin)
    earlier = backtest.before(origin)
    fitted = fit_ensemble(earlier)
    return fitted.or_baseline(fitted.combine(earlier.select(fitted.selected)), earlier)


def seen_in_training(forecaster: Forecaster, cutoffs: Sequence[int], steps: int, trained_as_of: date) -> Bools:
    """Cutoffs × steps: whether the period was complete at a training date; the one then current was not."""
    training_period = int(forecaster.calendar_.ordinals(pd.Series([pd.Timestamp(trained_as_of)]))[0])
    last_period = max(series.last_period for series in forecaster.series_)
    ahead = np.arange(1, steps + 1)[None, :] - np.array(cutoffs)[:, None]
    return np.asarray(last_period + ahead < training_period, dtype=bool)


def interval_coverage(tables: Sequence[BacktestErrors]) -> dict[str, float]:
    """The share of actuals in each interval ("coverage 80"), half-widths calibrated on the other cutoffs."""
    covered: dict[int, list[Floats]] = {level: [] for level in INTERVAL_LEVELS}
    for table in tables:
        for i in range(len(table.cutoffs)):
            others, errors = np.delete(table.errors, i, axis=1), table.errors[:, i]
            if np.isnan(others).all() or np.isnan(errors).all():
                continue
            intervals = calibrate_intervals(others, errors.shape[1])
            for level in INTERVAL_LEVELS:
                inside = errors <= intervals.half_widths[level][None, :]
                covered[level].append(inside[~np.isnan(errors)].astype(np.float64))
    return {f"coverage {level}": float(np.concatenate(flags).mean()) for level, flags in covered.items() if flags}


def level_weights(levels: list[str], evaluated: Bools) -> Floats:
    """Series × cutoffs × steps: weights by which every level counts equally; their mean over evaluated cells is 1."""
    weights = np.zeros(evaluated.shape)
    for level in dict.fromkeys(levels):
        of_level = evaluated & np.array([name == level for name in levels])[:, None, None]
        if of_level.any():
            weights[of_level] = 1.0 / of_level.sum()
    scaled: Floats = weights * (evaluated.sum() / max(float(weights.sum()), 1e-12))
    return scaled
