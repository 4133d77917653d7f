"""The fitted ensemble: the estimates from a backtest, and the combination of the methods' forecasts by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from data.arrays import Bools, Floats
from models.forecasting.backtest import Backtest
from models.forecasting.cold_start import share_of_parent
from models.forecasting.conformal import Intervals, calibrate_intervals
from models.forecasting.ensemble_weights import (
    DEFAULT_RULE,
    EnsembleWeights,
    Rule,
    baseline_is_better,
    combine,
    cross_fitted_forecasts,
    fit_weights,
    select_methods,
)
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.method import BASELINE
from models.forecasting.panel import Panel
from models.forecasting.reconciliation import (
    WITHOUT_RESIDUALS,
    Reconciliation,
    choose_reconciliation,
    reconcile_series,
    to_nodes,
)

RULE_TEXTS: Mapping[Rule, str] = {
    "mean": "weighted mean",
    "median": "weighted median",
    "midpoint": "midpoint of weighted mean and median",
}
N_METHODS_NAMED = 3


@dataclass(frozen=True)
class FittedEnsemble:
    """``weights``: series × methods; ``selected`` methods are combined, by ``rule``, the others have weight 0.

    ``baseline_wins``: series for which the seasonal naive forecast is used; ``untested``: series that have no error in
    the backtest. ``reconciliation`` is ``None`` without a hierarchy. ``excluded``: methods left out, or failed on some
    series, and why.
    """

    unique_ids: tuple[str, ...]
    methods: tuple[str, ...]
    selected: tuple[str, ...]
    weights: Floats = field(repr=False)
    rule: Rule
    blend: float
    power: float
    baseline_wins: Bools = field(repr=False)
    untested: Bools = field(repr=False)
    intervals: Intervals
    reconciliation: Reconciliation | None
    excluded: Mapping[str, str]

    def baseline_only(self) -> "FittedEnsemble":
        """The same ensemble, forecasting every series by the baseline."""
        n_series = len(self.unique_ids)
        return replace(
            self,
            methods=(BASELINE,),
            selected=(BASELINE,),
            weights=np.ones((n_series, 1)),
            baseline_wins=np.ones(n_series, dtype=bool),
        )

    def weights_of(self, unique_ids: Sequence[str], methods: Sequence[str]) -> Floats:
        """Series × methods: weights; the mean over series for an unknown series, 0 for an unknown method."""
        by_series = np.concatenate([self.weights, self.weights.mean(axis=0, keepdims=True)])[self._rows(unique_ids)]
        columns = {name: column for column, name in enumerate(self.methods)}
        weights = np.zeros((len(unique_ids), len(methods)))
        for i, name in enumerate(methods):
            if name in columns:
                weights[:, i] = by_series[:, columns[name]]
        return weights

    def baseline_wins_of(self, unique_ids: Sequence[str]) -> Bools:
        """Series for which the baseline is used; of unknown ones only where there is no other method."""
        unknown = self.methods == (BASELINE,)
        return np.append(self.baseline_wins, unknown)[self._rows(unique_ids)]

    def untested_of(self, unique_ids: Sequence[str]) -> Bools:
        """Series without an error in the backtest, unknown ones included."""
        return np.append(self.untested, True)[self._rows(unique_ids)]

    def used_weights(self, unique_ids: Sequence[str], methods: Sequence[str]) -> Floats:
        """Series × methods: the weights of the published forecasts, 1 for the baseline where it is used."""
        weights = self.weights_of(unique_ids, methods)
        is_baseline = np.array([float(name == BASELINE) for name in methods])
        return np.where(self.baseline_wins_of(unique_ids)[:, None], is_baseline, weights)

    def combine(self, backtest: Backtest, origin: int = -1) -> Floats:
        """Series × steps: the weighted combination of a backtest's methods from one origin, by default the present."""
        forecasts = backtest.forecasts[:, :, origin]
        weights = self.weights_of(backtest.unique_ids, backtest.methods)
        return combine(forecasts, np.broadcast_to(weights.T[:, :, None], forecasts.shape), self.rule)

    def or_baseline(self, combined: Floats, backtest: Backtest, origin: int = -1) -> Floats:
        """Combined forecasts, replaced by the baseline where it is used, or where no method has a forecast."""
        wins = self.baseline_wins_of(backtest.unique_ids)[:, None]
        return np.where(wins | np.isnan(combined), backtest.baseline[:, origin], combined)

    def reconcile(self, panel: Panel, forecasts: Floats) -> Floats:
        """Present forecasts (series × steps), young series as shares of their parents, coherent in a hierarchy.

        An ensemble fitted without a hierarchy reconciles by structural weights.
        """
        if panel.hierarchy is None:
            return forecasts
        reconciliation = self.reconciliation or Reconciliation(WITHOUT_RESIDUALS)
        shared = share_of_parent(panel, forecasts, 0)
        return reconcile_series(panel, panel.hierarchy, shared, reconciliation)

    def describe(self, unique_ids: Sequence[str], methods: Sequence[str]) -> list[str]:
        """The text that names the model of each series: the baseline, or the methods with the largest weights."""
        wins = self.baseline_wins_of(unique_ids)
        used = self.used_weights(unique_ids, methods)
        return [
            BASELINE if baseline else self._describe_weights(weights, methods)
            for weights, baseline in zip(used, wins, strict=True)
        ]

    def _describe_weights(self, weights: Floats, methods: Sequence[str]) -> str:
        weighted = [int(i) for i in np.argsort(-weights, kind="stable") if weights[i] > 0]
        if len(methods) == 1:
            return methods[0]
        if not weighted:  # no method that has a forecast has a weight: they count equally
            return f"{RULE_TEXTS[self.rule]} of {len(methods)} models, equally weighted"
        if len(weighted) == 1:
            return methods[weighted[0]]
        parts = ", ".join(f"{methods[i]} {100 * weights[i]:.0f} %" for i in weighted[:N_METHODS_NAMED])
        return f"{RULE_TEXTS[self.rule]} of {len(weighted)} models: {parts}"

    def _rows(self, unique_ids: Sequence[str]) -> list[int]:
        """The row of each series; that after the last for an unknown one."""
        rows = {name: row for row, name in enumerate(self.unique_ids)}
        return [rows.get(name, len(rows)) for name in unique_ids]


