"""The value of future orders, from order histories alone."""

import numpy as np
import pandas as pd

from models.customer_value.order_history_value import order_history_value


def planted_accounts(customers: int, seed: int) -> pd.DataFrame:
    """Two years of customers whose order rates are gamma distributed, and who stop after each order with a probability
    of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        rate, stop = rng.gamma(1.5, 0.012), rng.beta(1.2, 6.0)
        day, orders, age = 0.0, 1, 730.0
        while rng.random() > stop:
            following = day + rng.exponential(1 / rate)
            if following > age:
                break
            day, orders = following, orders + 1
        spend = rng.gamma(6.0, 10.0 / rng.gamma(4.0, 0.25))
        rows.append((f"c{number}", age, age - day, orders, orders * spend, np.nan))
    columns = ["days_since_first_order", "days_since_order", "order_days_ever", "revenue_ever", "days_subscribed"]
    return pd.DataFrame(rows, columns=["account_id", *columns])


def test_a_recent_order_makes_a_frequent_customer_worth_more() -> None:
    frequent = pd.DataFrame(
        {
            "account_id": ["recent", "long ago"],
            "days_since_first_order": 730.0,
            "days_since_order": [10.0, 500.0],
            "order_days_ever": 25.0,
            "revenue_ever": 2_500.0,
            "days_subscribed": np.nan,
        }
    )
    values = order_history_value(pd.concat([planted_accounts(600, 5), frequent], ignore_index=True))
    assert values["recent"] > 10 * values["long ago"]
    assert 500 < values["recent"] < 25 / 2 * 3 * 100  # it may stop after any order


def test_subscribers_and_too_few_returning_customers_have_no_value() -> None:
    accounts = planted_accounts(600, 5)
    assert order_history_value(accounts.assign(days_subscribed=100.0)).empty
    assert order_history_value(accounts.head(5)).empty
