"""The chance of a yes, for any table with named columns: a linear model and trees, blended and put right.

A regularised logistic regression on smooth curves and one column per value is hard to beat where effects add up; trees
(LightGBM) where they do not. Both are fitted to parts of the rows and say something of the rows left out; the share of
each in the blend (of log-odds), the strength of the regularisation and the number of trees are what loses least there,
and a logistic curve through the blend (Platt 1999) makes it mean what it says. Equal rows are never parted, so that a
row learnt by heart wins nothing.

Where rows come in order of time (``when``) the parts left out are later than what was learnt from, as they will be in
use, and the past may fade: a row counts half as much for each half-life of age. Columns that tell the time rather than
the row (a price index) may be left out. Which half-life, if any, and whether they are left out, is what loses least on
the later parts, all of them inside the rows handed in.
"""

import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from models.boosting import PARAMS
from models.calibration import FLOOR
from models.columns import Columns, Numbers, design, table

Rows = NDArray[np.intp]

FEWEST_OF_EACH = 8
"""With fewer rows of the rarer class nothing is learnt of the columns: the flat rate is said, and that it is flat."""

STRENGTHS = (0.01, 0.05, 0.3)
MOST_TREES = 200
EVERY = 10
"""Numbers of trees that are tried: each of this step."""

TREES: dict[str, Any] = {
    **PARAMS,
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 2.0,
}

FADES = (0.5, 0.25, 0.125, 0.0625)
"""Half-lives that are tried, as shares of the time that the rows cover; and no fading."""

LATER_PARTS = 5
TELLS_TIME = 0.6
"""A column is about the time where its shares in the earlier and the later half of rows lie this far apart (of 1)."""

MOST_TO_CHOOSE = 8_000
"""Rows that each half-life is tried on, drawn by chance from more."""

FORGOTTEN = 1e-3
"""Rows that count for less are left out."""


class AbstainedWarning(UserWarning):
    """Nothing was learnt of the columns; the flat rate is said of every row."""


@dataclass(frozen=True)
class _Lines:
    """Rows to learn from, as numbers."""

    columns: Columns
    matrix: Numbers
    outcomes: Numbers
    weights: Numbers
    seed: int

    def at(self, rows: Rows) -> "_Lines":
        return replace(self, matrix=self.matrix[rows], outcomes=self.outcomes[rows], weights=self.weights[rows])


@dataclass(frozen=True)
class _Said:
    """Log-odds of rows left out: one column per strength, and per number of trees."""

    rows: Rows
    linear: Numbers
    trees: Numbers


