"""Expected revenue of an account in the coming window: Tweedie trees with its trailing revenue as offset.

The trees estimate by how much the window differs from what the account brings now (log link, Tweedie deviance: a mean
with many zeros). Accounts that have lapsed are corrected separately (``LapsedShrinkage``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from models.customer_value.lifetime_value import WINDOW_DAYS
from models.estimators.gradient_boosting import Encoding, fit_booster
from models.evaluation.cross_validation import Params

POWER = 1.5
"""Of the Tweedie deviance: between Poisson (1) and gamma (2), as sums of purchases are."""

TWEEDIE_PARAMS: dict[str, Any] = {"objective": "tweedie", "tweedie_variance_power": POWER, "learning_rate": 0.03}
FLOOR_SHARE = 0.01
"""Of the mean trailing revenue: the offset of an account that brings nothing now, since a logarithm has no zero."""

SHRINKAGES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Weights of the lapsed accounts' mean that are tried."""

PRIOR_RETURNS = 10
"""Weight of the prior, in returned accounts: their revenue was as expected."""

MIN_EXPECTED = 0.01
"""A cent: an expectation divides, and has a logarithm."""

MAX_GROWTH = 3.0
"""No account is expected to bring more than this many times its trailing revenue, or that of the mean account."""


@dataclass(frozen=True)
class OutOfTime:
    """Later rows than those of a fit, and the revenue that it expected of them."""

    rows: pd.DataFrame
    expected: Floats


def trailing_revenue(rows: pd.DataFrame) -> Floats:
    """Revenue of each account per 90 days: orders of its last year (or since its first), and today's subscriptions."""
    days = rows["days_since_first_order"].clip(WINDOW_DAYS, 365).fillna(365)
    orders = rows["revenue_365"].fillna(0.0) / days * WINDOW_DAYS
    recurring = rows["mrr"].fillna(0.0) * 12 / 365 * WINDOW_DAYS
    return np.asarray(np.maximum((orders + recurring).to_numpy(dtype=np.float64), 0.0))


def tweedie_losses(expected: Floats, actual: Floats) -> Floats:
    """One loss per row: the Tweedie deviance of actual from expected revenue."""
    first, second = 1 - POWER, 2 - POWER
    deviance = 2 * (actual**second / (first * second) - actual * expected**first / first + expected**second / second)
    return np.asarray(deviance)


def actual_revenue(rows: pd.DataFrame) -> Floats:
    """Revenue of past rows within their window, at least 0."""
    return rows["actual"].to_numpy(dtype=np.float64)


def is_lapsed(rows: pd.DataFrame) -> Bools:
    """Whether the account of each row had lapsed on its date."""
    return rows["lapsed"].to_numpy(dtype=bool)


@dataclass(frozen=True)
class LapsedShrinkage:
    """Correction of lapsed accounts, few of which return: shrunken to their ``mean`` by ``weight``, since trees may be
    too confident which do, and multiplied by ``factor`` for the right total."""

    mean: float = 0.0
    weight: float = 0.0
    factor: float = 1.0

    @classmethod
    def fit(cls, out_of_time: Sequence[OutOfTime]) -> "LapsedShrinkage":
        """The weight with the lowest Tweedie deviance out of time; no change without lapsed accounts.

        The total is pooled with ``PRIOR_RETURNS`` returned accounts: few return, and one of them brings much.
        """
        expected = np.concatenate([np.zeros(0), *(part.expected[is_lapsed(part.rows)] for part in out_of_time)])
        actual = np.concatenate(
            [np.zeros(0), *(actual_revenue(part.rows)[is_lapsed(part.rows)] for part in out_of_time)]
        )
        if not (actual > 0).any():
            return cls(factor=PRIOR_RETURNS / (PRIOR_RETURNS + len(actual)))
        mean, prior = float(actual.mean()), PRIOR_RETURNS * float(actual[actual > 0].mean())
        candidates = []
        for weight in SHRINKAGES:
            total = float(((1 - weight) * expected + weight * mean).sum())
            candidates.append(cls(mean, weight, (float(actual.sum()) + prior) / (total + prior)))
        return min(candidates, key=lambda candidate: float(tweedie_losses(candidate.shrink(expected), actual).mean()))

    def shrink(self, expected: Floats) -> Floats:
        """The corrected expectations of lapsed accounts."""
        return np.maximum(self.factor * ((1 - self.weight) * expected + self.weight * self.mean), MIN_EXPECTED)

    def apply(self, expected: Floats, rows: pd.DataFrame) -> Floats:
        """The expectations of all rows, those of lapsed accounts corrected."""
        return np.asarray(np.where(is_lapsed(rows), self.shrink(expected), np.maximum(expected, MIN_EXPECTED)))


@dataclass(frozen=True)
class RevenueTrees:
    """Expected revenue by trees with trailing revenue as offset, or by trailing revenue alone (no ``booster``)."""

    booster: lgb.Booster | None
    encoding: Encoding
    floor: float
    shrinkage: LapsedShrinkage = LapsedShrinkage()

    @classmethod
    def fit(cls, rows: pd.DataFrame, seed: int, params: Params) -> "RevenueTrees":
        """Trees fitted to past rows; ``params`` override ``TWEEDIE_PARAMS``."""
        baseline = trailing_baseline(rows)
        encoding = Encoding.fit(ACCOUNT_FEATURES, ACCOUNT_CATEGORIES, rows)
        offset = np.log(baseline.offset(rows))
        booster = fit_booster(
            encoding, rows, actual_revenue(rows), seed=seed, init_score=offset, **{**TWEEDIE_PARAMS, **params}
        )
        return cls(booster, encoding, baseline.floor)

    def offset(self, rows: pd.DataFrame) -> Floats:
        """Trailing revenue of each account, at least the floor."""
        return np.maximum(trailing_revenue(rows), self.floor)

    def predict(self, rows: pd.DataFrame) -> Floats:
        """The expected revenue of each account in the coming window."""
        offset = self.offset(rows)
        if self.booster is None or rows.empty:
            return offset
        log_ratio = np.asarray(self.booster.predict(self.encoding.encode(rows), raw_score=True))
        upper = np.maximum(MAX_GROWTH * offset, self.floor / FLOOR_SHARE)
        return self.shrinkage.apply(np.minimum(offset * np.exp(log_ratio), upper), rows)

    def with_shrinkage(self, out_of_time: Sequence[OutOfTime]) -> "RevenueTrees":
        """The same trees, lapsed accounts corrected by what was expected out of time without a correction."""
        return replace(self, shrinkage=LapsedShrinkage.fit(out_of_time))


def trailing_baseline(rows: pd.DataFrame) -> RevenueTrees:
    """The baseline: each account goes on to bring its trailing revenue; the floor is that of past rows."""
    return RevenueTrees(None, Encoding((), {}), FLOOR_SHARE * max(1.0, float(trailing_revenue(rows).mean())))
