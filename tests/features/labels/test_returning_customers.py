"""Lapsed customers who buy again by themselves are counted at past dates."""

from datetime import date
from typing import Any

from features.labels.returning_customers import return_rate
from tests.features.company_builder import build_company


def test_the_return_rate_counts_lapsed_customers_at_past_dates() -> None:
    def order(account_id: str, day: str) -> dict[str, Any]:
        return {"order_id": f"{account_id}{day}", "line_id": "1", "account_id": account_id, "product_id": "P",
                "amount": 1, "ordered_at": day, "status": "placed"}  # fmt: skip

    company = build_company(
        date(2024, 7, 1),
        orders=[
            order("back", "2023-12-01"), order("back", "2024-05-01"),  # lapsed on 2 April, back within 90 days
            order("away", "2023-12-01"),  # lapsed on 2 April
            order("busy", "2024-03-01"), order("busy", "2024-06-01"),
        ],
    )  # fmt: skip
    assert return_rate(company) == 1 / (2 + 20)
