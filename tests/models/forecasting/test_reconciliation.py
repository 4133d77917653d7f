"""Reconciled forecasts add up, and the method is chosen by its error in the backtest."""

import numpy as np
import pandas as pd
import pytest

from models.forecasting.hierarchy import Hierarchy
from models.forecasting.reconciliation import (
    RECONCILIATION_METHODS,
    Reconciliation,
    choose_reconciliation,
    limit_to_leaves,
    reconcile,
)


@pytest.fixture(scope="module")
def hierarchy() -> Hierarchy:
    return Hierarchy.from_leaves(pd.DataFrame({"unique_id": ["a", "b", "c"], "half": ["x", "x", "y"]}))


@pytest.mark.parametrize("method", RECONCILIATION_METHODS)
def test_every_method_adds_up_and_leaves_coherent_forecasts_unchanged(hierarchy: Hierarchy, method: str) -> None:
    rng = np.random.default_rng(5)
    residuals = rng.normal(0, 1, (6, 40))
    forecasts = rng.uniform(5, 10, (6, 4))
    assert hierarchy.incoherence(forecasts) > 0.1
    assert hierarchy.incoherence(reconcile(hierarchy, forecasts, method, residuals)) < 1e-9
    coherent = hierarchy.summing @ forecasts[3:]
    np.testing.assert_allclose(reconcile(hierarchy, coherent, method, residuals), coherent, rtol=1e-6)


def test_leaves_are_not_below_the_floor_after_reconciling(hierarchy: Hierarchy) -> None:
    forecasts = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [30.0]])
    assert reconcile(hierarchy, forecasts, "ols").min() < 0
    assert reconcile(hierarchy, forecasts, "ols", floors=0.0).min() == 0.0


def test_a_method_of_variances_needs_residuals(hierarchy: Hierarchy) -> None:
    with pytest.raises(ValueError, match="wls_var needs residuals of a backtest"):
        reconcile(hierarchy, np.ones((6, 1)), "wls_var")


def test_accurate_aggregates_over_noisy_leaves_are_not_summed_bottom_up(hierarchy: Hierarchy) -> None:
    rng = np.random.default_rng(6)
    actuals = np.stack([hierarchy.summing @ rng.uniform(5, 10, (3, 12)) for _ in range(4)], axis=1)
    noise = np.array([0.01, 0.01, 0.01, 3.0, 3.0, 3.0])[:, None, None]
    forecasts = actuals + noise * rng.normal(0, 1, actuals.shape)
    chosen = choose_reconciliation(hierarchy, forecasts, actuals, np.ones((6, 4, 1)), (48, 36, 24, 12))
    assert chosen.method in ("wls_var", "mint_shrink")
    assert chosen.errors[chosen.method] < chosen.errors["bottom up"]
    assert chosen.residuals.shape == (6, 48)
    assert not chosen.failed


def test_every_method_is_tried_where_cutoffs_are_close_together(hierarchy: Hierarchy) -> None:
    rng = np.random.default_rng(8)
    actuals = np.stack([hierarchy.summing @ rng.uniform(5, 10, (3, 12)) for _ in range(3)], axis=1)
    noise = np.array([0.01, 0.01, 0.01, 3.0, 3.0, 3.0])[:, None, None]
    forecasts = actuals + noise * rng.normal(0, 1, actuals.shape)
    for cutoff, steps in enumerate((12, 8, 4)):
        actuals[:, cutoff, steps:] = np.nan
    chosen = choose_reconciliation(hierarchy, forecasts, actuals, np.ones((6, 3, 1)), (12, 8, 4))
    assert not chosen.failed
    assert set(chosen.errors) == set(RECONCILIATION_METHODS)
    assert chosen.method != "bottom up"
    assert chosen.residuals.shape == (6, 24)


def test_residuals_are_those_of_the_nodes_or_a_method_without_them_is_used() -> None:
    chosen = Reconciliation("wls_var", ("total", "a", "b"), np.array([[1.0], [2.0], [3.0]]))
    method, residuals = chosen.for_nodes(("total", "b"))
    assert method == "wls_var"
    assert residuals is not None
    assert residuals.tolist() == [[1.0], [3.0]]
    assert chosen.for_nodes(("total", "new")) == ("wls_struct", None)
    assert Reconciliation("ols").for_nodes(("total", "new")) == ("ols", None)


def test_an_aggregate_is_no_wider_than_its_leaves_together(hierarchy: Hierarchy) -> None:
    half_widths = np.array([[9.0], [1.0], [4.0], [1.0], [2.0], [3.0]])
    assert limit_to_leaves(hierarchy, half_widths).ravel().tolist() == [6.0, 1.0, 3.0, 1.0, 2.0, 3.0]


def test_a_leaf_named_like_a_node_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves are named like nodes above them: half=x; rename the leaves"):
        Hierarchy.from_leaves(pd.DataFrame({"unique_id": ["half=x", "b"], "half": ["x", "y"]}))


def test_parents_are_weighted_by_size_and_the_total_counts_only_without_others(hierarchy: Hierarchy) -> None:
    weights = hierarchy.parent_weights(hierarchy.nodes)  # total, half=x, half=y, a, b, c
    assert weights[0].tolist() == [0.0] * 6
    assert weights[1].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert weights[3].tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
