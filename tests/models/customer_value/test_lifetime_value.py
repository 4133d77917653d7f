"""Lifetime values: windows that fade with the chance to have left; and what an order history alone lets expect."""

import numpy as np
import pandas as pd
import pytest

from models.customer_value.lifetime_value import bought_again, lifetime_scores, staying, stays_for, windows_of
from models.estimators.prediction_intervals import Spread, Spreads


def scored(within: tuple[float, float, float] | None, expected: float = 100.0) -> pd.Series:
    money = pd.DataFrame({"account_id": ["a"], "value": [expected], "low": [expected / 2], "high": [expected * 2]})
    chances = within or (np.nan, np.nan, np.nan)
    churn = pd.DataFrame({"account_id": ["a"], "within_30": chances[0], "value": chances[1], "within_180": chances[2]})
    return lifetime_scores(money, churn, "EUR").iloc[0]


def test_an_account_that_never_leaves_is_worth_three_discounted_years() -> None:
    whole = sum(1.1 ** (-90 * n / 365) for n in range(12)) + 15 / 90 * 1.1 ** (-1080 / 365)
    assert scored((0.0, 0.0, 0.0))["value"] == pytest.approx(100 * whole, abs=0.01)
    year = sum(1.1 ** (-90 * n / 365) for n in range(4)) + 5 / 90 * 1.1 ** (-360 / 365)
    assert scored((0.0, 0.0, 0.0))["lifetime_value_12"] == pytest.approx(100 * year, abs=0.01)


def test_who_has_left_already_is_worth_the_one_window_in_which_it_may_come_back() -> None:
    gone = scored(None)
    assert (gone["value"], gone["low"], gone["high"], gone["lifetime_value_12"]) == (100.0, 50.0, 200.0, 100.0)
    assert "left already" in gone["reasons"]


def test_who_is_likelier_to_leave_is_worth_less_and_bounds_follow() -> None:
    values = [scored((1 - (1 - q) ** (1 / 3), q, 1 - (1 - q) ** 2))["value"] for q in (0.01, 0.2, 0.6)]
    assert values[0] > values[1] > values[2] > 100.0
    one = scored((0.1, 0.2, 0.3))
    assert (one["low"] / one["value"], one["high"] / one["value"]) == pytest.approx((0.5, 2.0), rel=1e-4)


def test_a_constant_hazard_goes_on_past_half_a_year() -> None:
    stays = staying(np.array([[1 - 0.9, 1 - 0.9**3, 1 - 0.9**6]]))
    for months in (0, 1, 2, 4.5, 6, 12, 36):
        assert stays_for(stays, 30.0 * months)[0] == pytest.approx(0.9**months)
    assert windows_of(stays, 90)[0] == pytest.approx(1.0)


def histories(customers: int, seed: int) -> pd.DataFrame:
    """Customers of two years that order at a gamma-spread rate and leave after an order by a chance of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        rate, leaves = rng.gamma(1.5, 0.012), rng.beta(1.2, 6.0)
        day, visits, age = 0.0, 1, 730.0
        while rng.random() > leaves:
            following = day + rng.exponential(1 / rate)
            if following > age:
                break
            day, visits = following, visits + 1
        spend = rng.gamma(6.0, 10.0 / rng.gamma(4.0, 0.25))
        rows.append((f"c{number}", age, age - day, visits, visits * spend, np.nan))
    columns = ["days_since_first_order", "days_since_order", "order_days_ever", "revenue_ever", "days_subscribed"]
    return pd.DataFrame(rows, columns=["account_id", *columns])


def test_who_ordered_often_and_lately_is_worth_more_than_who_ordered_often_and_long_ago() -> None:
    accounts = histories(600, 5)
    often = pd.DataFrame(
        {
            "account_id": ["lately", "long ago"],
            "days_since_first_order": 730.0,
            "days_since_order": [10.0, 500.0],
            "order_days_ever": 25.0,
            "revenue_ever": 2_500.0,
            "days_subscribed": np.nan,
        }
    )
    worth = bought_again(pd.concat([accounts, often], ignore_index=True))
    assert worth["lately"] > 10 * worth["long ago"]
    assert 500 < worth["lately"] < 25 / 2 * 3 * 100  # it may leave after any order


def test_subscribers_and_too_few_repeaters_have_nothing_beside_the_formula() -> None:
    accounts = histories(600, 5)
    subscribed = accounts.assign(days_subscribed=100.0)
    assert bought_again(subscribed).empty
    assert bought_again(accounts.head(5)).empty


def test_bounds_of_gone_accounts_are_their_own() -> None:
    """Customers bring half to twice what is expected; of the gone, one in five brings ten times as much."""
    rng = np.random.default_rng(3)
    expected, gone = np.full(2_000, 100.0), np.arange(2_000) % 2 == 0
    came = np.where(gone, np.where(rng.random(2_000) < 0.2, 1_000.0, 0.0), 100 * rng.uniform(0.5, 2, 2_000))
    spreads = Spreads.restored(Spreads.of(expected, came, gone).state())
    low, high = spreads.around(np.array([100.0, 100.0]), np.array([True, False]))
    assert low == pytest.approx([0.0, 65.0], abs=8)
    assert high == pytest.approx([1_000.0, 185.0], abs=8)


def test_few_gone_accounts_have_the_bounds_of_all() -> None:
    expected, came = np.full(100, 10.0), np.linspace(0, 20, 100)
    few = Spreads.of(expected, came, np.arange(100) < 5)
    assert few.gone == Spread.of(expected, came)
