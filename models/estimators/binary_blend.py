"""A logistic regression and boosted trees for a binary outcome, and the blend of both with the least held-out loss."""

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
from models.estimators.column_encoding import Columns, design_transformer
from models.estimators.gradient_boosting import BOOSTING_PARAMS
from models.evaluation.metrics import MIN_PROBABILITY

FoldIndices = list[tuple[Ints, Ints]]
"""Pairs of training and test row numbers."""

MIN_FITTED_PER_CLASS = 8
"""With fewer rows of the rarer class columns are not used."""

C_GRID = (0.01, 0.05, 0.3)
MAX_TREES = 200
TREE_STEP = 10
"""Step of the numbers of trees that are tried."""

BLEND_TREE_PARAMS: dict[str, Any] = {
    **BOOSTING_PARAMS,
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 2.0,
}

MIN_LIKELIHOOD_GAIN = 0.5
"""Log-likelihood that a meaningless slope gains on average."""
MAX_SLOPE = 1.5

MIN_RELATIVE_WEIGHT = 1e-3
"""Rows of less than this fraction of the largest weight are left out."""

NEWTON_STEPS = 12
MAX_NEWTON_STEP = 2.0


@dataclass(frozen=True)
class WeightedSamples:
    """Encoded training rows (rows × columns), outcomes (0 or 1) and weights."""

    columns: Columns
    matrix: Floats
    outcomes: Floats
    weights: Floats
    seed: int

    def take(self, rows: Ints) -> "WeightedSamples":
        """The subset of some row numbers."""
        return replace(self, matrix=self.matrix[rows], outcomes=self.outcomes[rows], weights=self.weights[rows])

    def weighted(self) -> "WeightedSamples":
        """The rows whose weight is not negligible."""
        return self.take(np.flatnonzero(self.weights > MIN_RELATIVE_WEIGHT * self.weights.max()))

    @property
    def log_odds(self) -> float:
        """Log-odds of the weighted outcome rate, half a row of each class added."""
        return float(logit((self.weights @ self.outcomes + 0.5) / (self.weights.sum() + 1)))


@dataclass(frozen=True)
class HeldOutScores:
    """Log-odds of held-out rows: one column per value of ``C_GRID``, and per number of trees."""

    rows: Ints
    linear: Floats
    trees: Floats


@dataclass(frozen=True)
class Blend:
    """The blend of least held-out loss, with its log-odds of the held-out ``rows``."""

    loss: float
    C: float
    n_trees: int
    tree_weight: float
    log_odds: Floats
    rows: Ints


def why_not_fitted(samples: WeightedSamples) -> str | None:
    """Why no model of the columns can be fitted; ``None`` if it can."""
    rarer = _minority_count(samples.outcomes)
    if rarer < MIN_FITTED_PER_CLASS:
        return (
            f"{rarer} rows of the rarer class among {len(samples.outcomes)}; at least {MIN_FITTED_PER_CLASS} are needed"
        )
    if not samples.matrix.shape[1]:
        return f"none of {len(samples.columns.ignored)} columns varies between rows"
    return None


def stratified_folds(samples: WeightedSamples, n_folds: int) -> FoldIndices:
    """Random folds with equal class rates. Duplicates of a row share a fold, unless most rows are duplicates: then
    each kind of row is a rate."""
    _, first, group = np.unique(samples.matrix, axis=0, return_index=True, return_inverse=True)
    outcomes, group = samples.outcomes[first], group.reshape(-1)
    if len(first) < len(samples.outcomes) / 2 or _minority_count(outcomes) < 2:
        outcomes, group = samples.outcomes, np.arange(len(samples.outcomes))
    n_splits = max(2, min(n_folds, _minority_count(outcomes)))
    split = StratifiedKFold(n_splits, shuffle=True, random_state=samples.seed)
    test_masks = [np.isin(group, test) for _, test in split.split(outcomes, outcomes)]
    return [(np.flatnonzero(~mask), np.flatnonzero(mask)) for mask in test_masks]


def score_held_out(samples: WeightedSamples, train: Ints, test: Ints) -> HeldOutScores:
    """Log-odds of test rows by both models, fitted to the training rows."""
    fitted_on, held_out = samples.take(train).weighted(), samples.matrix[test]
    inputs = design_transformer(fitted_on.columns, fitted_on.matrix).fit(fitted_on.matrix)
    train_inputs, test_inputs = inputs.transform(fitted_on.matrix), inputs.transform(held_out)
    linear = [
        _regression(regularization, train_inputs)
        .fit(train_inputs, fitted_on.outcomes, fitted_on.weights)
        .decision_function(test_inputs)
        for regularization in C_GRID
    ]
    booster = fit_blend_trees(fitted_on, MAX_TREES)
    steps = [
        booster.predict(held_out, raw_score=True, start_iteration=start, num_iteration=TREE_STEP)
        for start in range(0, MAX_TREES, TREE_STEP)
    ]
    return HeldOutScores(test, np.column_stack(linear), np.cumsum(steps, axis=0).T)


