"""Reconciliation: coherent forecasts of a hierarchy, by the method with the least error in the backtest.

The methods are those of hierarchicalforecast: bottom-up, OLS (Hyndman et al. 2011) and minimum trace with variances or
a shrunk covariance (Wickramasuriya, Athanasopoulos & Hyndman 2019), here of backtest errors, not one-step residuals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from data.arrays import Floats
from models.forecasting.backtest import disjoint_steps, steps_over
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.method import MAX_FAILURE_LENGTH
from models.forecasting.panel import Panel

RECONCILIATION_METHODS = ("bottom up", "ols", "wls_struct", "wls_var", "mint_shrink")
DEFAULT_METHOD, MIN_Z = "bottom up", 2.0
"""Another method must be better by ``MIN_Z`` standard errors over nodes: methods that move all leaves by equal amounts
harm small leaves, and those too young to be evaluated."""
NEEDS_RESIDUALS = ("wls_var", "mint_shrink")
WITHOUT_RESIDUALS = "wls_struct"
MIN_RESIDUALS = 2
"""Residuals of a node below which there is no variance."""


@dataclass(frozen=True)
class Reconciliation:
    """The chosen method, and the errors of each in the backtest: scaled RMSE per node, averaged over levels.

    ``residuals``: nodes × residuals (actual − forecast) of the backtest. ``failed``: methods that raised, and why.
    """

    method: str
    nodes: tuple[str, ...] = ()
    residuals: Floats = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    errors: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def for_nodes(self, nodes: Sequence[str]) -> tuple[str, Floats | None]:
        """The method and its residuals for these nodes; ``WITHOUT_RESIDUALS`` if residuals of a node are unknown."""
        if self.method not in NEEDS_RESIDUALS:
            return self.method, None
        rows = {name: row for row, name in enumerate(self.nodes)}
        if not set(nodes) <= set(rows):
            return WITHOUT_RESIDUALS, None
        return self.method, self.residuals[[rows[name] for name in nodes]]


def reconcile(
    hierarchy: Hierarchy,
    forecasts: Floats,
    method: str,
    residuals: Floats | None = None,
    floors: Floats | float = -np.inf,
) -> Floats:
    """Coherent forecasts (nodes × steps), of which leaves are raised to their floors and aggregates are sums.

    ``residuals`` (nodes × residuals) are required by ``wls_var`` and ``mint_shrink``.
    """
    from hierarchicalforecast.methods import MinTrace

    if method == "bottom up":
        leaves = forecasts[hierarchy.n_aggregates :]
    else:
        in_sample: dict[str, Floats] = {}
        if method in NEEDS_RESIDUALS:
            if residuals is None:
                raise ValueError(f"{method} needs residuals of a backtest; without one reconcile by ols or wls_struct")
            in_sample = {"y_insample": residuals, "y_hat_insample": np.zeros_like(residuals)}
        result = MinTrace(method).fit_predict(S=hierarchy.summing, y_hat=forecasts, **in_sample)
        leaves = np.asarray(result["mean"], dtype=np.float64)[hierarchy.n_aggregates :]
    coherent: Floats = hierarchy.summing @ np.maximum(leaves, floors)
    return coherent


def reconcile_series(panel: Panel, hierarchy: Hierarchy, forecasts: Floats, reconciliation: Reconciliation) -> Floats:
    """Coherent forecasts of the panel's series (series × steps); nodes that abstained count as 0."""
    method, residuals = reconciliation.for_nodes(hierarchy.nodes)
    floor_of = {series.unique_id: series.floor for series in panel.series}
    floors = np.array([[floor_of.get(leaf, 0.0)] for leaf in hierarchy.leaves])
    by_node = np.nan_to_num(to_nodes(panel.unique_ids, hierarchy, forecasts, 0.0))
    coherent = reconcile(hierarchy, by_node, method, residuals, floors)
    row = {node: i for i, node in enumerate(hierarchy.nodes)}
    return np.asarray(coherent[[row[name] for name in panel.unique_ids]])


