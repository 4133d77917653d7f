"""Weights and columns for rows in order of time, chosen by the loss on later rows of models fitted on earlier ones."""

from dataclasses import replace

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.statistics import mean_gain
from models.estimators.binary_blend import (
    FoldIndices,
    WeightedSamples,
    fit_linear,
    intercept_shifts,
    mean_log_loss,
    why_not_fitted,
)
from models.estimators.column_encoding import Columns

HALF_LIFE_FRACTIONS = (0.5, 0.25)
"""Half-lives that are tried, as fractions of the time that the rows span."""

MAX_LATER_FOLDS = 4
MAX_KS_DISTANCE = 0.6
"""Columns whose distributions in the earlier and the later half of rows lie farther apart (of 1) drift with time."""

MAX_SEARCH_ROWS = 4_000
"""Training rows of each fold in the search, sampled from more."""

SEARCH_C = 0.05
MIN_FOLD_ROWS = 100
MIN_FOLD_FRACTION = 0.02
MAX_DISTINCT_TIMES = 50
"""With more distinct times the later half of rows forms folds of equal size; with fewer, times are grouped."""

CARRIED_FRACTIONS = (0.5, 1.0)
"""Fractions of an intercept shift that are tried to be carried on."""

CHOICE_STANDARD_ERRORS = 2.0
"""By which the mean gain over folds must exceed 0."""

LOSS_IF_NOT_FITTED = 1e3


def later_folds(samples: WeightedSamples, times: Floats) -> FoldIndices:
    """Up to ``MAX_LATER_FOLDS`` latest periods as test rows, each with all rows before it; fewer if too few precede.

    Equal times share a period, and periods hold enough rows to show skill beyond noise.
    """
    distinct, counts = np.unique(times, return_counts=True)
    fraction = MIN_FOLD_FRACTION if len(distinct) <= MAX_DISTINCT_TIMES else 0.5 / MAX_LATER_FOLDS
    min_rows = max(MIN_FOLD_ROWS, len(times) * fraction)
    start_times: list[float] = []
    rows = 0.0
    for time, count in zip(distinct[:0:-1], counts[:0:-1], strict=True):
        rows += count
        if rows >= min_rows and len(start_times) < MAX_LATER_FOLDS:
            start_times, rows = [float(time), *start_times], 0.0
    folds = []
    for start, end in zip(start_times, [*start_times[1:], np.inf], strict=True):
        train, test = np.flatnonzero(times < start), np.flatnonzero((times >= start) & (times < end))
        if why_not_fitted(samples.take(train)) is None:
            folds.append((train, test))
    return folds


def choose_time_weights(
    samples: WeightedSamples, times: Floats, folds: FoldIndices
) -> tuple[WeightedSamples, float | None]:
    """The rows with the columns and exponential weights of least loss on later folds, and their half-life.

    All columns and equal weights (``None``), unless another choice loses clearly less.
    """
    span = float(np.ptp(times))
    age = times.max() - times
    half_lives = [None, *(fraction * span for fraction in HALF_LIFE_FRACTIONS if span > 0)]
    losses = _fold_losses(samples, folds)
    best_gain, best, best_half_life = 0.0, samples, None
    for candidate in [samples, *_without_drifting_columns(samples, times)]:
        for half_life in half_lives:
            if candidate is samples and half_life is None:
                continue
            weighted = candidate
            if half_life is not None:
                weighted = replace(candidate, weights=candidate.weights * 0.5 ** (age / half_life))
            gain = mean_gain(losses, _fold_losses(weighted, folds))
            if gain.exceeds(CHOICE_STANDARD_ERRORS) and gain.mean > best_gain:
                best_gain, best, best_half_life = gain.mean, weighted, half_life
    return best, best_half_life


