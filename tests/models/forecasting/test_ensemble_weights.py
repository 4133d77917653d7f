"""Weights follow accuracy as far as it can be told from chance, and are evaluated out of sample."""

import numpy as np
import pytest

from data.arrays import Floats
from models.forecasting.backtest import Backtest
from models.forecasting.ensemble_weights import (
    EnsembleWeights,
    baseline_is_better,
    combine,
    cross_fitted_forecasts,
    fit_weights,
    select_methods,
)


def backtest_of(forecasts: Floats, actuals: Floats, cutoffs: tuple[int, ...]) -> Backtest:
    """A backtest of scale 1 from forecasts by cutoff (methods × series × cutoffs × steps)."""
    names = tuple("abcdefgh"[: len(forecasts)])
    ids = tuple(f"s{row}" for row in range(len(actuals)))
    with_present = np.concatenate([forecasts, forecasts[:, :, -1:]], axis=2)
    return Backtest(ids, names, cutoffs, with_present, actuals, np.ones((*actuals.shape[:2], 1)))


def test_an_accurate_method_gets_nearly_all_the_weight_and_noise_leaves_weights_equal() -> None:
    rng = np.random.default_rng(0)
    actuals = rng.normal(0, 1, (40, 1, 12))
    accurate = np.stack([actuals + 1e-3 * rng.normal(0, 1, actuals.shape), actuals + 1.0, actuals + 2.0])
    assert fit_weights(backtest_of(accurate, actuals, (12,))).values[:, 0].min() > 0.9
    noise = fit_weights(backtest_of(actuals + rng.normal(0, 1, (3, 40, 1, 12)), actuals, (12,)))
    np.testing.assert_allclose(noise.values, 1 / 3, atol=0.06)
    np.testing.assert_allclose(noise.values.sum(axis=1), 1.0)


def test_weights_follow_each_series_where_series_differ() -> None:
    rng = np.random.default_rng(1)
    actuals = rng.normal(0, 1, (60, 2, 12))
    errors = np.where(np.arange(60)[:, None, None] < 30, 0.05, 3.0) * rng.choice([-1, 1], actuals.shape)
    weights = fit_weights(backtest_of(np.stack([actuals + errors, actuals + errors[::-1]]), actuals, (24, 12)))
    assert weights.blend > 0
    assert (weights.values[:30, 0] > 0.8).all()
    assert (weights.values[30:, 1] > 0.8).all()


def test_from_one_cutoff_the_errors_of_a_series_itself_do_not_count() -> None:
    """The steps of a forecast err alike: what looks like skill is one stroke of luck."""
    rng = np.random.default_rng(6)
    actuals = rng.normal(0, 1, (80, 1, 12))
    luck = rng.choice([0.05, 1.0], (2, 80, 1, 1)) * rng.choice([-1, 1], (2, 80, 1, 1))
    assert fit_weights(backtest_of(actuals + luck, actuals, (12,))).blend == 0.0


def test_cross_fitted_forecasts_use_weights_of_other_cutoffs() -> None:
    """Another method is right at each cutoff: with weights of both, each looks better than it is."""
    actuals = np.zeros((1, 2, 8))
    forecasts = np.stack([np.array([[[0.0] * 8, [4.0] * 8]]), np.array([[[4.0] * 8, [0.0] * 8]])])
    weights = EnsembleWeights(np.array([[0.5, 0.5]]), "mean", 0.5, 4.0)
    cross_fitted = cross_fitted_forecasts(backtest_of(forecasts, actuals, (16, 8)), weights)
    np.testing.assert_allclose(cross_fitted, 4.0, atol=0.02)
    np.testing.assert_allclose(weights.combine(forecasts), 2.0)


def test_cross_fitted_forecasts_are_in_the_unit_of_the_series() -> None:
    actuals = np.zeros((1, 2, 8))
    forecasts = np.full((1, 1, 2, 8), 6.0)
    backtest = backtest_of(forecasts, actuals, (16, 8))
    weights = EnsembleWeights(np.ones((1, 1)), "mean", 0.0, 0.0)
    scaled = Backtest(
        backtest.unique_ids, backtest.methods, backtest.cutoffs, backtest.forecasts, actuals, np.full((1, 2, 1), 4.0)
    )
    np.testing.assert_allclose(cross_fitted_forecasts(scaled, weights), 6.0)


def test_weights_that_are_tried_resemble_those_that_are_used() -> None:
    """One method is far off on a tenth of the series and accurate on the rest: by halves it gets what it will get."""
    rng = np.random.default_rng(7)
    actuals = rng.normal(0, 1, (40, 1, 12))
    errors = np.where(np.arange(40)[:, None, None] % 10 < 1, 20.0, 0.5)
    backtest = backtest_of(np.stack([actuals + errors, actuals + 1.2, actuals - 1.0]), actuals, (12,))
    weights = fit_weights(backtest)
    used = np.abs(weights.combine(backtest.forecasts[:, :, :-1]) - actuals).mean()
    tried = np.abs(cross_fitted_forecasts(backtest, weights) - actuals).mean()
    assert tried == pytest.approx(used, rel=0.2)
    assert used < 1.0


def test_a_method_without_forecasts_in_the_backtest_gets_no_weight() -> None:
    actuals = np.zeros((6, 1, 4))
    forecasts = np.stack([actuals + 1.0, actuals - 1.0, np.full_like(actuals, np.nan)])
    weights = fit_weights(backtest_of(forecasts, actuals, (4,)))
    np.testing.assert_allclose(weights.values, [[0.5, 0.5, 0.0]] * 6)


def test_combinations_skip_missing_forecasts() -> None:
    forecasts = np.array([[1.0, 1.0], [2.0, np.nan], [90.0, 5.0]])
    equal = np.ones_like(forecasts)
    np.testing.assert_allclose(combine(forecasts, equal, "median"), [2.0, 3.0])
    np.testing.assert_allclose(combine(forecasts, equal, "mean"), [31.0, 3.0])
    np.testing.assert_allclose(combine(forecasts, equal, "midpoint"), [16.5, 3.0])
    heavy = np.array([[0.1, 1.0], [0.1, 1.0], [9.8, 1.0]])
    assert combine(forecasts, heavy, "median")[0] == pytest.approx(90.0, rel=0.02)
    assert np.isnan(combine(np.full((2, 1), np.nan), np.ones((2, 1)), "median")).all()


def test_a_harmful_method_is_excluded_with_the_increase_of_the_error() -> None:
    rng = np.random.default_rng(2)
    actuals = rng.normal(0, 1, (100, 1, 12))
    good = actuals + rng.normal(0, 1, (4, 100, 1, 12))
    kept, excluded = select_methods(backtest_of(np.concatenate([good, actuals[None] + 30.0]), actuals, (12,)))
    assert kept == ["a", "b", "c", "d"]
    assert set(excluded) == {"e"}
    assert excluded["e"].startswith("the ensemble's error is ")
    assert excluded["e"].endswith(" % higher with it")


def test_the_baseline_is_better_only_where_the_gain_is_significant() -> None:
    rng = np.random.default_rng(3)
    errors = np.abs(rng.normal(0, 1, (3, 2, 12)))
    baseline_errors = errors * np.array([0.5, 1.0, 1.5])[:, None, None]
    assert baseline_is_better(errors, baseline_errors).tolist() == [True, False, False]
    assert not baseline_is_better(errors[:, :1], baseline_errors[:, :1]).any()  # from one cutoff it may be luck
