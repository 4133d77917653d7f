"""Quotients, significance of a gain, bootstrap intervals and the interval of a rate, as all layers share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Bools, Floats, Ints

RATE_CONFIDENCE = 0.8
CONFIDENCE = 0.95
MAX_VALUES_AT_ONCE = 1_000_000


def safe_divide(
    numerator: Floats | float, denominator: Floats | Ints, otherwise: float = 0.0, where: Bools | None = None
) -> Floats:
    """The quotient where the denominator is above 0 (or where ``where`` holds), ``otherwise`` elsewhere.

    The arrays are broadcast against one another.
    """
    usable = denominator > 0 if where is None else where
    result = np.full(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)), otherwise, dtype=np.float64)
    np.divide(numerator, denominator, out=result, where=usable)
    return result


@dataclass(frozen=True)
class Gain:
    """Mean gain in loss of one method over another, its standard error, and how many observations it rests on.

    The error is NaN, and no gain significant, with fewer than two observations.
    """

    mean: float
    error: float
    n: int

    @property
    def z(self) -> float:
        """The mean gain in standard errors; infinite for a constant gain other than 0, NaN where the error is."""
        if self.error == 0.0:
            return float(np.inf * np.sign(self.mean)) if self.mean else 0.0
        return self.mean / self.error

    def exceeds(self, standard_errors: float, tolerance: float = 0.0) -> bool:
        """Whether the mean gain is larger than ``standard_errors`` of its errors, by more than a rounding tolerance."""
        return self.n > 1 and bool(self.mean > standard_errors * self.error + tolerance)


def mean_gain(losses_a: Floats, losses_b: Floats, clusters: "NDArray[Any] | None" = None, correlated: int = 1) -> Gain:
    """The mean of ``losses_a - losses_b`` (positive: the second method loses less) over rows where neither is NaN.

    With ``clusters`` (an account or deal per row) each cluster's mean gain is one observation. With ``correlated``
    that many neighboring rows count as one independent observation in the standard error.
    """
    all_gains = np.asarray(losses_a, dtype=np.float64) - np.asarray(losses_b, dtype=np.float64)
    known = ~np.isnan(all_gains)
    gains: Floats = all_gains[known]
    if clusters is not None:
        by_cluster = pd.Series(gains).groupby(np.asarray(clusters)[known]).mean()
        gains = np.asarray(by_cluster, dtype=np.float64)
    n = len(gains)
    if n < 2:
        return Gain(float(gains.mean()) if n else float("nan"), float("nan"), n)
    return Gain(float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(max(n / correlated, 1.0))), n)


@dataclass(frozen=True)
class BootstrapMean:
    """The mean of some values, its percentile interval, and the mean of every resample in the order drawn."""

    mean: float
    low: float
    high: float
    resampled: Floats


def bootstrap_mean(values: Floats, seed: int, n_resamples: int, confidence: float = CONFIDENCE) -> BootstrapMean:
    """The mean with a percentile interval over resampled values (Efron, 1979; ``scipy.stats.bootstrap``).

    Raises ``ValueError`` for no values; one value is its own interval.
    """
    from scipy.stats import bootstrap

    if not len(values):
        raise ValueError("the mean of no values has no interval")
    mean = float(values.mean())
    if len(values) == 1:
        return BootstrapMean(mean, mean, mean, np.full(n_resamples, mean))
    result = bootstrap(
        (values,),
        np.mean,
        n_resamples=n_resamples,
        batch=max(1, MAX_VALUES_AT_ONCE // len(values)),
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    interval = result.confidence_interval
    return BootstrapMean(mean, float(interval.low), float(interval.high), np.asarray(result.bootstrap_distribution))


@dataclass(frozen=True)
class ClusterBootstrap:
    """Resamples of whole clusters with replacement (Field and Welsh, 2007): rows of one account are not
    independent observations.

    ``times`` (resamples × clusters) says how often each cluster was drawn, ``cluster`` (rows) to which one a row
    belongs. The same clusters and seed give the same resamples.
    """

    times: Floats
    cluster: Ints

    @classmethod
    def draw(
        cls, clusters: "NDArray[Any] | pd.Series", seed: int | Sequence[int], n_resamples: int
    ) -> "ClusterBootstrap":
        """Resamples of the clusters named for each row."""
        cluster, keys = pd.factorize(np.asarray(clusters), sort=True)
        rng = np.random.default_rng(seed)
        times = rng.multinomial(len(keys), np.full(len(keys), 1 / len(keys)), size=n_resamples)
        return cls(times.astype(np.float64), cluster.astype(np.int64))

    @property
    def n_clusters(self) -> int:
        """How many clusters the rows form."""
        return int(self.times.shape[1])

    def sums(self, values: NDArray[Any]) -> Floats:
        """Sums of the rows' values over each resample: resamples × columns."""
        columns = values.reshape(len(values), -1)
        by_cluster = np.zeros((self.n_clusters, columns.shape[1]))
        np.add.at(by_cluster, self.cluster, columns)
        return np.asarray(self.times @ by_cluster)

    def means(self, values: NDArray[Any], where: Bools | None = None) -> Floats:
        """Mean of the rows' values in each resample, over the rows marked by ``where``; 0 where it has none of them."""
        counted = np.ones(len(values)) if where is None else where
        return np.asarray(self.sums(values)[:, 0] / np.maximum(self.sums(counted)[:, 0], 1))

    def rows(self, resample: int) -> Ints:
        """Row numbers of one resample, in row order, each as often as its cluster was drawn."""
        times = self.times[resample].astype(np.int64)[self.cluster]
        return np.repeat(np.arange(len(self.cluster), dtype=np.int64), times)


def percentile_interval(values: Floats, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Percentile bounds of resampled figures, those that are not finite left out; ``None`` if none is."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def rate_interval(events: float, rows: float, confidence: float = RATE_CONFIDENCE) -> tuple[float, float]:
    """Bounds of a rate after ``events`` in ``rows`` trials: Jeffreys' interval (Brown, Cai and DasGupta, 2001)."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    bounds = beta.ppf([tail, 1 - tail], events + 0.5, rows - events + 0.5)
    return float(bounds[0]), float(bounds[1])


def wilson_interval(rate: float, rows: float, z: float) -> tuple[float, float]:
    """Bounds of a rate in ``rows`` trials, ``z`` standard errors to either side (Wilson, 1927)."""
    center = (rate + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z / (1 + z**2 / rows) * (rate * (1 - rate) / rows + z**2 / (4 * rows**2)) ** 0.5
    return center - half, center + half


def auc(scores: Floats, outcomes: Floats) -> float:
    """Area under the ROC curve of outcomes (0 or 1); NaN when all outcomes are equal."""
    from sklearn import metrics

    positives = outcomes > 0
    if positives.all() or not positives.any():
        return float("nan")
    return float(metrics.roc_auc_score(positives, scores))
