"""The chance that a contract ends with its term, from the curve of the coming months."""

import numpy as np

from models.contracts import by_period, due_periods

CURVE = np.array([[0.01, 0.02, 0.30, 0.31, 0.32, 0.33]])


def test_the_month_of_the_term_counts_whole_since_what_ends_in_it_ends_with_the_term() -> None:
    days = np.array([0.0, 29.0, 30.0, 60.0, 89.0, 90.0, 179.0])
    periods = due_periods(days)
    assert periods.tolist() == [1, 1, 2, 3, 3, 4, 6]
    curve = np.repeat(CURVE, len(days), axis=0)
    assert by_period(curve, periods).tolist() == [0.01, 0.01, 0.02, 0.30, 0.30, 0.31, 0.33]


def test_a_term_beyond_the_curve_or_none_has_no_chance() -> None:
    periods = due_periods(np.array([np.nan, 180.0, 400.0, -3.0]))
    assert np.isnan(periods).all()
    assert np.isnan(by_period(np.repeat(CURVE, 4, axis=0), periods)).all()
    assert by_period(np.zeros((0, 6)), np.zeros(0)).size == 0
