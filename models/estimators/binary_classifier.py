"""The chance of a yes, for any table with named columns: a linear model and trees, blended and put right.

A regularised logistic regression on smooth curves and one column per value is hard to beat where effects add up; trees
(LightGBM) where they do not. Both are fitted to parts of the rows and say something of the rows left out; the share of
each in the blend (of log-odds), the strength of the regularisation and the number of trees are what loses least there,
and a logistic curve through the blend (Platt 1999) makes it mean what it says. Equal rows are never parted, so that a
row learnt by heart wins nothing.

Where rows come in order of time (``when``) the parts that are left out are later than what is learnt from, as they will
be in use: parts drawn by lot know the months that they are asked about, and flatter what tells months apart. What is
chosen there is the order within each later part, and how far it may be trusted; the level is that of all rows. The past
may fade: a row counts half as much for each half-life of age. Columns that tell the time rather than the row (a price
index) may be left out, and a level that was missed of late may be carried on; each only where it clearly lost less. All
of it comes from the rows handed in: a world that turns once a year gives few later parts to learn from.

Between one learning and the next ``follow`` puts the level right by the outcomes that became known meanwhile.
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
    Lines,
    Parts,
    best_blend,
    blend,
    curve,
    fit_linear,
    fit_trees,
    lasting_slope,
    left_out_said,
    random_parts,
    remembered,
    too_little,
)
from models.estimators.column_encoding import Columns, table
from models.estimators.intercept_tracking import Level, best_memory
from models.estimators.time_weights import choose_memory, later_parts, level_to_add
from models.evaluation.metrics import MIN_PROBABILITY

FEWEST_LATER = 2
"""With fewer later parts rows are left out by lot: one part of the past is no measure of the future."""

MOST_IN_PART = 10_000
"""Rows that are learnt from before a later part, drawn by chance from more."""


class AbstainedWarning(UserWarning):
    """Nothing was learnt of the columns; the flat rate is said of every row."""


class ChanceClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Calibrated probabilities of the second of two classes, on numbers, booleans, text and gaps.

    ``folds``: parts that are left out in turn. ``random_state``: how rows fall into them; the same gives the same.

    After ``fit``: ``classes_``; ``abstained_`` (why nothing was learnt of the columns, or None); ``ignored_`` (columns
    that were left out, and why); ``share_`` (of the trees in the blend); ``trees_``, ``strength_``, ``half_life_`` (in
    the unit of ``when``; None where the past does not fade); ``loss_`` (mean log loss of rows left out, the level of
    each part taken as known where rows come in order of time); ``level_`` (what newer outcomes added to log-odds).
    """

    def __init__(self, *, folds: int = 5, random_state: int | np.random.RandomState | None = 0) -> None:
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, when: Any = None) -> "ChanceClassifier":
        """The classifier, fitted. ``when``: the time at which each row's outcome was known, as a number, where rows
        come in order of time: what is learnt is tried on rows whose outcome was known later.

        ValueError: one class only, more than two, infinite or huge numbers, dates, no rows that count.
        AbstainedWarning: too few rows of a class, or no column that tells anything.
        """
        rows = self._table(X)
        validate_data(self, X, y, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(rows, y)
        if y.dtype.kind in "fO" and (pd.isna(y) | np.isin(y, [np.inf, -np.inf])).any():
            raise ValueError("Input y contains NaN or infinity; leave rows out whose class is unknown")
        check_classification_targets(y)
        weights = _check_sample_weight(sample_weight, rows, dtype=np.float64, ensure_non_negative=True)
        times = None if when is None else np.asarray(when, dtype=np.float64).reshape(-1)
        if times is not None and (len(times) != len(rows) or not np.isfinite(times).all()):
            raise ValueError(f"when has {len(times)} times; must be one finite number for each of {len(rows)} rows")
        if not (weights > 0).all():
            counts = weights > 0
            rows, y, weights = rows[counts], y[counts], weights[counts]
            times = None if times is None else times[counts]
        self.classes_, outcomes = np.unique(y, return_inverse=True)
        _two_classes(self.classes_, y)
        self.columns_ = Columns.of(rows)
        self.ignored_ = self.columns_.ignored
        self.level_ = Level()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._learn(
            Lines(self.columns_, self.columns_.matrix(rows), outcomes.astype(np.float64), weights, seed), times
        )

    def predict_proba(self, X: Any) -> Floats:
        """Two columns: the probability of each class in ``classes_``, a row each. ValueError: see ``fit``."""
        chance = np.clip(expit(self._odds(X) + self.level_.added), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
        return np.column_stack([1 - chance, chance])

    def follow(self, X: Any, y: Any) -> "ChanceClassifier":
        """The classifier, its level put right by rows whose outcomes became known after those it learnt from, oldest
        first. Call it with each row once. ValueError: see ``fit``; a class that was not learnt.
        """
        odds, y = self._odds(X), column_or_1d(y)
        check_consistent_length(odds, y)
        if strange := sorted({str(value) for value in np.unique(y) if value not in self.classes_}):
            raise ValueError(f"y holds {', '.join(strange)}; classes are {self.classes_[0]} and {self.classes_[1]}")
        self.level_ = self.level_.seen(odds, (y == self.classes_[1]).astype(np.float64))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The likelier class of each row."""
        likelier = (self.predict_proba(X)[:, 1] > 0.5).astype(int)
        return np.asarray(self.classes_[likelier])

    def _learn(self, lines: Lines, times: Floats | None) -> "ChanceClassifier":
        self.rate_ = float((lines.weights @ lines.outcomes + 0.5) / (lines.weights.sum() + 1))
        self.abstained_ = too_little(lines)
        if self.abstained_ is not None:
            warnings.warn(f"{self.abstained_}; the flat rate {self.rate_:.3g} is said", AbstainedWarning, stacklevel=3)
            return self
        self.half_life_ = None
        later = [] if times is None else later_parts(lines, times)
        if times is not None and later:
            lines, self.half_life_ = choose_memory(lines, times, later)
            self.columns_ = lines.columns
            self.ignored_ = {**self.ignored_, **lines.columns.ignored}
        if times is not None and len(later) >= FEWEST_LATER:
            self._choose_by_time(lines, times, later)
        else:
            said = [left_out_said(lines, train, test) for train, test in random_parts(lines, self.folds)]
            self.loss_, self.strength_, self.trees_, self.share_, odds, left_out = best_blend(lines, said)
            self.slope_, self.intercept_ = curve(odds, lines.outcomes[left_out], lines.weights[left_out])
        kept = remembered(lines)
        self.linear_ = fit_linear(kept, self.strength_)
        self.booster_ = fit_trees(kept, self.trees_)
        return self

    def _choose_by_time(self, lines: Lines, times: Floats, later: Parts) -> None:
        """What loses least on later parts; how far what is said stands from the rate of all that was known then is
        drawn in where it went too far.
        """
        draw = np.random.default_rng(lines.seed)
        parts = [(np.sort(draw.permutation(train)[:MOST_IN_PART]), test) for train, test in later]
        said = [left_out_said(lines, train, test) for train, test in parts]
        self.loss_, self.strength_, self.trees_, self.share_, odds, left_out = best_blend(lines, said, level_apart=True)
        tests = [test for _, test in later]
        part = np.repeat(np.arange(len(tests)), [len(test) for test in tests])
        self.slope_ = lasting_slope(odds, lines.outcomes[left_out], part)
        middles = np.array([_middle(lines.at(train)) for train, _ in later])[part]
        odds = middles + self.slope_ * (odds - middles)
        self.intercept_ = (1 - self.slope_) * _middle(lines) + level_to_add(odds, lines, tests)
        each = np.split(odds, np.flatnonzero(np.diff(part)) + 1)
        self.level_ = Level(best_memory(each, lines.outcomes, times, tests))

    def _odds(self, X: Any) -> Floats:
        """Log-odds of each row as they were learnt, whatever was followed since."""
        check_is_fitted(self, "classes_")
        rows = self._table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        if self.abstained_ is not None:
            return np.full(len(rows), float(logit(self.rate_)))
        lines = self.columns_.matrix(rows)
        odds = blend(self.linear_.decision_function(lines), self.booster_.predict(lines, raw_score=True), self.share_)
        return np.asarray(self.intercept_ + self.slope_ * odds)

    def _table(self, X: Any) -> pd.DataFrame:
        return table(X, partial(check_array, dtype=None, ensure_all_finite=False, estimator=self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _middle(lines: Lines) -> float:
    """Log-odds of the rate of rows, half a row of each class added."""
    return float(logit((lines.weights @ lines.outcomes + 0.5) / (lines.weights.sum() + 1)))


def _two_classes(classes: NDArray[Any], y: NDArray[Any]) -> None:
    if len(classes) > 2:
        kind = type_of_target(y, input_name="y")
        raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
    if len(classes) < 2:
        raise ValueError(f"one class only ({classes[0]!r}, in all rows that count); give rows of both classes")