class ChanceClassifier(ClassifierMixin, BaseEstimator):
    """Calibrated probabilities of the second of two classes, on numbers, booleans, text and gaps.

    ``folds``: parts that are left out in turn. ``random_state``: how rows fall into them; the same gives the same.

    After ``fit``: ``classes_``; ``abstained_`` (why nothing was learnt of the columns, or None); ``ignored_`` (columns
    that were left out, and why); ``share_`` (of the trees in the blend); ``trees_``, ``strength_``, ``half_life_`` (in
    the unit of ``when``; None where the past does not fade); ``loss_`` (mean log loss of rows left out).
    """

    def __init__(self, *, folds: int = 5, random_state: int | np.random.RandomState | None = 0) -> None:
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, when: Any = None) -> "ChanceClassifier":  # noqa: N803
        """The classifier, fitted. ``when``: the time of each row, as numbers, where rows come in order of time.

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
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._learn(
            _Lines(self.columns_, self.columns_.matrix(rows), outcomes.astype(np.float64), weights, seed), times
        )

    def predict_proba(self, X: Any) -> Numbers:  # noqa: N803
        """Two columns: the probability of each class in ``classes_``, a row each. ValueError: see ``fit``."""
        check_is_fitted(self, "classes_")
        rows = self._table(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        if self.abstained_ is not None:
            chance = np.full(len(rows), self.rate_)
        else:
            lines = self.columns_.matrix(rows)
            odds = _blend(
                self.linear_.decision_function(lines), self.booster_.predict(lines, raw_score=True), self.share_
            )
            chance = np.clip(expit(self.intercept_ + self.slope_ * odds), FLOOR, 1 - FLOOR)
        return np.column_stack([1 - chance, chance])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """The likelier class of each row."""
        likelier = (self.predict_proba(X)[:, 1] > 0.5).astype(int)
        return np.asarray(self.classes_[likelier])

    def _learn(self, lines: _Lines, times: Numbers | None) -> "ChanceClassifier":
        self.rate_ = float((lines.weights @ lines.outcomes + 0.5) / (lines.weights.sum() + 1))
        self.abstained_ = _too_little(lines)
        if self.abstained_ is not None:
            warnings.warn(f"{self.abstained_}; the flat rate {self.rate_:.3g} is said", AbstainedWarning, stacklevel=3)
            return self
        parts = _random_parts(lines, self.folds)
        self.half_life_ = None
        if times is not None:
            parts = _later_parts(lines, times) or parts
            lines, self.half_life_ = _choose_memory(lines, times, parts)
            self.columns_ = lines.columns
            self.ignored_ = {**self.ignored_, **lines.columns.ignored}
        said = [_said(lines, train, test) for train, test in parts]
        self.loss_, strength, trees, self.share_, odds, left_out = _best_blend(lines, said)
        self.strength_, self.trees_ = STRENGTHS[strength], (trees + 1) * EVERY
        self.slope_, self.intercept_ = _curve(odds, lines.outcomes[left_out], lines.weights[left_out])
        kept = _remembered(lines)
        self.linear_ = _linear(kept, self.strength_)
        self.booster_ = _trees(kept, self.trees_)
        return self

    def _table(self, X: Any) -> pd.DataFrame:  # noqa: N803
        return table(X, partial(check_array, dtype=None, ensure_all_finite=False, estimator=self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = tags.input_tags.categorical = tags.input_tags.string = True
        return tags


def _two_classes(classes: NDArray[Any], y: NDArray[Any]) -> None:
    if len(classes) > 2:
        kind = type_of_target(y, input_name="y")
        raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
    if len(classes) < 2:
        raise ValueError(f"one class only ({classes[0]!r}, in all rows that count); give rows of both classes")


def _too_little(lines: _Lines) -> str | None:
    """Why nothing can be learnt of the columns; None where it can."""
    rarer = _rarer(lines.outcomes)
    if rarer < FEWEST_OF_EACH:
        return f"{rarer} rows of the rarer class among {len(lines.outcomes)}; at least {FEWEST_OF_EACH} are needed"
    if not lines.matrix.shape[1]:
        return f"none of {len(lines.columns.ignored)} columns tells rows apart"
    return None


def _random_parts(lines: _Lines, folds: int) -> list[tuple[Rows, Rows]]:
    """Rows to learn from and rows left out, classes alike. Copies of a row stay together, but for a coarse table, where
    most rows are alike by their nature and each kind of row is a rate.
    """
    _, first, group = np.unique(lines.matrix, axis=0, return_index=True, return_inverse=True)
    outcomes, group = lines.outcomes[first], group.reshape(-1)
    if len(first) < len(lines.outcomes) / 2 or _rarer(outcomes) < 2:
        outcomes, group = lines.outcomes, np.arange(len(lines.outcomes))
    split = StratifiedKFold(max(2, min(folds, _rarer(outcomes))), shuffle=True, random_state=lines.seed)
    out = [np.isin(group, left_out) for _, left_out in split.split(outcomes, outcomes)]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in out]


def _rarer(outcomes: Numbers) -> int:
    """Rows of the rarer class."""
    return int(min(outcomes.sum(), len(outcomes) - outcomes.sum()))


def _later_parts(lines: _Lines, times: Numbers) -> list[tuple[Rows, Rows]]:
    """Rows before each of the last few parts, and the part; none where too little is known before them. Times that are
    equal are never parted.
    """
    known, counts = np.unique(times, return_counts=True)
    if len(known) <= 10 * LATER_PARTS:
        starts = known[max(1, len(known) - LATER_PARTS) :]
    else:
        shares = np.linspace(0.5, 1, LATER_PARTS + 1)[:-1]
        starts = np.unique(known[np.searchsorted(np.cumsum(counts) / counts.sum(), shares)])
    ends = [*starts[1:], np.inf]
    parts = []
    for start, end in zip(starts, ends, strict=True):
        before, part = np.flatnonzero(times < start), np.flatnonzero((times >= start) & (times < end))
        if _too_little(lines.at(before)) is None:
            parts.append((before, part))
    return parts


def _said(lines: _Lines, train: Rows, test: Rows) -> _Said:
    """What both models say of rows left out, when fitted to the others."""
    known = _remembered(lines.at(train))
    left_out = lines.matrix[test]
    inputs = design(known.columns, known.matrix).fit(known.matrix)
    learnt_from, asked = inputs.transform(known.matrix), inputs.transform(left_out)
    linear = [
        _regression(strength, learnt_from).fit(learnt_from, known.outcomes, known.weights).decision_function(asked)
        for strength in STRENGTHS
    ]
    booster = _trees(known, MOST_TREES)
    added = [
        booster.predict(left_out, raw_score=True, start_iteration=start, num_iteration=EVERY)
        for start in range(0, MOST_TREES, EVERY)
    ]
    trees = np.cumsum(added, axis=0).T
    return _Said(test, np.column_stack(linear), trees)


def _best_blend(lines: _Lines, said: list[_Said]) -> tuple[float, int, int, float, Numbers, Rows]:
    """The least loss on rows left out, the strength, the number of trees and their share that give it, and what was
    said so of which rows.
    """
    rows = np.concatenate([part.rows for part in said])
    linear, trees = np.vstack([part.linear for part in said]), np.vstack([part.trees for part in said])
    outcomes, weights = lines.outcomes[rows], lines.weights[rows]
    strength = int(np.argmin([_loss(column, outcomes, weights) for column in linear.T]))
    count = int(np.argmin([_loss(column, outcomes, weights) for column in trees.T]))
    shares = np.linspace(0, 1, 21)
    losses = [_loss(_blend(linear[:, strength], trees[:, count], share), outcomes, weights) for share in shares]
    best = int(np.argmin(losses))
    odds = _blend(linear[:, strength], trees[:, count], shares[best])
    return float(losses[best]), strength, count, float(shares[best]), odds, rows


def _blend(linear: Numbers, trees: Numbers, share: float) -> Numbers:
    return np.asarray((1 - share) * linear + share * trees)


def _loss(odds: Numbers, outcomes: Numbers, weights: Numbers) -> float:
    limit = float(logit(1 - FLOOR))
    odds = np.clip(odds, -limit, limit)
    return float(np.average(np.logaddexp(0, odds) - outcomes * odds, weights=weights))


def _remembered(lines: _Lines) -> _Lines:
    """Rows that count at all."""
    return lines.at(np.flatnonzero(lines.weights > FORGOTTEN * lines.weights.max()))


def _choose_memory(lines: _Lines, times: Numbers, parts: list[tuple[Rows, Rows]]) -> tuple[_Lines, float | None]:
    """The rows with the columns and the fading weights that lose least on the later parts, and the half-life.

    Each is tried as it would be used: a linear model, put right by what it said of the parts before.
    """
    span = float(np.ptp(times))
    best: tuple[float, _Lines, float | None] | None = None
    for read in [lines, *_timeless(lines, times)]:
        for half_life in [None, *(share * span for share in FADES if span > 0)]:
            faded = read
            if half_life is not None:
                faded = replace(read, weights=read.weights * 0.5 ** ((times.max() - times) / half_life))
            loss = _loss_as_used(faded, parts)
            if best is None or loss < best[0]:
                best = loss, faded, half_life
    assert best is not None
    return best[1], best[2]


def _timeless(lines: _Lines, times: Numbers) -> list[_Lines]:
    """The rows without the columns that tell the time; nothing where there are none, or no others."""
    early = times <= np.median(times)
    tell = [_apart(column[early], column[~early]) >= TELLS_TIME for column in lines.matrix.T] if (~early).any() else []
    if not any(tell) or all(tell):
        return []
    names = [*lines.columns.numbers, *lines.columns.categories]
    why = {name: "tells the time more than the row" for name, tells in zip(names, tell, strict=True) if tells}
    columns = Columns(
        tuple(name for name in lines.columns.numbers if name not in why),
        {name: values for name, values in lines.columns.categories.items() if name not in why},
        why,
    )
    return [replace(lines, columns=columns, matrix=lines.matrix[:, ~np.array(tell)])]


def _apart(early: Numbers, late: Numbers) -> float:
    """How far apart the shares of values are that lie below any bound: Kolmogorov and Smirnov's distance."""
    early, late = (np.sort(np.nan_to_num(part, nan=-np.inf)) for part in (early, late))
    bounds = np.unique(np.concatenate([early, late]))
    shares = [np.searchsorted(part, bounds, side="right") / len(part) for part in (early, late)]
    return float(np.abs(shares[0] - shares[1]).max())


