"""Bootstrap intervals of metrics of one evaluation, at 95 % (Efron, 1979; clusters: Field and Welsh, 2007)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import Floats
from data.statistics import ClusterBootstrap, auc, bootstrap_mean, percentile_interval
from models.evaluation.metrics import brier_score, log_loss, top_decile_lift

MAX_RESAMPLES = 200
MIN_RESAMPLES = 40
MAX_RESAMPLED_ROWS = 3_000_000
"""Bound on rows drawn in all: a metric of very many rows is steady enough for fewer resamples."""

Metric = Callable[[Floats, Floats], float]

PROBABILITY_METRICS: dict[str, Metric] = {
    "log loss": log_loss,
    "auc": auc,
    "brier": brier_score,
    "top-decile lift": top_decile_lift,
}
"""Metrics of probabilities against outcomes that have an interval; the calibration error has none (see there)."""


def metric_intervals(
    predictions: Floats,
    outcomes: Floats,
    seed: int,
    *,
    metrics: Mapping[str, Metric] = PROBABILITY_METRICS,
    clusters: "NDArray[Any] | None" = None,
) -> dict[str, tuple[float, float]]:
    """Bounds of each metric at 95 %, percentiles over resampled clusters (whole accounts, say) or, without, rows.

    Resamples in which a metric is undefined (an AUC of one class) are left out; a metric undefined in all is too.
    """
    bootstrap = ClusterBootstrap.draw(
        np.arange(len(predictions)) if clusters is None else clusters, seed, _n_resamples(len(predictions))
    )
    values: dict[str, list[float]] = {name: [] for name in metrics}
    for resample in range(len(bootstrap.times)):
        rows = bootstrap.rows(resample)
        for name, metric in metrics.items():
            values[name].append(metric(predictions[rows], outcomes[rows]))
    bounds = {name: percentile_interval(np.array(resampled)) for name, resampled in values.items()}
    return {name: interval for name, interval in bounds.items() if interval is not None}


def mean_interval(losses: Sequence[float], seed: int) -> tuple[float, float] | None:
    """Bounds of a mean loss at 95 %, NaN losses left out; ``None`` without any loss."""
    values = np.array([loss for loss in losses if not np.isnan(loss)])
    if not len(values):
        return None
    bootstrap = bootstrap_mean(values, seed, _n_resamples(len(values)))
    return bootstrap.low, bootstrap.high


def loss_interval_metrics(metric: str, losses: Sequence[float], seed: int) -> dict[str, float]:
    """Metrics ``<metric> low`` and ``<metric> high``, the bounds of a fold's mean loss; empty without losses."""
    bounds = mean_interval(losses, seed)
    return {} if bounds is None else {f"{metric} low": bounds[0], f"{metric} high": bounds[1]}


def _n_resamples(rows: int) -> int:
    return int(np.clip(MAX_RESAMPLED_ROWS // max(rows, 1), MIN_RESAMPLES, MAX_RESAMPLES))
