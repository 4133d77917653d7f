"""Intervals of actual over expected amounts, separately for active and lapsed accounts."""

import numpy as np
import pytest

from models.estimators.prediction_intervals import RatioInterval, RatioIntervals


def test_active_and_lapsed_accounts_have_intervals_of_their_own() -> None:
    """Active accounts bring half to twice what is expected; one in five lapsed ones brings ten times as much."""
    rng = np.random.default_rng(3)
    expected, lapsed = np.full(2_000, 100.0), np.arange(2_000) % 2 == 0
    of_lapsed = np.where(rng.random(2_000) < 0.2, 1_000.0, 0.0)
    actual = np.where(lapsed, of_lapsed, 100 * rng.uniform(0.5, 2, 2_000))
    intervals = RatioIntervals.from_state(RatioIntervals.fit(expected, actual, lapsed).state())
    low, high = intervals.interval(np.array([100.0, 100.0]), np.array([True, False]))
    assert low == pytest.approx([0.0, 65.0], abs=8)
    assert high == pytest.approx([1_000.0, 185.0], abs=8)


def test_few_lapsed_accounts_have_the_interval_of_all() -> None:
    expected, actual = np.full(100, 10.0), np.linspace(0, 20, 100)
    intervals = RatioIntervals.fit(expected, actual, np.arange(100) < 5)
    assert intervals.lapsed == RatioInterval.fit(expected, actual)
