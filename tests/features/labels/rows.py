"""Rows of orders and subscriptions for tests of labels, and the date that they are labelled at."""

from datetime import date
from typing import Any

DAY, AS_OF, HORIZON = date(2024, 3, 1), date(2024, 7, 1), 90
"""The labelled date, the company's date, and the days in between that a label looks at."""
END = "2024-05-29 21:00"
"""The end of the window: midnight of 30 May in Istanbul."""


def line(account: str, at: str, product: str = "p", **other: Any) -> dict[str, Any]:
    """A placed order line of 10."""
    key = f"{account} {at} {product}"
    row = {"order_id": key, "line_id": "1", "account_id": account, "product_id": product, "amount": 10.0}
    return {**row, "ordered_at": at, "status": "placed", **other}


def subscription(
    account: str, start: str, end: str | None = None, product: str = "p", mrr: float = 31.0
) -> dict[str, Any]:
    """A subscription of 31 a month."""
    row = {"subscription_id": f"{account} {start} {product}", "account_id": account, "product_id": product}
    return {**row, "mrr": mrr, "started_at": start, "ended_at": end}
