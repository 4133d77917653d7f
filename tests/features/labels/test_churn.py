"""Churn of accounts: by each definition that a company can choose, at the instant at which it happens."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import CHURN_EVENTS, ChurnDefinition
from features.labels.churn import account_churned
from features.spine import account_spine
from tests.features.labels.rows import END, line, subscription

AS_OF = date(2024, 3, 1)
CONTRACT = {"product_id": "P", "mrr": 100.0, "seats": 10, "started_at": "2023-01-01"}
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
CHURNED = {
    "ends": {"all"},
    "not_renewed": {"all", "one", "more"},
    "shrinks": {"all", "one", "less"},
}


@pytest.mark.parametrize("event", CHURN_EVENTS)
def test_an_account_churns_by_the_company_s_definition(build: Any, event: str) -> None:
    company = build(
        date(2024, 12, 1),
        accounts=[{"account_id": name} for name in ROWS],
        products=[{"product_id": "P"}, {"product_id": "Q"}],
        subscriptions=[
            {**CONTRACT, "account_id": name, "subscription_id": f"{name}{at}", **row}
            for name, rows in ROWS.items()
            for at, row in enumerate(rows)
        ],
    )
    company = company.with_settings(churn_definition=ChurnDefinition(event))
    spine = account_spine(company, [AS_OF])
    label = account_churned(company, spine, 90, company.as_of_at).execute()
    assert set(label.loc[label["churned"].astype(bool), "account_id"]) == CHURNED[event]
    assert label["active"].all()
    before = account_churned(company, spine, 30, company.as_of_at).execute()
    assert not before["churned"].any(), "the ends lie 31 days after the date"


def test_an_account_churns_when_no_subscription_is_left_at_the_end(label_of: Callable[..., pd.DataFrame]) -> None:
    rows = label_of(
        account_churned,
        subscriptions=[
            subscription("ended", "2023-01-01", "2024-04-01"),
            subscription("ended at the very end", "2023-01-01", END),
            subscription("replaced", "2023-01-01", "2024-04-01"),
            subscription("replaced", "2024-04-01"),
            subscription("one of two ended", "2023-01-01", "2024-04-01"),
            subscription("one of two ended", "2023-02-01"),
            subscription("ended before", "2023-01-01", "2024-02-01"),
            subscription("ended after", "2023-01-01", "2024-06-01"),
        ],
    )
    assert rows.active.to_dict() == {
        "ended": True, "ended after": True, "ended at the very end": True, "ended before": False,
        "one of two ended": True, "replaced": True,
    }  # fmt: skip
    assert rows.churned[rows.active].to_dict() == {
        "ended": True, "ended after": False, "ended at the very end": False, "one of two ended": False,
        "replaced": False,
    }  # fmt: skip
    assert pd.isna(rows.churned["ended before"])


def test_an_account_of_orders_churns_when_it_becomes_inactive(label_of: Callable[..., pd.DataFrame]) -> None:
    """The threshold is 90 days here: an account that was inactive for as long has churned, though it may come back."""
    rows = label_of(
        account_churned,
        orders=[
            line("stays", "2024-02-01"),
            line("stays", "2024-04-30 23:59"),
            line("back too late", "2024-02-01"),
            line("back too late", "2024-05-02"),
            line("cancels", "2024-02-01"),
            line("cancels", "2024-04-01", status="cancelled"),
            line("inactive before", "2023-01-01"),
        ],
    )
    assert rows.active.to_dict() == {
        "back too late": True, "cancels": True, "inactive before": False, "stays": True,
    }  # fmt: skip
    assert rows.churned[rows.active].to_dict() == {"back too late": True, "cancels": True, "stays": False}
