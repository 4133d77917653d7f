"""Metrics of past scores against their outcomes, with intervals that resample accounts.

An account is scored week after week with one outcome, so its rows are not independent observations.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.statistics import ClusterBootstrap, auc, safe_divide, wilson_interval

N_DECILES = 10
N_RESAMPLES = 500
SEED_OFFSET = 31
Z = 2.576
"""Standard errors that an interval reaches to either side: 99 % confidence."""
MIN_PROBABILITY = 1e-6
"""Smallest distance of a probability from 0 and 1 in the log loss."""


@dataclass(frozen=True)
class ScoredRows:
    """The rows of one score, month and version in ascending order of score, with resamples of their accounts."""

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    keys: pd.Series
    resamples: ClusterBootstrap
    kind: str

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, kind: str, seed: int) -> "ScoredRows":
        """From rows with ``value, outcome, low, high, key``; ``kind`` is *probability* or *money*."""
        resamples = ClusterBootstrap.draw(rows["key"], [seed, SEED_OFFSET], N_RESAMPLES)
        predicted, observed, low, high = (
            rows[name].to_numpy(np.float64) for name in ("value", "outcome", "low", "high")
        )
        return cls(predicted, observed, low, high, rows["key"], resamples, kind)

    @property
    def decile(self) -> Ints:
        """The decile of each row by its score, from 1 (lowest); sizes of deciles differ by at most one row."""
        return np.asarray(np.arange(len(self.predicted)) * N_DECILES // len(self.predicted) + 1, dtype=np.int64)

    def metrics(self) -> dict[str, float]:
        """The mean prediction and outcome, and the metrics of the kind; limits as ``<metric>_low`` and ``_high``."""
        observed = self.observed.mean()
        limits = self.limits(observed, self.resamples.means(self.observed), is_share=self.kind == "probability")
        means = {"predicted": self.predicted.mean(), "observed": observed, **_named("observed", limits)}
        return means | (self._of_amounts() if self.kind == "money" else self._of_probabilities())

    def _of_amounts(self) -> dict[str, float]:
        """Mean absolute error, and the share of outcomes within the intervals that were published."""
        metrics = {"absolute_error": np.abs(self.predicted - self.observed).mean()}
        has_interval = ~np.isnan(self.low) & ~np.isnan(self.high)
        if has_interval.any():
            inside = (self.observed >= self.low) & (self.observed <= self.high) & has_interval
            coverage = inside.sum() / has_interval.sum()
            limits = self.limits(coverage, self.resamples.means(inside, has_interval), is_share=True)
            metrics |= {"coverage": coverage, **_named("coverage", limits)}
        return metrics

    def _of_probabilities(self) -> dict[str, float]:
        """Brier score, log loss, AUC, lift of the top decile, and expected calibration error over deciles.

        The last is of Naeini et al. (2015).
        """
        from sklearn.metrics import log_loss

        is_top = self.decile == N_DECILES
        by_decile = self.decile[:, None] == np.arange(1, N_DECILES + 1)
        differences = by_decile * (self.predicted - self.observed)[:, None]
        rows = self.resamples.sums(np.ones(len(self.predicted)))[:, 0]
        calibration_errors = np.abs(self.resamples.sums(differences)).sum(axis=1) / rows
        top_rates, rates = self.resamples.means(self.observed * is_top, is_top), self.resamples.means(self.observed)
        lifts = safe_divide(top_rates, rates, otherwise=np.nan)
        calibration_error = np.abs(differences.sum(axis=0)).sum() / len(self.predicted)
        lift = self.observed[is_top].mean() / self.observed.mean() if self.observed.any() else float("nan")
        bounded = np.clip(self.predicted, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        metrics = {
            "brier": ((self.predicted - self.observed) ** 2).mean(),
            "log_loss": float(log_loss(self.observed, bounded, labels=[0.0, 1.0])),
            "calibration_error": calibration_error,
            "auc": auc(self.predicted, self.observed),
            "lift": lift,
            **_named("calibration_error", self.limits(calibration_error, calibration_errors, is_share=False)),
            **_named("lift", self.limits(lift, lifts, is_share=False)),
        }
        return metrics | {name: max(metrics[name], 0.0) for name in ("calibration_error_low", "lift_low")}

    def by_decile(self) -> pd.DataFrame:
        """One row per decile: ``decile, matched, predicted, observed`` and the limits of the last."""
        rows = []
        for decile in range(1, N_DECILES + 1):
            inside = self.decile == decile
            mean, accounts = float(self.observed[inside].mean()), self.keys[inside].nunique()
            means = self.resamples.means(self.observed * inside, inside)
            limits = _limits(mean, means, accounts, is_share=self.kind == "probability")
            rows.append((decile, int(inside.sum()), self.predicted[inside].mean(), mean, *limits))
        columns = ["decile", "matched", "predicted", "observed", "observed_low", "observed_high"]
        return pd.DataFrame(rows, columns=columns)

    def limits(self, metric: float, resampled: Floats, *, is_share: bool) -> tuple[float, float]:
        """The interval of a metric of all rows."""
        return _limits(metric, resampled, self.resamples.n_clusters, is_share=is_share)


def _named(metric: str, limits: tuple[float, float]) -> dict[str, float]:
    return {f"{metric}_low": limits[0], f"{metric}_high": limits[1]}


def _limits(metric: float, resampled: Floats, accounts: int, *, is_share: bool) -> tuple[float, float]:
    """The interval of a metric: ``Z`` standard errors of its resamples.

    For a share, the Wilson interval of the number of independent rows that would have this standard error; of the
    number of accounts if the share is 0 or 1 or the resamples do not differ.
    """
    error = float(np.nanstd(resampled)) if not np.isnan(resampled).all() else float("nan")
    if not is_share:
        return metric - Z * error, metric + Z * error
    n = metric * (1 - metric) / error**2 if error > 0 and 0 < metric < 1 else float(accounts)
    return wilson_interval(metric, n, Z)
