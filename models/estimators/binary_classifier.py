"""A scikit-learn classifier of a binary outcome on any table with named columns, with calibrated probabilities.

The blend (in log-odds) of a regularized logistic regression on splines and of boosted trees, chosen by held-out loss
and calibrated by Platt scaling (1999); in order of time, by the loss on later rows (see ``docs/methods.md``).
"""

import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from data.arrays import Floats
from models.estimators.binary_blend import (
    FoldIndices,
    WeightedSamples,
    best_blend,
    blend,
    fit_blend_trees,
    fit_linear,
    fit_platt_curve,
    fit_slope,
    score_held_out,
    stratified_folds,
    why_not_fitted,
)
from models.estimators.column_encoding import Columns, to_table
from models.estimators.intercept_tracking import InterceptTracker, choose_half_life
from models.estimators.time_weights import choose_intercept_shift, choose_time_weights, later_folds
from models.evaluation.metrics import MIN_PROBABILITY

MIN_LATER_FOLDS = 2
"""With fewer later periods folds are random: one period of the past is no measure of the future."""

MAX_FOLD_ROWS = 10_000
"""Training rows before a later fold, sampled from more."""


class BaseRateWarning(UserWarning):
    """No column is used; every row gets the base rate."""


class BinaryClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Calibrated probabilities of the second of two classes, from numbers, booleans, text and missing values.

    ``folds``: number of cross-validation folds. ``random_state``: seed of the folds.

    After ``fit``: ``classes_``; ``abstained_`` (why no column is used, or None); ``ignored_`` (columns that are left
    out, with the reason); ``tree_weight_`` (of the trees in the blend); ``n_trees_``; ``C_``; ``half_life_`` (of row
    weights, in the unit of ``times``; None for equal weights); ``loss_`` (mean held-out log loss, each period
    recalibrated in the large if rows are in order of time); ``intercept_tracker_`` (shift by newer outcomes).
    """

    def __init__(self, *, folds: int = 5, random_state: int | np.random.RandomState | None = 0) -> None:
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, times: Any = None) -> "BinaryClassifier":
        """The classifier, fitted. ``times``: the time at which each row's outcome was known, as a number, if rows are
        in order of time: hyperparameters are then chosen by the loss on later rows.

        Raises ``ValueError`` for other than two classes, infinite or huge numbers, dates, or no row of positive weight;
        warns ``BaseRateWarning`` if a class has too few rows, or no column varies.
        """
        rows = self._table(X)
        validate_data(self, X, y, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(rows, y)
        if y.dtype.kind in "fO" and (pd.isna(y) | np.isin(y, [np.inf, -np.inf])).any():
            raise ValueError("Input y contains NaN or infinity; leave rows out whose class is unknown")
        check_classification_targets(y)
        weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        times = None if times is None else np.asarray(times, dtype=np.float64).reshape(-1)
        if times is not None and (len(times) != len(rows) or not np.isfinite(times).all()):
            raise ValueError(f"times has {len(times)} values; must be one finite number for each of {len(rows)} rows")
        if not (weights > 0).all():
            counted = weights > 0
            rows, y, weights = rows[counted], y[counted], weights[counted]
            times = None if times is None else times[counted]
        self.classes_, outcomes = np.unique(y, return_inverse=True)
        _require_two_classes(self.classes_, y)
        self.columns_ = Columns.fit(rows)
        self.ignored_ = self.columns_.ignored
        self.intercept_tracker_ = InterceptTracker()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        matrix = self.columns_.encode(rows)
        return self._fit(WeightedSamples(self.columns_, matrix, outcomes.astype(np.float64), weights, seed), times)

    def predict_proba(self, X: Any) -> Floats:
        """Rows × 2: the probability of each class in ``classes_``. Raises ``ValueError`` as ``fit`` does."""
        probability = expit(self._log_odds(X) + self.intercept_tracker_.shift)
        probability = np.clip(probability, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return np.column_stack([1 - probability, probability])

    def update_intercept(self, X: Any, y: Any) -> "BinaryClassifier":
        """The classifier, its intercept updated by rows whose outcomes became known since, oldest first.

        Call it with each row once. Raises ``ValueError`` as ``fit`` does, and for an unknown class.
        """
        log_odds, y = self._log_odds(X), column_or_1d(y)
        check_consistent_length(log_odds, y)
        if unknown := sorted({str(value) for value in np.unique(y) if value not in self.classes_}):
            raise ValueError(f"y holds {', '.join(unknown)}; classes are {self.classes_[0]} and {self.classes_[1]}")
        outcomes = (y == self.classes_[1]).astype(np.float64)
        self.intercept_tracker_ = self.intercept_tracker_.updated(log_odds, outcomes)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The more probable class of each row."""
        index = (self.predict_proba(X)[:, 1] > 0.5).astype(int)
        return np.asarray(self.classes_[index])

    def _fit(self, samples: WeightedSamples, times: Floats | None) -> "BinaryClassifier":
        self.rate_ = float((samples.weights @ samples.outcomes + 0.5) / (samples.weights.sum() + 1))
        self.abstained_ = why_not_fitted(samples)
        if self.abstained_ is not None:
            warning = f"{self.abstained_}; every row gets the base rate {self.rate_:.3g}"
            warnings.warn(warning, BaseRateWarning, stacklevel=3)
            return self
        self.half_life_ = None
        folds = [] if times is None else later_folds(samples, times)
        if times is not None and folds:
            samples, self.half_life_ = choose_time_weights(samples, times, folds)
            self.columns_ = samples.columns
            self.ignored_ = {**self.ignored_, **samples.columns.ignored}
        if times is not None and len(folds) >= MIN_LATER_FOLDS:
            self._choose_by_time(samples, times, folds)
        else:
            self._choose_by_folds(samples)
        weighted = samples.weighted()
        self.linear_ = fit_linear(weighted, self.C_)
        self.booster_ = fit_blend_trees(weighted, self.n_trees_)
        return self

    def _choose_by_folds(self, samples: WeightedSamples) -> None:
        """The blend of least loss on random folds, calibrated by Platt scaling on them."""
        scores = [score_held_out(samples, train, test) for train, test in stratified_folds(samples, self.folds)]
        best = best_blend(samples, scores)
        self.loss_, self.C_, self.n_trees_, self.tree_weight_ = best.loss, best.C, best.n_trees, best.tree_weight
        self.slope_, self.intercept_ = fit_platt_curve(
            best.log_odds, samples.outcomes[best.rows], samples.weights[best.rows]
        )

    def _choose_by_time(self, samples: WeightedSamples, times: Floats, folds: FoldIndices) -> None:
        """The blend of least loss on later folds; log-odds are shrunk towards the rate known then, by the factor of
        least loss."""
        draw = np.random.default_rng(samples.seed)
        sampled = [(np.sort(draw.permutation(train)[:MAX_FOLD_ROWS]), test) for train, test in folds]
        scores = [score_held_out(samples, train, test) for train, test in sampled]
        best = best_blend(samples, scores, by_period=True)
        self.loss_, self.C_, self.n_trees_, self.tree_weight_ = best.loss, best.C, best.n_trees, best.tree_weight
        tests = [test for _, test in folds]
        period = np.repeat(np.arange(len(tests)), [len(test) for test in tests])
        self.slope_ = fit_slope(best.log_odds, samples.outcomes[best.rows], period)
        base = np.array([samples.take(train).log_odds for train, _ in folds])[period]
        log_odds = base + self.slope_ * (best.log_odds - base)
        shift = choose_intercept_shift(log_odds, samples, tests)
        self.intercept_ = (1 - self.slope_) * samples.log_odds + shift
        by_period = np.split(log_odds, np.flatnonzero(np.diff(period)) + 1)
        self.intercept_tracker_ = InterceptTracker(choose_half_life(by_period, samples.outcomes, times, tests))

    def _log_odds(self, X: Any) -> Floats:
        """Log-odds of each row as of training, without the tracked shift."""
        check_is_fitted(self, "classes_")
        rows = self._table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        if self.abstained_ is not None:
            return np.full(len(rows), float(logit(self.rate_)))
        matrix = self.columns_.encode(rows)
        linear = self.linear_.decision_function(matrix)
        trees = np.asarray(self.booster_.predict(matrix, raw_score=True), dtype=np.float64)
        return np.asarray(self.intercept_ + self.slope_ * blend(linear, trees, self.tree_weight_))

    def _table(self, X: Any) -> pd.DataFrame:
        return to_table(X, partial(check_array, dtype=None, ensure_all_finite=False, estimator=self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _require_two_classes(classes: NDArray[Any], y: NDArray[Any]) -> None:
    if len(classes) > 2:
        kind = type_of_target(y, input_name="y")
        raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
    if len(classes) < 2:
        raise ValueError(f"one class only ({classes[0]!r}, in all rows that count); give rows of both classes")