def _loss_as_used(lines: _Lines, parts: list[tuple[Rows, Rows]]) -> float:
    """Mean log loss on later parts of a linear model whose curve comes of the parts before; the first has none."""
    draw = np.random.default_rng(lines.seed)
    odds: list[Numbers] = []
    rows: list[Rows] = []
    losses: list[float] = []
    for train, test in parts:
        known = _remembered(lines.at(train))
        if len(known.outcomes) > MOST_TO_CHOOSE:
            known = known.at(np.sort(draw.choice(len(known.outcomes), MOST_TO_CHOOSE, replace=False)))
        if _too_little(known) is not None:
            return float("inf")
        said = _linear(known, STRENGTHS[1]).decision_function(lines.matrix[test])
        slope, intercept = 1.0, 0.0
        if rows:
            before = np.concatenate(rows)
            slope, intercept = _curve(np.concatenate(odds), lines.outcomes[before], lines.weights[before])
        if rows or len(parts) == 1:
            losses.append(_loss(intercept + slope * said, lines.outcomes[test], np.ones(len(test))))
        odds.append(said)
        rows.append(test)
    return float(np.mean(losses))


def _linear(lines: _Lines, strength: float) -> Pipeline:
    inputs = design(lines.columns, lines.matrix)
    learnt_from = inputs.fit_transform(lines.matrix)
    regression = _regression(strength, learnt_from).fit(learnt_from, lines.outcomes, lines.weights)
    return Pipeline([("design", inputs), ("regression", regression)])


