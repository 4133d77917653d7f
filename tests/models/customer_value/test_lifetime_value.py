"""Lifetime values: windows of expected revenue, weighted with survival and discounted."""

import numpy as np
import pandas as pd
import pytest

from models.customer_value.lifetime_value import churn_curve, expected_windows, lifetime_scores


def lifetime_row(churn: tuple[float, float, float] | None) -> pd.Series:
    """The scores of one account that is expected to bring 100; ``churn`` within 30, 90 and 180 days."""
    expected = pd.DataFrame({"account_id": ["a"], "value": [100.0], "low": [50.0], "high": [200.0]})
    within = churn or (np.nan, np.nan, np.nan)
    scores = pd.DataFrame({"account_id": ["a"], "within_30": within[0], "value": within[1], "within_180": within[2]})
    return lifetime_scores(expected, scores, "EUR").iloc[0]


def test_an_account_that_never_churns_is_worth_three_discounted_years() -> None:
    three_years = sum(1.1 ** (-90 * n / 365) for n in range(12)) + 15 / 90 * 1.1 ** (-1080 / 365)
    assert lifetime_row((0.0, 0.0, 0.0))["value"] == pytest.approx(100 * three_years, abs=0.01)
    one_year = sum(1.1 ** (-90 * n / 365) for n in range(4)) + 5 / 90 * 1.1 ** (-360 / 365)
    assert lifetime_row((0.0, 0.0, 0.0))["lifetime_value_12"] == pytest.approx(100 * one_year, abs=0.01)


def test_a_churned_account_is_worth_the_one_window_in_which_it_may_come_back() -> None:
    row = lifetime_row(None)
    assert (row["value"], row["low"], row["high"], row["lifetime_value_12"]) == (100.0, 50.0, 200.0, 100.0)
    assert "left already" in row["reasons"]


def test_a_higher_churn_probability_lowers_the_value_and_its_bounds_alike() -> None:
    values = [lifetime_row((1 - (1 - q) ** (1 / 3), q, 1 - (1 - q) ** 2))["value"] for q in (0.01, 0.2, 0.6)]
    assert values[0] > values[1] > values[2] > 100.0
    row = lifetime_row((0.1, 0.2, 0.3))
    assert (row["low"] / row["value"], row["high"] / row["value"]) == pytest.approx((0.5, 2.0), rel=1e-4)


def test_the_last_hazard_goes_on_past_half_a_year() -> None:
    curve = churn_curve(np.array([[1 - 0.9, 1 - 0.9**3, 1 - 0.9**6]]))
    for months in (0, 1, 2, 4.5, 6, 12, 36):
        assert curve.survival(30.0 * months)[0] == pytest.approx(0.9**months)
    assert expected_windows(curve, 90)[0] == pytest.approx(1.0)
