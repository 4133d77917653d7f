"""Tracks the intercept of a fitted classifier by the newest outcomes, between one training and the next.

One shift of all log-odds, at which the probabilities of the newest rows meet their outcomes; a row's weight halves
with every ``half_life`` rows after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from data.arrays import Floats, Ints
from models.estimators.binary_blend import MAX_NEWTON_STEP, NEWTON_STEPS, mean_log_loss

HALF_LIVES = (60.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0)
"""Half-lives that are tried, in rows."""

DEFAULT_HALF_LIFE = 250.0

MAX_HALF_LIVES = 8
"""Older rows are dropped."""

PRIOR_PRECISION = 1.0
"""Of a normal prior of the shift around 0, in log-odds: few rows move it little."""


@dataclass(frozen=True)
class InterceptTracker:
    """The shift of log-odds, and the recent rows that it was estimated on, oldest first."""

    half_life: float = DEFAULT_HALF_LIFE
    shift: float = 0.0
    odds: Floats = field(default_factory=lambda: np.zeros(0))
    outcomes: Floats = field(default_factory=lambda: np.zeros(0))

    def updated(self, odds: Floats, outcomes: Floats) -> "InterceptTracker":
        """The tracker after newer rows: their log-odds without any shift, and outcomes (0 or 1)."""
        max_rows = int(MAX_HALF_LIVES * self.half_life)
        odds = np.concatenate([self.odds, odds])[-max_rows:]
        outcomes = np.concatenate([self.outcomes, outcomes])[-max_rows:]
        weights = 0.5 ** (np.arange(len(odds))[::-1] / self.half_life)
        shift = self.shift
        for _ in range(NEWTON_STEPS):
            probabilities = expit(odds + shift)
            gradient = weights @ (outcomes - probabilities) - PRIOR_PRECISION * shift
            curvature = weights @ (probabilities * (1 - probabilities)) + PRIOR_PRECISION
            shift += float(np.clip(gradient / curvature, -MAX_NEWTON_STEP, MAX_NEWTON_STEP))
        return InterceptTracker(self.half_life, shift, odds, outcomes)


def choose_half_life(odds: Sequence[Floats], outcomes: Floats, times: Floats, folds: Sequence[Ints]) -> float:
    """The half-life of least loss when each fold is tracked from one time to the next.

    ``odds``: log-odds of the rows of each fold; ``outcomes`` and ``times``: of all rows.
    """
    if not folds:
        return DEFAULT_HALF_LIFE

    def loss(half_life: float) -> float:
        pairs = zip(odds, folds, strict=True)
        return sum(_tracked_loss(log_odds, outcomes[rows], times[rows], half_life) for log_odds, rows in pairs)

    return min(HALF_LIVES, key=loss)


def _tracked_loss(odds: Floats, outcomes: Floats, times: Floats, half_life: float) -> float:
    """Mean log loss of rows whose shift follows the outcomes of earlier times."""
    order = np.argsort(times, kind="stable")
    first_rows = np.flatnonzero(np.diff(times[order], prepend=-np.inf))
    tracker, shifted = InterceptTracker(half_life), odds.copy()
    for rows in np.split(order, first_rows[1:]):
        shifted[rows] = odds[rows] + tracker.shift
        tracker = tracker.updated(odds[rows], outcomes[rows])
    return mean_log_loss(shifted, outcomes, np.ones(len(odds)))
