"""Significance of gains, bootstrap intervals and rate intervals, on data whose answers are known."""

import numpy as np
import pytest

from data.statistics import (
    ClusterBootstrap,
    auc,
    bootstrap_mean,
    mean_gain,
    percentile_interval,
    rate_interval,
    safe_divide,
    wilson_interval,
)


def test_mean_gain_has_the_standard_error_of_a_mean() -> None:
    gain = mean_gain(np.array([3.0, 5.0, 7.0, 9.0]), np.array([2.0, 2.0, 2.0, 2.0]))
    assert gain.mean == 4.0
    assert gain.error == pytest.approx(np.std([1, 3, 5, 7], ddof=1) / 2)
    assert gain.z == pytest.approx(gain.mean / gain.error)
    assert gain.exceeds(3)
    assert not gain.exceeds(4)


def test_rows_with_a_nan_loss_are_left_out_of_a_gain() -> None:
    gain = mean_gain(np.array([1.0, np.nan, 3.0, 2.0]), np.array([0.0, 5.0, np.nan, 0.0]))
    assert (gain.mean, gain.n) == (1.5, 2)


@pytest.mark.parametrize("losses", [[], [2.0], [np.nan, 2.0]])
def test_no_gain_is_significant_on_fewer_than_two_rows(losses: list[float]) -> None:
    gain = mean_gain(np.array(losses), np.zeros(len(losses)))
    assert np.isnan(gain.error)
    assert not gain.exceeds(0)


def test_a_constant_gain_is_infinitely_significant_and_no_gain_is_not() -> None:
    assert mean_gain(np.ones(5), np.zeros(5)).z == np.inf
    assert mean_gain(np.zeros(5), np.zeros(5)).z == 0.0
    assert not mean_gain(np.zeros(5), np.zeros(5)).exceeds(1)
    assert not mean_gain(np.full(5, 1e-15), np.zeros(5)).exceeds(1, tolerance=1e-12)


def test_clusters_count_once_however_many_rows_they_have() -> None:
    losses = np.array([4.0, 4.0, 4.0, 4.0, 1.0, 1.0])
    gain = mean_gain(losses, np.zeros(6), clusters=np.array(["a", "a", "a", "a", "b", "c"]))
    assert (gain.mean, gain.n) == (2.0, 3)
    assert gain.error == pytest.approx(np.std([4, 1, 1], ddof=1) / 3**0.5)


def test_correlated_rows_widen_the_error() -> None:
    losses = np.random.default_rng(0).normal(size=400)
    single, blocks = mean_gain(losses, np.zeros(400)), mean_gain(losses, np.zeros(400), correlated=4)
    assert blocks.error == pytest.approx(2 * single.error)
    assert blocks.mean == single.mean


def test_the_interval_of_a_mean_contains_it_in_about_95_of_100_samples() -> None:
    contained = 0
    for seed in range(200):
        result = bootstrap_mean(np.random.default_rng(seed).exponential(size=150), seed=0, n_resamples=200)
        contained += result.low <= 1.0 <= result.high
    assert 176 <= contained <= 198


def test_resamples_are_those_of_the_seed_whatever_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=60)
    whole = bootstrap_mean(values, seed=7, n_resamples=50)
    monkeypatch.setattr("data.statistics.MAX_VALUES_AT_ONCE", 130)
    np.testing.assert_allclose(bootstrap_mean(values, seed=7, n_resamples=50).resampled, whole.resampled)
    draws = np.random.default_rng(7)
    np.testing.assert_allclose(whole.resampled, [values[draws.integers(0, 60, 60)].mean() for _ in range(50)])


def test_the_mean_of_one_value_is_its_own_interval_and_of_none_an_error() -> None:
    result = bootstrap_mean(np.array([3.0]), seed=0, n_resamples=10)
    assert (result.mean, result.low, result.high) == (3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_mean(np.array([]), seed=0, n_resamples=10)


def test_clusters_are_drawn_whole_and_sums_agree_with_their_rows() -> None:
    clusters = np.array(["b", "a", "b", "c", "b"])
    values = np.array([1.0, 10.0, 2.0, 100.0, 3.0])
    bootstrap = ClusterBootstrap.draw(clusters, seed=3, n_resamples=40)
    assert bootstrap.n_clusters == 3
    assert (bootstrap.times.sum(axis=1) == 3).all()
    for resample in range(40):
        rows = bootstrap.rows(resample)
        assert (rows == 0).sum() == (rows == 2).sum() == (rows == 4).sum()
        assert bootstrap.sums(values)[resample, 0] == values[rows].sum()
        assert bootstrap.means(values)[resample] == pytest.approx(values[rows].mean())


def test_means_over_marked_rows_are_0_where_a_resample_has_none() -> None:
    bootstrap = ClusterBootstrap.draw(np.arange(3), seed=0, n_resamples=30)
    marked = np.array([True, False, False])
    means = bootstrap.means(np.where(marked, 5.0, 0.0), marked)
    assert set(means) == {0.0, 5.0}


def test_a_percentile_interval_leaves_undefined_figures_out() -> None:
    assert percentile_interval(np.array([np.nan, 1.0, 1.0, np.inf])) == (1.0, 1.0)
    assert percentile_interval(np.array([np.nan])) is None


def test_the_interval_of_a_rate_contains_it_and_narrows_with_rows() -> None:
    low, high = rate_interval(10, 100)
    assert 0.06 < low < 0.1 < high < 0.15
    wide = rate_interval(1, 10)
    assert wide[1] - wide[0] > high - low
    assert rate_interval(10, 100, confidence=0.99)[0] < low


def test_the_wilson_interval_contains_the_rate_and_stays_within_0_and_1() -> None:
    low, high = wilson_interval(0.5, 100, 1.96)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    low, high = wilson_interval(0.0, 10, 1.96)
    assert (low, high) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_auc_counts_ties_half_and_is_nan_for_one_class() -> None:
    assert auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(3.5 / 4)
    assert np.isnan(auc(np.array([0.1, 0.4]), np.ones(2)))
    assert np.isnan(auc(np.array([]), np.array([])))


def test_a_quotient_is_replaced_where_the_denominator_is_not_above_0_or_the_mask_does_not_hold() -> None:
    denominators = np.array([2.0, 0.0, -1.0])
    assert safe_divide(np.ones(3), denominators).tolist() == [0.5, 0.0, 0.0]
    assert safe_divide(1.0, denominators, otherwise=7.0, where=denominators != 0).tolist() == [0.5, 7.0, -1.0]
    by_row = safe_divide(np.ones((2, 3)), np.array([[4], [0]]), otherwise=np.nan)
    np.testing.assert_array_equal(by_row, [[0.25] * 3, [np.nan] * 3])
