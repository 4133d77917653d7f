"""Revenue after a date: net orders, and subscriptions by the day."""

from collections.abc import Callable

import pandas as pd

from features.labels.revenue import future_revenue
from tests.features.labels.rows import line, subscription


def test_future_revenue_is_net_orders_and_subscriptions_by_the_day(label_of: Callable[..., pd.DataFrame]) -> None:
    rows = label_of(
        future_revenue,
        orders=[
            line("orders", "2024-02-29 20:59"),
            line("orders", "2024-02-29 21:00"),
            line("orders", "2024-04-01", amount=-3.0, status="returned"),
            line("orders", "2024-04-02", status="cancelled"),
        ],
        subscriptions=[
            subscription("whole", "2023-01-01"),
            subscription("ends", "2023-01-01", "2024-03-10 21:00"),
            subscription("none", "2023-01-01", "2024-01-01"),
        ],
    )
    # 90 days from 1 March: all of March (31) and April (31), 29 of the 31 days of May; "ends" earns ten days of March
    assert rows.revenue.to_dict() == {"ends": 10.0, "none": 0.0, "orders": 7.0, "whole": 91.0}
