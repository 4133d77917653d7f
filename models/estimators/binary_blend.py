"""Two models of a yes or no, a linear one and trees, and what they say of rows that they did not learn from."""

from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from data.arrays import Floats, Ints
from models.estimators.column_encoding import Columns, design
from models.estimators.gradient_boosting import PARAMS
from models.evaluation.metrics import MIN_PROBABILITY

Parts = list[tuple[Ints, Ints]]
"""Ints to learn from, and rows that are left out."""

FEWEST_OF_EACH = 8
"""With fewer rows of the rarer class nothing is learnt of the columns."""

STRENGTHS = (0.01, 0.05, 0.3)
MOST_TREES = 200
EVERY = 10
"""Floats of trees that are tried: each of this step."""

TREES: dict[str, Any] = {
    **PARAMS,
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 2.0,
}

BY_LUCK = 0.5
"""Log-likelihood that a slope without meaning would gain by luck."""
STEEPEST = 1.5

FORGOTTEN = 1e-3
"""Ints that count for less are left out."""


@dataclass(frozen=True)
class Lines:
    """Ints to learn from, as numbers."""

    columns: Columns
    matrix: Floats
    outcomes: Floats
    weights: Floats
    seed: int

    def at(self, rows: Ints) -> "Lines":
        return replace(self, matrix=self.matrix[rows], outcomes=self.outcomes[rows], weights=self.weights[rows])


@dataclass(frozen=True)
class Said:
    """Log-odds of rows left out: one column per strength, and per number of trees."""

    rows: Ints
    linear: Floats
    trees: Floats


def too_little(lines: Lines) -> str | None:
    """Why nothing can be learnt of the columns; None where it can."""
    rarer = _rarer(lines.outcomes)
    if rarer < FEWEST_OF_EACH:
        return f"{rarer} rows of the rarer class among {len(lines.outcomes)}; at least {FEWEST_OF_EACH} are needed"
    if not lines.matrix.shape[1]:
        return f"none of {len(lines.columns.ignored)} columns tells rows apart"
    return None


def random_parts(lines: Lines, folds: int) -> Parts:
    """Ints to learn from and rows left out, classes alike. Copies of a row stay together, but for a coarse table, where
    most rows are alike by their nature and each kind of row is a rate.
    """
    _, first, group = np.unique(lines.matrix, axis=0, return_index=True, return_inverse=True)
    outcomes, group = lines.outcomes[first], group.reshape(-1)
    if len(first) < len(lines.outcomes) / 2 or _rarer(outcomes) < 2:
        outcomes, group = lines.outcomes, np.arange(len(lines.outcomes))
    split = StratifiedKFold(max(2, min(folds, _rarer(outcomes))), shuffle=True, random_state=lines.seed)
    out = [np.isin(group, left_out) for _, left_out in split.split(outcomes, outcomes)]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in out]


def _rarer(outcomes: Floats) -> int:
    """Ints of the rarer class."""
    return int(min(outcomes.sum(), len(outcomes) - outcomes.sum()))


def left_out_said(lines: Lines, train: Ints, test: Ints) -> Said:
    """What both models say of rows left out, when fitted to the others."""
    known = remembered(lines.at(train))
    left_out = lines.matrix[test]
    inputs = design(known.columns, known.matrix).fit(known.matrix)
    learnt_from, asked = inputs.transform(known.matrix), inputs.transform(left_out)
    linear = [
        _regression(strength, learnt_from).fit(learnt_from, known.outcomes, known.weights).decision_function(asked)
        for strength in STRENGTHS
    ]
    booster = fit_trees(known, MOST_TREES)
    added = [
        booster.predict(left_out, raw_score=True, start_iteration=start, num_iteration=EVERY)
        for start in range(0, MOST_TREES, EVERY)
    ]
    trees = np.cumsum(added, axis=0).T
    return Said(test, np.column_stack(linear), trees)


def best_blend(
    lines: Lines, said: list[Said], *, level_apart: bool = False
) -> tuple[float, float, int, float, Floats, Ints]:
    """The least loss on rows left out, the strength, the number of trees and their share that give it, and what was
    said so of which rows.

    ``level_apart``: parts are times, each counts alike, and its level is taken as known: what is chosen is an order
    that lasts, and levels, which move from time to time, are put right apart.
    """
    rows = np.concatenate([part.rows for part in said])
    linear, trees = np.vstack([part.linear for part in said]), np.vstack([part.trees for part in said])
    outcomes, weights = lines.outcomes[rows], lines.weights[rows]
    part = np.repeat(np.arange(len(said)), [len(one.rows) for one in said])
    if level_apart:
        weights = 1 / np.bincount(part)[part]

    def lost(odds: Floats) -> float:
        if level_apart:
            odds = odds + levels(odds, outcomes, np.ones(len(rows)), part)[part]
        return loss(odds, outcomes, weights)

    strength = int(np.argmin([lost(column) for column in linear.T]))
    count = int(np.argmin([lost(column) for column in trees.T]))
    shares = np.linspace(0, 1, 21)
    losses = [lost(blend(linear[:, strength], trees[:, count], share)) for share in shares]
    best = int(np.argmin(losses))
    odds = blend(linear[:, strength], trees[:, count], shares[best])
    return float(losses[best]), STRENGTHS[strength], (count + 1) * EVERY, float(shares[best]), odds, rows


