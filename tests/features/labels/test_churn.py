"""What counts as leaving is the company's to say: the last end, any that is not renewed, or a smaller sum; and what
comes within a horizon is new only where nothing of it came before."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from features.company import CHURN_EVENTS, ChurnDefinition
from features.labels.churn import bought_new, churned, subscription_ends, successors
from features.spine import account_spine

AS_OF = date(2024, 3, 1)
HELD = {"product_id": "P", "mrr": 100.0, "seats": 10, "started_at": "2023-01-01"}
ROWS = {
    # ended, and nothing is left
    "all": [{"ended_at": "2024-04-01"}],
    # one of two is not renewed, the other stays
    "one": [{"ended_at": "2024-04-01"}, {"product_id": "Q"}],
    # renewed with fewer seats, at less
    "less": [{"ended_at": "2024-04-01"}, {"started_at": "2024-04-01", "mrr": 60.0, "seats": 6}],
    # renewed as it was
    "same": [{"ended_at": "2024-04-01"}, {"started_at": "2024-04-01"}],
    # taken to a dearer product
    "more": [{"ended_at": "2024-04-01"}, {"started_at": "2024-04-01", "product_id": "Q", "mrr": 150.0}],
    # nothing ends
    "stays": [{}],
}
LEAVE = {
    "ends": {"all"},
    "not_renewed": {"all", "one", "more"},
    "shrinks": {"all", "one", "less"},
}


@pytest.mark.parametrize("event", CHURN_EVENTS)
def test_who_has_left_is_what_the_setting_says(build: Any, event: str) -> None:
    company = build(
        date(2024, 12, 1),
        accounts=[{"account_id": name} for name in ROWS],
        products=[{"product_id": "P"}, {"product_id": "Q"}],
        subscriptions=[
            {**HELD, "account_id": name, "subscription_id": f"{name}{at}", **row}
            for name, rows in ROWS.items()
            for at, row in enumerate(rows)
        ],
    )
    company = replace(company, churn_definition=ChurnDefinition(event))
    spine = account_spine(company, [AS_OF])
    label = churned(company, spine, 90, company.as_of_at).execute()
    assert set(label.loc[label["churned"].astype(bool), "account_id"]) == LEAVE[event]
    assert label["at_risk"].all()
    before = churned(company, spine, 30, company.as_of_at).execute()
    assert not before["churned"].any(), "the ends lie 31 days after the date"


def test_a_product_or_a_higher_tier_that_it_never_had_is_new_to_an_account(build: Any) -> None:
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
            {**HELD, "account_id": "higher", "subscription_id": "s", "product_id": "pro", "started_at": "2024-04-01"}
        ],
    )
    label = bought_new(company, account_spine(company, [AS_OF]), 90, company.as_of_at).execute()
    assert sorted(label.loc[label["bought"], "account_id"]) == ["higher", "other"]
    assert set(label["account_id"]) == set(bought)


def ends(company: Any) -> dict[str, tuple[bool, bool]]:
    """By subscription: whether it ends, and whether it expands."""
    rows = subscription_ends(company).execute()
    return {row.subscription_id: (bool(row.ends), bool(row.expands)) for row in rows.itertuples()}


@pytest.mark.parametrize(
    ("began", "follows"),
    [("2024-10-25 22:00", True), ("2024-10-27 15:00", True), ("2024-10-27 23:00", True), ("2024-10-29 00:00", False)],
)
def test_a_contract_follows_that_begins_within_a_day_of_the_company(build: Any, began: str, follows: bool) -> None:
    """It ended on 27 October, the day of 25 hours, in Berlin."""
    company = build(
        date(2025, 1, 1),
        timezone="Europe/Berlin",
        accounts=[{"account_id": "A"}],
        products=[{"product_id": "P"}],
        subscriptions=[
            {"account_id": "A", "subscription_id": "S", **HELD, "ended_at": "2024-10-26 22:00"},
            {"account_id": "A", "subscription_id": "T", **HELD, "started_at": began},
        ],
    )
    assert ends(company)["S"][0] is not follows


def test_what_one_contract_brings_in_place_of_several_is_shared_by_what_they_brought(build: Any) -> None:
    gone = {**HELD, "account_id": "A", "ended_at": "2024-02-01"}
    rows = [
        {**gone, "subscription_id": "S"},
        {**gone, "subscription_id": "T", "mrr": 50.0},
        {**HELD, "account_id": "A", "subscription_id": "U", "started_at": "2024-02-01", "mrr": 120.0},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}], products=[{"product_id": "P"}], subscriptions=rows)
    pairs = successors(company).execute().set_index("subscription_id")
    assert pairs["brings"].to_dict() == pytest.approx({"S": 80.0, "T": 40.0})
    assert ends(company) == {"S": (False, False), "T": (False, False)}
    rows[2]["mrr"] = 180.0
    larger = build(AS_OF, accounts=[{"account_id": "A"}], products=[{"product_id": "P"}], subscriptions=rows)
    assert ends(larger) == {"S": (False, True), "T": (False, True)}
