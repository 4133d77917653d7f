"""Weights of methods for each series, from their errors in the backtest, shrunk towards equal ones.

A series shows little about which method suits it, all series together more: errors are blended, and the amount of
shrinkage is chosen out of sample (Smith & Wallis 2009; Montero-Manso et al. 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.statistics import mean_gain, safe_divide
from models.forecasting.backtest import Backtest, disjoint_steps

Rule = Literal["midpoint", "mean", "median"]
RULES: tuple[Rule, ...] = ("midpoint", "mean", "median")
"""How methods are combined: the weighted mean, the weighted median, or the midpoint of both, which is the default."""
DEFAULT_RULE: Rule = "midpoint"
BLENDS = (0.0, 0.25, 0.5)
"""Weights of a series' own errors; the rest is the error over all series."""
POWERS = (0.0, 1.0, 2.0, 4.0)
"""How fast weights fall with the error; 0 is equal weights."""
MIN_RULE_GAIN = 0.005
"""The share of the error of equal weights that a rule must save to be preferred to them."""
MIN_BASELINE_GAIN = 0.03
"""The share of the ensemble's error that the baseline must save on a series to be used instead."""
BASELINE_Z = 2.0
N_CORRELATED = 4
"""Neighboring errors of a series that count as one observation."""
MIN_METHODS = 3
MIN_SELECTION_GAIN = 0.002
MIN_ERROR = 1e-9


@dataclass(frozen=True)
class EnsembleWeights:
    """``values``: series × methods, rows sum to 1; ``blend`` and ``power`` are the chosen shrinkage."""

    values: Floats
    rule: Rule
    blend: float
    power: float

    def combine(self, forecasts: Floats) -> Floats:
        """Series × …: the combination of forecasts (methods × series × …)."""
        weights = self.values.T.reshape(forecasts.shape[:2] + (1,) * (forecasts.ndim - 2))
        return combine(forecasts, np.broadcast_to(weights, forecasts.shape), self.rule)


def combine(forecasts: Floats, weights: Floats, rule: Rule) -> Floats:
    """The weighted mean, median or midpoint over the first axis; NaN only where all forecasts are.

    A missing forecast gives its weight to the others. Where only methods of weight 0 have one, they count equally.
    """
    available = ~np.isnan(forecasts)
    masked = np.where(available, weights, 0.0)
    totals = masked.sum(axis=0)
    masked = np.where(totals > 0, masked, np.where(available, 1.0, 0.0))
    totals = masked.sum(axis=0)
    if rule == "median":
        return _weighted_median(forecasts, available, masked, totals)
    summed = (masked * np.where(available, forecasts, 0.0)).sum(axis=0)
    means = safe_divide(summed, totals, otherwise=np.nan)
    return means if rule == "mean" else (means + _weighted_median(forecasts, available, masked, totals)) / 2


def _weighted_median(forecasts: Floats, available: Bools, weights: Floats, totals: Floats) -> Floats:
    """The value at half of the total weight, interpolated between the two forecasts around it.

    Notes: a forecast of weight 0 takes part in the interpolation.
    """
    order = np.argsort(np.where(available, forecasts, np.inf), axis=0)
    sorted_forecasts = np.take_along_axis(np.where(available, forecasts, 0.0), order, axis=0)
    sorted_weights = np.take_along_axis(weights, order, axis=0)
    quantiles = (np.cumsum(sorted_weights, axis=0) - sorted_weights / 2) / np.where(totals > 0, totals, 1.0)
    below = np.clip((quantiles <= 0.5).sum(axis=0) - 1, 0, None)[None]
    above = np.minimum(below + 1, np.maximum(available.sum(axis=0) - 1, 0)[None])
    quantile_below, quantile_above = (np.take_along_axis(quantiles, index, axis=0) for index in (below, above))
    low, high = (np.take_along_axis(sorted_forecasts, index, axis=0) for index in (below, above))
    gap = quantile_above - quantile_below
    fraction = safe_divide(0.5 - quantile_below, gap)
    medians = (low + np.clip(fraction, 0.0, 1.0) * (high - low))[0]
    return np.where(available.any(axis=0), medians, np.nan)


