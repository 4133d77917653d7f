"""Which subscription replaced which, and that an account and its subscriptions agree on it."""

from datetime import date
from typing import Any

import pytest

from features.company import ChurnDefinition
from features.subscriptions.succession import account_churn_ends, subscription_end_events, successors

AS_OF = date(2024, 7, 1)
CONTRACT = {"account_id": "A", "product_id": "basic", "mrr": 100.0, "seats": 10, "started_at": "2023-01-01"}
PRODUCTS = [
    {"product_id": "basic", "family": "suite", "tier": 1},
    {"product_id": "pro", "family": "suite", "tier": 2},
    {"product_id": "extra"},
]


def end_events(company: Any) -> dict[str, tuple[bool, bool]]:
    """By subscription: whether it ends, and whether it expands."""
    rows = subscription_end_events(company).execute()
    return {row.subscription_id: (bool(row.ends), bool(row.expands)) for row in rows.itertuples()}


@pytest.mark.parametrize(
    ("product", "scopes"),
    [("basic", {"product", "family", "any"}), ("pro", {"family", "any"}), ("extra", {"any"})],
)
def test_the_scope_says_what_may_replace_a_subscription(build: Any, product: str, scopes: set[str]) -> None:
    rows = [
        {**CONTRACT, "subscription_id": "S", "ended_at": "2024-04-01"},
        {**CONTRACT, "subscription_id": "T", "product_id": product, "started_at": "2024-04-01"},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}], products=PRODUCTS, subscriptions=rows)
    found = {scope for scope in ("product", "family", "any") if successors(company, scope).count().execute()}
    assert found == scopes


def test_another_account_s_subscription_replaces_nothing(build: Any) -> None:
    rows = [
        {**CONTRACT, "subscription_id": "S", "ended_at": "2024-04-01"},
        {**CONTRACT, "subscription_id": "T", "account_id": "B", "started_at": "2024-04-01"},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}, {"account_id": "B"}], products=PRODUCTS, subscriptions=rows)
    assert successors(company, "any").count().execute() == 0


@pytest.mark.parametrize(
    ("began", "follows"),
    [("2024-10-25 22:00", True), ("2024-10-27 15:00", True), ("2024-10-27 23:00", True), ("2024-10-29 00:00", False)],
)
def test_a_successor_begins_within_a_day_of_the_company(build: Any, began: str, follows: bool) -> None:
    """The subscription ended on 27 October, the day of 25 hours, in Berlin."""
    company = build(
        date(2025, 1, 1),
        timezone="Europe/Berlin",
        accounts=[{"account_id": "A"}],
        products=PRODUCTS,
        subscriptions=[
            {**CONTRACT, "subscription_id": "S", "ended_at": "2024-10-26 22:00"},
            {**CONTRACT, "subscription_id": "T", "started_at": began},
        ],
    )
    assert end_events(company)["S"][0] is not follows


def test_a_successor_of_several_is_attributed_in_proportion_to_what_they_paid(build: Any) -> None:
    ended = {**CONTRACT, "ended_at": "2024-02-01"}
    rows = [
        {**ended, "subscription_id": "S"},
        {**ended, "subscription_id": "T", "mrr": 50.0},
        {**CONTRACT, "subscription_id": "U", "started_at": "2024-02-01", "mrr": 120.0},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}], products=PRODUCTS, subscriptions=rows)
    pairs = successors(company).execute().set_index("subscription_id")
    assert pairs["attributed_mrr"].to_dict() == pytest.approx({"S": 80.0, "T": 40.0})
    assert end_events(company) == {"S": (False, False), "T": (False, False)}
    rows[2]["mrr"] = 180.0
    larger = build(AS_OF, accounts=[{"account_id": "A"}], products=PRODUCTS, subscriptions=rows)
    assert end_events(larger) == {"S": (False, True), "T": (False, True)}


@pytest.mark.parametrize(("product", "replaced"), [("basic", True), ("pro", True), ("extra", False)])
def test_what_is_not_renewed_is_one_rule_for_account_and_subscription(build: Any, product: str, replaced: bool) -> None:
    """A move to another tier renews the account and expands the subscription; it was churn of the account before."""
    rows = [
        {**CONTRACT, "subscription_id": "S", "ended_at": "2024-04-01"},
        {**CONTRACT, "subscription_id": "T", "product_id": product, "started_at": "2024-04-01", "mrr": 150.0},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}], products=PRODUCTS, subscriptions=rows)
    company = company.with_settings(churn_definition=ChurnDefinition("not_renewed"))
    churned = set(account_churn_ends(company).execute()["subscription_id"])
    assert churned == (set() if replaced else {"S"})
    assert end_events(company) == {"S": (not replaced, replaced)}


def test_a_second_subscription_that_runs_on_renews_nothing(build: Any) -> None:
    rows = [
        {**CONTRACT, "subscription_id": "S", "ended_at": "2024-04-01"},
        {**CONTRACT, "subscription_id": "runs on", "started_at": "2023-06-01"},
    ]
    company = build(AS_OF, accounts=[{"account_id": "A"}], products=PRODUCTS, subscriptions=rows)
    ends = {
        event: account_churn_ends(company.with_settings(churn_definition=ChurnDefinition(event))).count().execute()
        for event in ("ends", "not_renewed", "shrinks")
    }
    assert ends == {"ends": 0, "not_renewed": 1, "shrinks": 1}
    assert end_events(company) == {"S": (True, False)}
