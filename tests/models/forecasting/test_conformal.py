"""Half-widths of prediction intervals are order statistics of the backtest errors."""

import numpy as np

from data.outputs.score_tables import INTERVAL_LEVELS
from models.forecasting.conformal import calibrate_intervals


def test_half_widths_are_the_order_statistics_of_the_errors() -> None:
    errors = np.tile(np.arange(1.0, 200.0)[:, None, None], (1, 1, 2))  # 1 … 199 at both steps
    half_widths = calibrate_intervals(errors, 2).half_widths
    assert [half_widths[level].tolist() for level in INTERVAL_LEVELS] == [[100.0] * 2, [160.0] * 2, [190.0] * 2]


def test_intervals_from_few_errors_are_wider_than_any_of_them() -> None:
    half_widths = calibrate_intervals(np.array([[[1.0, 2.0]]]), 2).half_widths
    assert half_widths[95].tolist() == [3.0, 3.0]


def test_intervals_never_shrink_with_the_step() -> None:
    rng = np.random.default_rng(4)
    errors = np.abs(rng.normal(0, 1, (300, 1, 12))) * np.linspace(2, 1, 12)
    half_widths = calibrate_intervals(errors, 12).half_widths
    assert all((np.diff(half_widths[level]) >= 0).all() for level in INTERVAL_LEVELS)


def test_lower_bounds_are_not_below_the_floor() -> None:
    intervals = calibrate_intervals(np.array([[[1.0, 2.0]]]), 2)
    lower, upper = intervals.bounds(np.array([[1.0, 1.0]]), np.array([1.0]), np.array([0.0]))
    assert lower[95].tolist() == [[0.0, 0.0]]
    assert upper[95].tolist() == [[4.0, 4.0]]
