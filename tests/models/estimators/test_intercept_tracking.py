"""The level of late: what it forgets, and how its memory is chosen."""

import numpy as np
import pytest
from scipy.special import expit

from models.estimators.intercept_tracking import MEMORIES, USUAL_MEMORY, Level, best_memory


def test_nothing_is_added_before_anything_was_seen() -> None:
    assert Level().added == 0.0
    assert Level().seen(np.zeros(0), np.zeros(0)).added == 0.0


def test_what_was_said_too_low_is_raised_to_what_came_and_old_rows_are_forgotten() -> None:
    level = Level(50.0)
    for _ in range(20):
        level = level.seen(np.full(100, -2.0), np.tile([0.0, 1.0], 50))
    assert expit(-2.0 + level.added) == pytest.approx(0.5, abs=0.05)
    assert len(level.odds) == 400
    for _ in range(20):
        level = level.seen(np.full(100, -2.0), np.tile(np.eye(10)[0], 10))
    assert expit(-2.0 + level.added) == pytest.approx(0.1, abs=0.05)


def test_few_rows_move_it_little() -> None:
    assert 0 < Level().seen(np.full(2, -3.0), np.ones(2)).added < 2.0


def test_a_level_that_jumps_is_followed_with_a_short_memory_and_a_steady_one_with_a_long() -> None:
    rng = np.random.default_rng(3)
    times = np.repeat(np.arange(200), 20).astype(float)
    odds = np.full(len(times), -1.0)
    rows = np.arange(len(times))
    steady = (rng.random(len(times)) < expit(-0.5)).astype(float)
    jumps = np.repeat(rng.normal(0, 1.5, 20), 200)
    jumping = (rng.random(len(times)) < expit(odds + jumps)).astype(float)
    assert best_memory([odds], jumping, times, [rows]) < best_memory([odds], steady, times, [rows]) == MEMORIES[-1]
    assert best_memory([], jumping, times, []) == USUAL_MEMORY