def equal_weights_error(forecasts: Floats, actuals: Floats) -> float:
    """Mean absolute error of the equally weighted combination of forecasts (methods × …)."""
    combined = combine(forecasts, np.ones_like(forecasts), DEFAULT_RULE)
    return float(np.nanmean(np.abs(combined - actuals)))


def select_methods(backtest: Backtest) -> tuple[list[str], dict[str, str]]:
    """The methods that an equally weighted combination is better with, and why each other is left out.

    Backward elimination: the worst method goes as long as its absence lowers the error by a minimum that falls with the
    number of series; ``MIN_METHODS`` are always kept.
    """
    names = list(backtest.methods)
    forecasts, actuals = backtest.scaled_forecasts, backtest.scaled_actuals
    max_ratio = 1 - max(MIN_SELECTION_GAIN, 0.05 / np.sqrt(max(1, len(backtest.unique_ids))))
    kept = list(range(len(names)))
    excluded: dict[str, str] = {}
    error = equal_weights_error(forecasts[kept], actuals)
    while len(kept) > MIN_METHODS:
        without = {i: equal_weights_error(forecasts[[j for j in kept if j != i]], actuals) for i in kept}
        worst = min(without, key=lambda i: without[i])
        if without[worst] >= error * max_ratio:
            break
        increase = 100 * (error / max(without[worst], MIN_ERROR) - 1)
        excluded[names[worst]] = f"the ensemble's error is {increase:.1f} % higher with it"
        error = without[worst]
        kept.remove(worst)
    return [names[i] for i in kept], excluded


def fit_weights(backtest: Backtest) -> EnsembleWeights:
    """The weights and rule with the least out-of-sample error; equal weights unless another saves ``MIN_RULE_GAIN``.

    A rule is tried on each cutoff with weights from the errors of other cutoffs in other periods; where there are none
    (a single cutoff), on each half of the series with weights of the other half. There ``blend`` is 0: the steps of one
    forecast have correlated errors, so a series' own errors would be evaluated on themselves.
    """
    folds = _folds(backtest)
    blends = BLENDS[:1] if all(fold.other_series for fold in folds) else BLENDS
    best: tuple[Rule, float, float] = (DEFAULT_RULE, 0.0, 0.0)
    forecasts, actuals = backtest.scaled_forecasts, backtest.scaled_actuals
    lowest = _out_of_sample_error(forecasts, actuals, folds, *best)
    for rule, blend, power in product(RULES, blends, POWERS):
        if power == 0.0 and blend > 0.0:
            continue
        error = _out_of_sample_error(forecasts, actuals, folds, rule, blend, power)
        if error < lowest * (1 - MIN_RULE_GAIN):
            best, lowest = (rule, blend, power), error
    rule, blend, power = best
    errors = backtest.scaled_errors
    values = _weights_from_errors(errors.reshape(*errors.shape[:2], -1), blend, power)
    return EnsembleWeights(values, rule, blend, power)


def cross_fitted_forecasts(backtest: Backtest, weights: EnsembleWeights) -> Floats:
    """Series × cutoffs × steps: the ensemble with weights of other cutoffs or series, as ``fit_weights`` tries it.

    Its errors are those to expect; with the fitted weights they would be too small, having been fitted to them.
    """
    forecasts = backtest.scaled_forecasts
    combined = weights.combine(forecasts)
    for fold in _folds(backtest):
        combined[np.ix_(fold.series, fold.origins)] = fold.combine(
            forecasts, weights.rule, weights.blend, weights.power
        )
    return combined * backtest.scale


def baseline_is_better(errors: Floats, baseline_errors: Floats) -> Bools:
    """Series (of errors series × cutoffs × steps) on which the baseline is significantly better than the ensemble.

    Its mean gain must exceed ``MIN_BASELINE_GAIN`` of the ensemble's error and ``BASELINE_Z`` standard errors; from a
    single cutoff it never does.
    """
    several_cutoffs = (~np.isnan(errors - baseline_errors)).any(axis=2).sum(axis=1) > 1
    errors, baseline_errors = (values.reshape(len(values), -1) for values in (errors, baseline_errors))
    counts = (~np.isnan(errors - baseline_errors)).sum(axis=1)
    mean_errors = safe_divide(np.nansum(errors, axis=1), counts)
    gains = [mean_gain(*pair, correlated=N_CORRELATED) for pair in zip(errors, baseline_errors, strict=True)]
    significant = [
        gain.n >= N_CORRELATED and gain.exceeds(BASELINE_Z) and gain.mean > MIN_BASELINE_GAIN * mean_error
        for gain, mean_error in zip(gains, mean_errors, strict=True)
    ]
    return np.asarray(several_cutoffs & np.array(significant, dtype=bool))