def to_nodes(unique_ids: Sequence[str], hierarchy: Hierarchy, values: Floats, missing: float) -> Floats:
    """Values by series (first axis) in the order of the hierarchy's nodes; ``missing`` for nodes without a series."""
    row = {name: i for i, name in enumerate(unique_ids)}
    by_node = np.full((len(hierarchy.nodes), *values.shape[1:]), missing)
    for i, node in enumerate(hierarchy.nodes):
        if node in row:
            by_node[i] = values[row[node]]
    return by_node


def choose_reconciliation(
    hierarchy: Hierarchy, forecasts: Floats, actuals: Floats, scale: Floats, cutoffs: Sequence[int]
) -> Reconciliation:
    """The method with the least error over past cutoffs, levels weighted equally; the default unless the gain is
    significant (a mean weighted by level, which ``data.statistics.mean_gain`` does not have).

    Forecasts and actuals are nodes × cutoffs × steps; ``scale`` is nodes × cutoffs × 1, NaN leaves a node out.
    """
    folds = _folds(forecasts, actuals, scale, cutoffs)
    levels = np.array(hierarchy.levels)
    rmse: dict[str, Floats] = {}
    failed: dict[str, str] = {}
    for method in RECONCILIATION_METHODS:
        losses = []
        try:
            for fold in folds:
                coherent = reconcile(hierarchy, fold.forecasts, method, fold.residuals)
                if not np.isfinite(coherent).all():
                    raise ValueError(f"{fold.residuals.shape[1]} residuals of the backtest give no covariance")
                losses.append(np.square((coherent - fold.actuals) / fold.scale))
        except Exception as error:  # noqa: BLE001 - a covariance that cannot be inverted is raised as many things
            failed[method] = f"{type(error).__name__}: {error}"[:MAX_FAILURE_LENGTH]
            continue
        squares = np.concatenate(losses, axis=1)
        evaluated = ~np.isnan(squares).all(axis=1)
        rmse[method] = np.sqrt(np.nanmean(squares[evaluated], axis=1))
    levels = levels[evaluated]
    weights = np.array([1.0 / (levels == level).sum() for level in levels]) / len(set(levels))
    errors = {method: float(weights @ values) for method, values in rmse.items()}
    best = min(errors, key=lambda method: errors[method])
    gains = rmse[DEFAULT_METHOD] - rmse[best]
    standard_error = float(np.sqrt(np.square(weights * (gains - weights @ gains)).sum()))
    method = best if weights @ gains > MIN_Z * standard_error else DEFAULT_METHOD
    over = steps_over(cutoffs, forecasts.shape[2])
    residuals = np.nan_to_num((actuals - forecasts)[:, over])
    return Reconciliation(method, hierarchy.nodes, residuals, errors, failed)


def limit_to_leaves(hierarchy: Hierarchy, half_widths: Floats) -> Floats:
    """Half-widths (nodes × steps) of which an aggregate's is at most the sum of its leaves': all at their bounds."""
    return np.minimum(half_widths, hierarchy.summing @ half_widths[hierarchy.n_aggregates :])


@dataclass(frozen=True)
class _Fold:
    """Forecasts and actuals (nodes × steps), residuals from elsewhere (nodes × residuals), scale (nodes × 1)."""

    forecasts: Floats
    actuals: Floats
    residuals: Floats
    scale: Floats


def _folds(forecasts: Floats, actuals: Floats, scale: Floats, cutoffs: Sequence[int]) -> list[_Fold]:
    """One fold per cutoff, with residuals of others in disjoint periods; where no cutoff has these, its odd and even
    steps with the residuals of one another."""
    over = steps_over(cutoffs, forecasts.shape[2])
    residuals = np.nan_to_num(actuals - forecasts)
    folds = []
    for i, disjoint in enumerate(disjoint_steps(cutoffs, forecasts.shape[2])):
        elsewhere = residuals[:, disjoint & over]
        if elsewhere.shape[1] >= MIN_RESIDUALS:
            folds.append(_Fold(forecasts[:, i, over[i]], actuals[:, i, over[i]], elsewhere, scale[:, i]))
    if folds:
        return folds
    steps = np.arange(forecasts.shape[2])
    for i in range(len(cutoffs)):
        odd = steps % 2 == 1
        for half in (odd, ~odd):
            rows, others = half & over[i], ~half & over[i]
            folds.append(_Fold(forecasts[:, i, rows], actuals[:, i, rows], residuals[:, i, others], scale[:, i]))
    return folds