def choose_intercept_shift(log_odds: Floats, samples: WeightedSamples, folds: list[Ints]) -> float:
    """The shift of log-odds for later rows: a fraction of the recent folds' shifts, by the loss that carrying it on
    would have saved on each fold after those before; 0 without a clear gain. ``log_odds``: of all ``folds``.
    """
    by_fold = np.split(log_odds, np.cumsum([len(rows) for rows in folds])[:-1])
    outcomes = [samples.outcomes[rows] for rows in folds]
    weights = [np.ones(len(rows)) for rows in folds]
    one_group = [np.zeros(len(rows), dtype=np.intp) for rows in folds]
    shifts = [float(intercept_shifts(*fold)[0]) for fold in zip(by_fold, outcomes, weights, one_group, strict=True)]

    def recent_shift(n_folds: int) -> float:
        return float(np.average(shifts[:n_folds], weights=0.5 ** np.arange(n_folds)[::-1]))

    later = range(1, len(folds))
    losses = np.array([mean_log_loss(by_fold[i], outcomes[i], weights[i]) for i in later])
    best_gain, best_fraction = 0.0, 0.0
    for fraction in CARRIED_FRACTIONS:
        shifted = [mean_log_loss(by_fold[i] + fraction * recent_shift(i), outcomes[i], weights[i]) for i in later]
        gain = mean_gain(losses, np.array(shifted))
        if gain.exceeds(CHOICE_STANDARD_ERRORS) and gain.mean > best_gain:
            best_gain, best_fraction = gain.mean, fraction
    return best_fraction * recent_shift(len(folds)) if best_fraction else 0.0


def _without_drifting_columns(samples: WeightedSamples, times: Floats) -> list[WeightedSamples]:
    """The rows without columns that drift with time; empty if no column drifts, or all do."""
    early = times <= np.median(times)
    drifts = _drifts(samples.matrix, early) if (~early).any() else np.zeros(samples.matrix.shape[1], dtype=np.bool_)
    if not drifts.any() or drifts.all():
        return []
    names = [*samples.columns.numbers, *samples.columns.categories]
    ignored = {name: "drifts with time" for name, drifting in zip(names, drifts, strict=True) if drifting}
    columns = Columns(
        tuple(name for name in samples.columns.numbers if name not in ignored),
        {name: values for name, values in samples.columns.categories.items() if name not in ignored},
        ignored,
    )
    return [replace(samples, columns=columns, matrix=samples.matrix[:, ~drifts])]


def _drifts(matrix: Floats, early: Bools) -> Bools:
    """Whether each column's early and late values differ in distribution."""
    return np.array([_ks_distance(column[early], column[~early]) >= MAX_KS_DISTANCE for column in matrix.T], np.bool_)


def _ks_distance(first: Floats, second: Floats) -> float:
    """Kolmogorov and Smirnov's distance of two samples; a missing value is the lowest."""
    first, second = (np.sort(np.nan_to_num(values, nan=-np.inf)) for values in (first, second))
    bounds = np.unique(np.concatenate([first, second]))
    cumulative = [np.searchsorted(values, bounds, side="right") / len(values) for values in (first, second)]
    return float(np.abs(cumulative[0] - cumulative[1]).max())


def _fold_losses(samples: WeightedSamples, folds: FoldIndices) -> Floats:
    """Mean log loss of a linear model on each fold, fitted on the rows before it."""
    draw = np.random.default_rng(samples.seed)
    losses: list[float] = []
    for train, test in folds:
        earlier = samples.take(train).weighted()
        if len(earlier.outcomes) > MAX_SEARCH_ROWS:
            earlier = earlier.take(np.sort(draw.choice(len(earlier.outcomes), MAX_SEARCH_ROWS, replace=False)))
        if why_not_fitted(earlier) is not None:
            losses.append(LOSS_IF_NOT_FITTED)
            continue
        log_odds = fit_linear(earlier, SEARCH_C).decision_function(samples.matrix[test])
        losses.append(mean_log_loss(log_odds, samples.outcomes[test], np.ones(len(test))))
    return np.array(losses)
