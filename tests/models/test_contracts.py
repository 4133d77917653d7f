"""The chance that a contract ends with its term, from the curve of the coming months."""

import numpy as np

from models.contracts import by_due

CURVE = np.array([[0.01, 0.02, 0.30, 0.31, 0.32, 0.33]])


def test_the_month_of_the_term_counts_whole_since_what_ends_in_it_ends_with_the_term() -> None:
    days = np.array([0.0, 29.0, 30.0, 60.0, 89.0, 90.0, 179.0])
    curve = np.repeat(CURVE, len(days), axis=0)
    assert by_due(curve, days).tolist() == [0.01, 0.01, 0.02, 0.30, 0.30, 0.31, 0.33]


def test_a_term_beyond_the_curve_or_none_has_no_chance() -> None:
    days = np.array([np.nan, 180.0, 400.0, -3.0])
    assert np.isnan(by_due(np.repeat(CURVE, len(days), axis=0), days)).all()
    assert by_due(np.zeros((0, 6)), np.zeros(0)).size == 0
