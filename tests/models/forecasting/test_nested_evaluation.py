"""An ensemble is evaluated at each past cutoff with what was known by then."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.forecasting.backtest import Backtest
from models.forecasting.ensemble import fit_ensemble
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import PARENT_SEASONALITY
from models.forecasting.nested_evaluation import BacktestErrors, evaluate_backtest, interval_coverage, level_weights


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    """Two leaves and their total over four years, with four cutoffs."""
    rng = np.random.default_rng(6)
    dates = pd.date_range("2020-01-01", periods=48, freq="MS")
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(48) / 12)
    parts = [
        pd.DataFrame({"unique_id": name, "ds": dates, "y": size * season * rng.normal(1, 0.05, 48)})
        for name, size in (("a", 100.0), ("b", 300.0))
    ]
    leaves = pd.DataFrame({"unique_id": ["a", "b"], "region": ["north", "south"]})
    forecaster = Forecaster(6, freq="M", methods=("drift", "seasonal growth", "dynamic theta", PARENT_SEASONALITY))
    return forecaster.fit(pd.concat(parts, ignore_index=True), leaves).backtest_


def nested_forecasts(
    backtest: Backtest, errors: BacktestErrors
) -> "list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]":
    """Both forecasts of the total that an absolute error allows."""
    return [errors.total_actuals[-1] - errors.total_errors[-1], errors.total_actuals[-1] + errors.total_errors[-1]]


def test_later_actuals_change_no_earlier_forecast(backtest: Backtest) -> None:
    before = evaluate_backtest(backtest)
    actuals = backtest.actuals.copy()
    actuals[:, -1] *= 3.0
    after = evaluate_backtest(replace(backtest, actuals=actuals))
    np.testing.assert_array_equal(after.errors[:, :-1], before.errors[:, :-1])
    candidates = (
        np.stack(nested_forecasts(backtest, before))[:, None] - np.stack(nested_forecasts(backtest, after))[None]
    )
    closest = np.abs(candidates).min(axis=(0, 1))
    known = ~np.isnan(closest)
    assert known.any()
    assert closest[known].max() < 1e-6


def test_the_first_cutoff_is_not_evaluated(backtest: Backtest) -> None:
    errors = evaluate_backtest(backtest)
    assert errors.cutoffs == backtest.cutoffs[1:]
    assert errors.errors.shape == (len(backtest.unique_ids), len(backtest.cutoffs) - 1, 6)


def test_a_given_ensemble_is_evaluated_with_its_own_weights(backtest: Backtest) -> None:
    baseline = fit_ensemble(backtest).baseline_only()
    errors = evaluate_backtest(backtest, baseline)
    np.testing.assert_array_equal(errors.errors, errors.baseline_errors)


def test_coverage_is_the_share_of_errors_within_intervals_of_other_cutoffs() -> None:
    errors = np.ones((60, 2, 3))
    errors[:, 1, 0] = 2.0  # at one cutoff a step errs more than ever at the other
    zeros = np.zeros((2, 3))
    table = BacktestErrors(("total",) * 60, (3, 2), errors, errors, zeros, zeros, zeros)
    coverage = interval_coverage([table])
    assert set(coverage) == {"coverage 50", "coverage 80", "coverage 95"}
    assert coverage["coverage 50"] == pytest.approx(5 / 6)


def test_every_level_counts_equally() -> None:
    evaluated = np.ones((3, 2, 4), dtype=bool)
    weights = level_weights(["total", "leaf", "leaf"], evaluated)
    assert weights[0].sum() == pytest.approx(weights[1:].sum())
    assert weights.mean() == pytest.approx(1.0)