def _regression(strength: float, inputs: Numbers) -> LogisticRegression:
    """Newton's steps are quick where inputs are few; many are left to a solver that never writes their square."""
    few = inputs.shape[1] <= min(500, len(inputs))
    return LogisticRegression(C=strength, max_iter=500, solver="newton-cholesky" if few else "lbfgs")


def _trees(lines: _Lines, count: int) -> lgb.Booster:
    params = {**TREES, "seed": lines.seed % 2**30}
    params["min_data_in_leaf"] = min(TREES["min_data_in_leaf"], max(2, len(lines.outcomes) // 10))
    params["min_sum_hessian_in_leaf"] = min(TREES["min_sum_hessian_in_leaf"], len(lines.outcomes) / 200)
    data = lgb.Dataset(
        lines.matrix, lines.outcomes, weight=lines.weights, categorical_feature=lines.columns.coded, params=params
    )
    return lgb.train(params, data, num_boost_round=count)


def _curve(odds: Numbers, outcomes: Numbers, weights: Numbers) -> tuple[float, float]:
    """Slope and intercept of Platt's curve through what was said of rows left out; flat where that told nothing."""
    weights = weights / weights.max()
    rate = float(np.clip(np.average(outcomes, weights=weights), FLOOR, 1 - FLOOR))
    flat = float(logit(rate))
    if 0 < outcomes.mean() < 1:
        curve = LogisticRegression(C=100.0).fit(odds[:, None], outcomes, sample_weight=weights)
        slope, intercept = float(curve.coef_[0, 0]), float(curve.intercept_[0])
        at_all = np.full(len(odds), flat)
        gain = _loss(at_all, outcomes, weights) - _loss(intercept + slope * odds, outcomes, weights)
        if slope > 0 and gain * weights.sum() > 0.5:  # a likelihood that a slope without meaning would reach by luck
            return slope, intercept
    return 0.0, flat