@dataclass(frozen=True)
class _Fold:
    """Series and cutoffs that a rule is tried on, and the errors (methods × series × …) that weights come from.

    The errors are those of the same series, or of ``other_series``.
    """

    series: Ints
    origins: Ints
    errors: Floats
    other_series: bool

    def select(self, values: Floats) -> Floats:
        """The fold's part of an array that ends in series × cutoffs × steps."""
        return values[..., self.series, :, :][..., self.origins, :]

    def combine(self, forecasts: Floats, rule: Rule, blend: float, power: float) -> Floats:
        """The combined forecasts of the fold."""
        if self.other_series:  # with blend 0 all series have the same weights
            weights = np.tile(_weights_from_errors(self.errors, 0.0, power)[:1], (len(self.series), 1))
        else:
            weights = _weights_from_errors(self.errors, blend, power)
        return EnsembleWeights(weights, rule, blend, power).combine(self.select(forecasts))


def _folds(backtest: Backtest) -> list[_Fold]:
    """One fold per cutoff that has errors of others in disjoint periods; two halves of the series for all others."""
    errors = backtest.scaled_errors
    n_methods, n_series, _, h = errors.shape
    series = np.arange(n_series)
    disjoint = disjoint_steps(backtest.cutoffs, h)
    folds, single = [], []
    for origin in np.flatnonzero(~np.isnan(errors).all(axis=(0, 1, 3))):
        others = np.where(disjoint[origin], errors, np.nan).reshape(n_methods, n_series, -1)
        if np.isnan(others).all():
            single.append(origin)
        else:
            folds.append(_Fold(series, np.array([origin]), others, other_series=False))
    for half in (series[::2], series[1::2]):
        others = errors[:, np.setdiff1d(series, half)]
        if single and len(half) and others.size and not np.isnan(others).all():
            flat = others.reshape(n_methods, others.shape[1], -1)
            folds.append(_Fold(half, np.array(single), flat, other_series=True))
    return folds


def _out_of_sample_error(
    forecasts: Floats, actuals: Floats, folds: Sequence[_Fold], rule: Rule, blend: float, power: float
) -> float:
    """Mean error of a rule on folds other than those its weights are fitted to."""
    total, count = 0.0, 0
    for fold in folds:
        errors = np.abs(fold.combine(forecasts, rule, blend, power) - fold.select(actuals))
        total += float(np.nansum(errors))
        count += int((~np.isnan(errors)).sum())
    return total / max(count, 1)


def _weights_from_errors(errors: Floats, blend: float, power: float) -> Floats:
    """Series × methods: weights that fall with a power of the blended log error; 0 for a method without errors."""
    available = ~np.isnan(errors)
    counts = available.sum(axis=2)
    own = safe_divide(np.nansum(errors, axis=2), counts, otherwise=np.nan)
    own = np.log(np.maximum(own, MIN_ERROR))
    own -= _mean_of_known(own, axis=0)  # a series that is hard for all methods is no worse for any of them
    overall = np.where(available.any(axis=(1, 2)), _mean_of_known(own, axis=1), np.nan)[:, None]
    blended = np.where(np.isnan(own), overall, blend * np.nan_to_num(own) + (1 - blend) * overall)
    raw = np.where(np.isnan(blended), 0.0, np.exp(-power * np.nan_to_num(blended)))
    weights: Floats = (raw / np.maximum(raw.sum(axis=0), MIN_ERROR)).T
    return weights


def _mean_of_known(values: Floats, axis: int) -> Floats:
    """The mean over an axis without NaN; 0 if all values are NaN."""
    counts = (~np.isnan(values)).sum(axis=axis)
    sums = np.asarray(np.nansum(values, axis=axis), dtype=np.float64)
    return safe_divide(sums, counts)
