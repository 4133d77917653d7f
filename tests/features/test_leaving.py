"""What counts as leaving is the company's to say: the last end, any that is not renewed, or a smaller sum."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from features.company import LEAVINGS, Leaving
from features.leaving import churned
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


@pytest.mark.parametrize("event", LEAVINGS)
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
    company = replace(company, leaving=Leaving(event))
    spine = account_spine(company, [AS_OF])
    label = churned(company, spine, 90, company.as_of_at).execute()
    assert set(label.loc[label["churned"].astype(bool), "account_id"]) == LEAVE[event]
    assert label["at_risk"].all()
    before = churned(company, spine, 30, company.as_of_at).execute()
    assert not before["churned"].any(), "the ends lie 31 days after the date"
