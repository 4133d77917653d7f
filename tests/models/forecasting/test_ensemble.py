"""The fitted ensemble: what it combines, when it leaves a series to the baseline, and how it is described."""

from dataclasses import replace

import numpy as np
import pytest

from data.arrays import Floats
from models.forecasting.backtest import Backtest
from models.forecasting.ensemble import FittedEnsemble, fit_ensemble
from models.forecasting.method import BASELINE

METHODS = (BASELINE, "accurate", "noisy", "far")


def backtest_of(errors: Floats) -> Backtest:
    """40 series, two cutoffs of 6 disjoint steps; ``errors`` of each method: methods × series × origins × steps."""
    rng = np.random.default_rng(1)
    actuals = rng.normal(100, 5, (40, 2, 6))
    present = np.full((40, 1, 6), 100.0)
    forecasts = np.concatenate([actuals, present], axis=1)[None] + errors
    ids = tuple(f"s{row}" for row in range(40))
    return Backtest(ids, METHODS, (12, 6), forecasts, actuals, np.ones((40, 2, 1)))


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    rng = np.random.default_rng(2)
    sizes = np.array([4.0, 1.0, 2.0, 300.0])[:, None, None, None]
    return backtest_of(sizes * rng.normal(1.0, 0.2, (4, 40, 3, 6)) * rng.choice([-1, 1], (4, 40, 3, 6)))


@pytest.fixture(scope="module")
def ensemble(backtest: Backtest) -> FittedEnsemble:
    return fit_ensemble(backtest)


def test_a_harmful_method_is_not_selected(ensemble: FittedEnsemble) -> None:
    assert "far" not in ensemble.methods
    assert "far" in ensemble.excluded
    assert "accurate" in ensemble.selected


def test_weights_are_one_per_series_and_0_for_methods_that_are_not_selected(ensemble: FittedEnsemble) -> None:
    np.testing.assert_allclose(ensemble.weights.sum(axis=1), 1.0)
    for column, name in enumerate(ensemble.methods):
        assert (ensemble.weights[:, column] > 0).all() == (name in ensemble.selected)


def test_the_baseline_is_used_everywhere_where_no_method_is_more_accurate() -> None:
    rng = np.random.default_rng(3)
    sizes = np.array([0.5, 5.0, 5.0, 5.0])[:, None, None, None]
    fitted = fit_ensemble(backtest_of(sizes * rng.normal(1.0, 0.2, (4, 40, 3, 6))))
    assert fitted.baseline_wins.all()
    assert set(fitted.describe(fitted.unique_ids, fitted.methods)) == {BASELINE}


def test_without_any_actual_the_baseline_is_used_and_every_series_is_untested(backtest: Backtest) -> None:
    fitted = fit_ensemble(replace(backtest, actuals=np.full_like(backtest.actuals, np.nan)))
    assert fitted.baseline_wins.all()
    assert fitted.untested.all()
    assert fitted.methods == METHODS


def test_a_series_without_a_combined_forecast_gets_the_baseline(ensemble: FittedEnsemble, backtest: Backtest) -> None:
    combined = ensemble.combine(backtest)
    combined[3] = np.nan
    forecasts = ensemble.or_baseline(combined, backtest)
    np.testing.assert_array_equal(forecasts[3], backtest.baseline[3, -1])
    assert np.isfinite(forecasts).all()


def test_the_description_names_rule_number_and_weights_of_the_methods(ensemble: FittedEnsemble) -> None:
    weighted = replace(
        ensemble,
        methods=METHODS,
        weights=np.tile([0.1, 0.5, 0.4, 0.0], (40, 1)),
        baseline_wins=np.zeros(40, dtype=bool),
        rule="median",
    )
    (text,) = weighted.describe(["s0"], METHODS)
    assert text == "weighted median of 3 models: accurate 50 %, noisy 40 %, seasonal naive 10 %"
    assert weighted.describe(["s0"], ["accurate"]) == ["accurate"]
    assert weighted.describe(["s0"], ["far", "new"]) == ["weighted median of 2 models, equally weighted"]
