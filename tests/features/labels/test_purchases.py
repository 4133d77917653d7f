"""Purchases after a date: what is new to an account."""

from datetime import date
from typing import Any

from features.labels.purchases import bought_new_product
from features.spine import account_spine

AS_OF = date(2024, 3, 1)
CONTRACT = {"mrr": 100.0, "seats": 10}


def test_a_product_or_higher_tier_that_an_account_never_had_is_new_to_it(build: Any) -> None:
    bought = {
        "again": [("2024-01-01", "basic"), ("2024-04-01", "basic")],
        "higher": [("2024-01-01", "basic")],
        "lower": [("2024-01-01", "pro"), ("2024-04-01", "basic")],
        "other": [("2024-01-01", "basic"), ("2024-04-01", "other")],
        "cancelled": [("2024-01-01", "basic")],
        "after": [("2024-01-01", "basic"), ("2024-05-29 21:00", "other")],  # midnight of the day after the 90th
        "known late": [("2024-01-01", "basic"), ("2024-02-01", "other")],
    }
    orders = [
        {"account_id": name, "product_id": product, "ordered_at": at, "order_id": f"{name} {at}", "status": "placed"}
        for name, lines in bought.items()
        for at, product in lines
    ]
    late = {"account_id": "cancelled", "product_id": "other", "ordered_at": "2024-04-01", "order_id": "none"}
    company = build(
        date(2024, 7, 1),
        accounts=[{"account_id": name} for name in bought],
        products=[
            {"product_id": "basic", "family": "suite", "tier": 1},
            {"product_id": "pro", "family": "suite", "tier": 2},
            {"product_id": "other"},
        ],
        orders=[
            *({**row, "line_id": "1", "amount": 10.0} for row in orders),
            {**late, "line_id": "1", "amount": 10.0, "status": "cancelled"},
        ],
        subscriptions=[
            {
                **CONTRACT,
                "account_id": "higher",
                "subscription_id": "s",
                "product_id": "pro",
                "started_at": "2024-04-01",
            }
        ],
    )
    label = bought_new_product(company, account_spine(company, [AS_OF]), 90, company.as_of_at).execute()
    assert sorted(label.loc[label["bought"], "account_id"]) == ["higher", "other"]
    assert set(label["account_id"]) == set(bought)