def fit_ensemble(backtest: Backtest, panel: Panel | None = None) -> FittedEnsemble:
    """The ensemble that a backtest favors: methods, weights, baseline, reconciliation, and intervals of its errors.

    ``panel`` is needed to share out parents' forecasts and to reconcile; without one series stand alone. Nothing is
    combined where no forecast can be evaluated: the baseline is used for every series.
    """
    if backtest.is_evaluated:
        selected, excluded = select_methods(backtest)
        backtest = backtest.select({BASELINE, *selected}, excluded)
        weights = fit_weights(backtest.select(selected))
    else:
        selected = list(backtest.methods)
        equal = np.full((len(backtest.unique_ids), len(selected)), 1 / len(selected))
        weights = EnsembleWeights(equal, DEFAULT_RULE, 0.0, 0.0)
    past = _cross_fitted(backtest.select(selected), weights)
    baseline_wins = _baseline_wins(backtest, past)
    past = np.where(baseline_wins[:, None, None] | np.isnan(past), backtest.baseline[:, :-1], past)
    reconciliation = None
    if panel is not None and panel.hierarchy is not None:
        reconciliation = _choose_reconciliation(backtest, panel, panel.hierarchy, past)
        past = _reconcile_past(backtest, panel, panel.hierarchy, past, reconciliation)
    errors = np.abs(past - backtest.actuals) / backtest.scale
    all_weights = np.zeros((len(backtest.unique_ids), len(backtest.methods)))
    all_weights[:, [backtest.methods.index(name) for name in selected]] = weights.values
    return FittedEnsemble(
        unique_ids=backtest.unique_ids,
        methods=backtest.methods,
        selected=tuple(selected),
        weights=all_weights,
        rule=weights.rule,
        blend=weights.blend,
        power=weights.power,
        baseline_wins=baseline_wins,
        untested=np.asarray(np.isnan(errors).all(axis=(1, 2))),
        intervals=calibrate_intervals(errors, errors.shape[2]),
        reconciliation=reconciliation,
        excluded=backtest.excluded,
    )


def past_forecasts(backtest: Backtest, ensemble: FittedEnsemble, panel: Panel) -> Floats:
    """Series × cutoffs × steps: what the ensemble would have forecast, with weights of other cutoffs or series."""
    selected = backtest.select(ensemble.selected)
    weights = EnsembleWeights(
        ensemble.weights_of(selected.unique_ids, selected.methods), ensemble.rule, ensemble.blend, ensemble.power
    )
    past = _cross_fitted(selected, weights)
    past = np.where(ensemble.baseline_wins[:, None, None] | np.isnan(past), backtest.baseline[:, :-1], past)
    if panel.hierarchy is None or ensemble.reconciliation is None:
        return past
    return _reconcile_past(backtest, panel, panel.hierarchy, past, ensemble.reconciliation)


def _cross_fitted(backtest: Backtest, weights: EnsembleWeights) -> Floats:
    if backtest.is_evaluated:
        return cross_fitted_forecasts(backtest, weights)
    return weights.combine(backtest.forecasts[:, :, :-1])


def _baseline_wins(backtest: Backtest, past: Floats) -> Bools:
    """Series for which the baseline is used: all of them where it has no larger error overall."""
    actuals = backtest.scaled_actuals
    errors, baseline_errors = (
        np.abs(forecasts / backtest.scale - actuals) for forecasts in (past, backtest.baseline[:, :-1])
    )
    if np.isnan(errors).all() or np.nanmean(baseline_errors) <= np.nanmean(errors):
        return np.ones(len(errors), dtype=bool)
    return baseline_is_better(errors, baseline_errors)


def _choose_reconciliation(backtest: Backtest, panel: Panel, hierarchy: Hierarchy, past: Floats) -> Reconciliation:
    shared = _share_of_parents(backtest, panel, past)
    ids = backtest.unique_ids
    return choose_reconciliation(
        hierarchy,
        np.nan_to_num(to_nodes(ids, hierarchy, shared, 0.0)),
        to_nodes(ids, hierarchy, backtest.actuals, np.nan),
        to_nodes(ids, hierarchy, backtest.scale, np.nan),
        backtest.cutoffs,
    )


def _reconcile_past(
    backtest: Backtest, panel: Panel, hierarchy: Hierarchy, past: Floats, reconciliation: Reconciliation
) -> Floats:
    shared = _share_of_parents(backtest, panel, past)
    coherent = [
        reconcile_series(panel, hierarchy, shared[:, origin], reconciliation) for origin in range(len(backtest.cutoffs))
    ]
    return np.stack(coherent, axis=1)


def _share_of_parents(backtest: Backtest, panel: Panel, past: Floats) -> Floats:
    shared = [share_of_parent(panel, past[:, i], cutoff) for i, cutoff in enumerate(backtest.cutoffs)]
    return np.stack(shared, axis=1)
