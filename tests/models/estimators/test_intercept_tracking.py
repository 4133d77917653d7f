"""Intercept tracking: how fast it follows outcomes, and how its half-life is chosen."""

import numpy as np
import pytest
from scipy.special import expit

from models.estimators.intercept_tracking import DEFAULT_HALF_LIFE, HALF_LIVES, InterceptTracker, choose_half_life


def test_the_shift_is_0_before_the_first_row() -> None:
    assert InterceptTracker().shift == 0.0
    assert InterceptTracker().updated(np.zeros(0), np.zeros(0)).shift == 0.0


def test_the_shift_follows_recent_outcomes_and_old_rows_are_dropped() -> None:
    tracker = InterceptTracker(50.0)
    for _ in range(20):
        tracker = tracker.updated(np.full(100, -2.0), np.tile([0.0, 1.0], 50))
    assert expit(-2.0 + tracker.shift) == pytest.approx(0.5, abs=0.05)
    assert len(tracker.odds) == 400
    for _ in range(20):
        tracker = tracker.updated(np.full(100, -2.0), np.tile(np.eye(10)[0], 10))
    assert expit(-2.0 + tracker.shift) == pytest.approx(0.1, abs=0.05)


def test_few_rows_move_it_little() -> None:
    assert 0 < InterceptTracker().updated(np.full(2, -3.0), np.ones(2)).shift < 2.0


def test_a_jumping_level_gets_a_short_half_life_and_a_steady_one_a_long() -> None:
    rng = np.random.default_rng(3)
    times = np.repeat(np.arange(200), 20).astype(float)
    odds = np.full(len(times), -1.0)
    rows = np.arange(len(times))
    steady = (rng.random(len(times)) < expit(-0.5)).astype(float)
    jumps = np.repeat(rng.normal(0, 1.5, 20), 200)
    jumping = (rng.random(len(times)) < expit(odds + jumps)).astype(float)
    assert (
        choose_half_life([odds], jumping, times, [rows])
        < choose_half_life([odds], steady, times, [rows])
        == HALF_LIVES[-1]
    )
    assert choose_half_life([], jumping, times, []) == DEFAULT_HALF_LIFE