def best_blend(samples: WeightedSamples, scores: list[HeldOutScores], *, by_period: bool = False) -> Blend:
    """The blend with the least mean log loss on held-out rows.

    ``by_period``: folds are periods of equal weight, and each is recalibrated in the large first, so that the lasting
    order of rows is chosen, and not the level of one period.
    """
    rows = np.concatenate([fold.rows for fold in scores])
    linear, trees = np.vstack([fold.linear for fold in scores]), np.vstack([fold.trees for fold in scores])
    outcomes, weights = samples.outcomes[rows], samples.weights[rows]
    fold = np.repeat(np.arange(len(scores)), [len(held_out.rows) for held_out in scores])
    if by_period:
        weights = 1 / np.bincount(fold)[fold]

    def loss(log_odds: Floats) -> float:
        if by_period:
            log_odds = log_odds + intercept_shifts(log_odds, outcomes, np.ones(len(rows)), fold)[fold]
        return mean_log_loss(log_odds, outcomes, weights)

    best_c = int(np.argmin([loss(column) for column in linear.T]))
    best_count = int(np.argmin([loss(column) for column in trees.T]))
    tree_weights = np.linspace(0, 1, 21)
    losses = [loss(blend(linear[:, best_c], trees[:, best_count], weight)) for weight in tree_weights]
    best = int(np.argmin(losses))
    log_odds = blend(linear[:, best_c], trees[:, best_count], tree_weights[best])
    n_trees = (best_count + 1) * TREE_STEP
    return Blend(float(losses[best]), C_GRID[best_c], n_trees, float(tree_weights[best]), log_odds, rows)


def blend(linear: Floats, trees: Floats, tree_weight: float) -> Floats:
    """Weighted mean of both models' log-odds."""
    return np.asarray((1 - tree_weight) * linear + tree_weight * trees)


def mean_log_loss(log_odds: Floats, outcomes: Floats, weights: Floats) -> float:
    """Weighted mean log loss, probabilities clipped at ``MIN_PROBABILITY``."""
    limit = float(logit(1 - MIN_PROBABILITY))
    log_odds = np.clip(log_odds, -limit, limit)
    return float(np.average(np.logaddexp(0, log_odds) - outcomes * log_odds, weights=weights))


def intercept_shifts(log_odds: Floats, outcomes: Floats, weights: Floats, group: Ints) -> Floats:
    """One shift of log-odds per group, at which its mean probability meets its outcomes (Newton's method); half a row
    of each class keeps it finite."""
    n_groups = int(group.max()) + 1
    total_weight = np.bincount(group, weights, n_groups)
    weights = weights * (np.bincount(group, minlength=n_groups) / np.maximum(total_weight, 1e-300))[group]
    shifts = np.zeros(n_groups)
    for _ in range(NEWTON_STEPS):
        probabilities, prior = expit(log_odds + shifts[group]), expit(shifts)
        gradient = np.bincount(group, weights * (outcomes - probabilities), n_groups) + 0.5 - prior
        curvature = np.bincount(group, weights * probabilities * (1 - probabilities), n_groups) + prior * (1 - prior)
        shifts = shifts + np.clip(gradient / curvature, -MAX_NEWTON_STEP, MAX_NEWTON_STEP)
    return shifts


def fit_linear(samples: WeightedSamples, regularization: float) -> Pipeline:
    """The logistic regression with its design, on all rows."""
    inputs = design_transformer(samples.columns, samples.matrix)
    train_inputs = inputs.fit_transform(samples.matrix)
    regression = _regression(regularization, train_inputs).fit(train_inputs, samples.outcomes, samples.weights)
    return Pipeline([("design", inputs), ("regression", regression)])


def fit_blend_trees(samples: WeightedSamples, n_trees: int) -> lgb.Booster:
    """Boosted trees on all rows, their leaves limited by the number of rows."""
    params = {**BLEND_TREE_PARAMS, "seed": samples.seed % 2**30}
    params["min_data_in_leaf"] = min(BLEND_TREE_PARAMS["min_data_in_leaf"], max(2, len(samples.outcomes) // 10))
    params["min_sum_hessian_in_leaf"] = min(BLEND_TREE_PARAMS["min_sum_hessian_in_leaf"], len(samples.outcomes) / 200)
    data = lgb.Dataset(
        samples.matrix,
        samples.outcomes,
        weight=samples.weights,
        categorical_feature=samples.columns.category_positions,
        params=params,
    )
    return lgb.train(params, data, num_boost_round=n_trees)


def fit_slope(log_odds: Floats, outcomes: Floats, period: Ints) -> float:
    """The factor of log-odds of least loss when each period is recalibrated in the large; 0 without a clear gain."""
    ones, weights = np.ones(len(log_odds)), 1 / np.bincount(period)[period]

    def loss(slope: float) -> float:
        scaled = slope * log_odds
        return mean_log_loss(scaled + intercept_shifts(scaled, outcomes, ones, period)[period], outcomes, weights)

    best = float(minimize_scalar(loss, bounds=(0.0, MAX_SLOPE), method="bounded").x)
    return best if (loss(0.0) - loss(best)) * len(log_odds) > MIN_LIKELIHOOD_GAIN else 0.0


def fit_platt_curve(log_odds: Floats, outcomes: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of Platt's curve through held-out log-odds; slope 0 without a clear gain."""
    weights = weights / weights.max()
    rate = float(np.clip(np.average(outcomes, weights=weights), MIN_PROBABILITY, 1 - MIN_PROBABILITY))
    constant = float(logit(rate))
    if 0 < outcomes.mean() < 1:
        curve = LogisticRegression(C=100.0).fit(log_odds[:, None], outcomes, sample_weight=weights)
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        constant_loss = mean_log_loss(np.full(len(log_odds), constant), outcomes, weights)
        gain = constant_loss - mean_log_loss(intercept + slope * log_odds, outcomes, weights)
        if slope > 0 and gain * weights.sum() > MIN_LIKELIHOOD_GAIN:
            return slope, intercept
    return 0.0, constant


def _minority_count(outcomes: Floats) -> int:
    return int(min(outcomes.sum(), len(outcomes) - outcomes.sum()))


def _regression(regularization: float, inputs: Floats) -> LogisticRegression:
    """Newton's method for few inputs; a solver that never forms their square matrix for many."""
    few = inputs.shape[1] <= min(500, len(inputs))
    return LogisticRegression(C=regularization, max_iter=500, solver="newton-cholesky" if few else "lbfgs")