def blend(linear: Floats, trees: Floats, share: float) -> Floats:
    return np.asarray((1 - share) * linear + share * trees)


def loss(odds: Floats, outcomes: Floats, weights: Floats) -> float:
    limit = float(logit(1 - MIN_PROBABILITY))
    odds = np.clip(odds, -limit, limit)
    return float(np.average(np.logaddexp(0, odds) - outcomes * odds, weights=weights))


def levels(odds: Floats, outcomes: Floats, weights: Floats, part: Ints) -> Floats:
    """What must be added to the log-odds of each part for their sum of chances to meet its outcomes; half a row of each
    class keeps it finite.
    """
    count = int(part.max()) + 1
    heavy = np.bincount(part, weights, count)
    weights = weights * (np.bincount(part, minlength=count) / np.maximum(heavy, 1e-300))[part]
    added = np.zeros(count)
    for _ in range(12):
        said = expit(odds + added[part])
        own = expit(added)
        slope = np.bincount(part, weights * (outcomes - said), count) + 0.5 - own
        bend = np.bincount(part, weights * said * (1 - said), count) + own * (1 - own)
        added = added + np.clip(slope / bend, -2, 2)
    return added


def remembered(lines: Lines) -> Lines:
    """Ints that count at all."""
    return lines.at(np.flatnonzero(lines.weights > FORGOTTEN * lines.weights.max()))


def fit_linear(lines: Lines, strength: float) -> Pipeline:
    inputs = design(lines.columns, lines.matrix)
    learnt_from = inputs.fit_transform(lines.matrix)
    regression = _regression(strength, learnt_from).fit(learnt_from, lines.outcomes, lines.weights)
    return Pipeline([("design", inputs), ("regression", regression)])


def _regression(strength: float, inputs: Floats) -> LogisticRegression:
    """Newton's steps are quick where inputs are few; many are left to a solver that never writes their square."""
    few = inputs.shape[1] <= min(500, len(inputs))
    return LogisticRegression(C=strength, max_iter=500, solver="newton-cholesky" if few else "lbfgs")


def fit_trees(lines: Lines, count: int) -> lgb.Booster:
    params = {**TREES, "seed": lines.seed % 2**30}
    params["min_data_in_leaf"] = min(TREES["min_data_in_leaf"], max(2, len(lines.outcomes) // 10))
    params["min_sum_hessian_in_leaf"] = min(TREES["min_sum_hessian_in_leaf"], len(lines.outcomes) / 200)
    data = lgb.Dataset(
        lines.matrix, lines.outcomes, weight=lines.weights, categorical_feature=lines.columns.coded, params=params
    )
    return lgb.train(params, data, num_boost_round=count)


def lasting_slope(odds: Floats, outcomes: Floats, part: Ints) -> float:
    """What log-odds are best multiplied by where each part's level is known; 0 where their order told nothing."""
    alike = np.ones(len(odds))
    each = 1 / np.bincount(part)[part]

    def lost(slope: float) -> float:
        bent = slope * odds
        return loss(bent + levels(bent, outcomes, alike, part)[part], outcomes, each)

    best = float(minimize_scalar(lost, bounds=(0.0, STEEPEST), method="bounded").x)
    return best if (lost(0.0) - lost(best)) * len(odds) > BY_LUCK else 0.0


def curve(odds: Floats, outcomes: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of Platt's curve through what was said of rows left out; flat where that told nothing."""
    weights = weights / weights.max()
    rate = float(np.clip(np.average(outcomes, weights=weights), MIN_PROBABILITY, 1 - MIN_PROBABILITY))
    flat = float(logit(rate))
    if 0 < outcomes.mean() < 1:
        curve = LogisticRegression(C=100.0).fit(odds[:, None], outcomes, sample_weight=weights)
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        at_all = np.full(len(odds), flat)
        gain = loss(at_all, outcomes, weights) - loss(intercept + slope * odds, outcomes, weights)
        if slope > 0 and gain * weights.sum() > BY_LUCK:
            return slope, intercept
    return 0.0, flat
