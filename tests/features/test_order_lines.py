"""Which order lines count as net revenue, and which as sales."""

from typing import Any

from features.order_lines import net_order_lines, placed_order_lines


def test_returns_count_as_net_revenue_and_not_as_sales(build: Any) -> None:
    line = {"order_id": "1", "account_id": "A", "amount": 1.0, "ordered_at": "2024-01-01"}
    statuses = ("placed", "returned", "cancelled")
    company = build(orders=[{**line, "line_id": status, "status": status} for status in statuses])
    orders = company.tables["orders"]
    assert sorted(net_order_lines(orders).execute()["status"]) == ["placed", "returned"]
    assert list(placed_order_lines(orders).execute()["status"]) == ["placed"]
