"""Durations are observed as far as periods are over; what makes an event impossible does not censor them."""

from datetime import date
from typing import Any

import pytest

from features.labels.time_to_event import N_PERIODS, observe_durations
from features.subscriptions.succession import subscription_end_events
from features.subscriptions.table import subscription_spine

AS_OF = date(2024, 3, 1)
CONTRACT = {"account_id": "a", "product_id": "P", "mrr": 100.0, "started_at": "2023-05-01"}


def observed(build: Any, today: date, kind: str) -> dict[str, tuple[int, bool]]:
    """Periods and event of contracts that ran on a date, as the data of ``today`` show them."""
    names = ("renewed", "expanded", "churned", "runs on")
    company = build(
        today,
        accounts=[{"account_id": name} for name in names],
        products=[{"product_id": "P"}],
        subscriptions=[
            *(
                {**CONTRACT, "account_id": name, "subscription_id": name, "ended_at": "2024-05-10"}
                for name in names[:3]
            ),
            {**CONTRACT, "account_id": "runs on", "subscription_id": "runs on"},
            {**CONTRACT, "account_id": "renewed", "subscription_id": "next", "started_at": "2024-05-10"},
            {**CONTRACT, "account_id": "expanded", "subscription_id": "more", "started_at": "2024-05-10", "mrr": 150.0},
        ],
    )
    ends = subscription_end_events(company)
    found = observe_durations(
        subscription_spine(company, (AS_OF,)), ends.filter(ends[kind]), ("subscription_id",), company.as_of_at
    )
    rows = found.execute()
    return {row.subscription_id: (int(row.periods), bool(row.event)) for row in rows.itertuples()}


@pytest.mark.parametrize(("kind", "has_event"), [("ends", "churned"), ("expands", "expanded")])
def test_a_replaced_subscription_is_observed_never_to_have_the_event(build: Any, kind: str, has_event: str) -> None:
    """A subscription that was renewed cannot churn in any later month: its duration is not censored."""
    found = observed(build, date(2024, 12, 1), kind)
    assert found == {name: (3, True) if name == has_event else (N_PERIODS, False) for name in found}
    assert set(found) == {"renewed", "expanded", "churned", "runs on"}


def test_a_period_that_is_not_over_is_not_observed(build: Any) -> None:
    assert observed(build, date(2024, 6, 1), "ends")["churned"] == (3, True)
    assert observed(build, date(2024, 5, 25), "ends") == dict.fromkeys(
        ("renewed", "expanded", "churned", "runs on"), (2, False)
    )
    assert observed(build, date(2024, 3, 15), "ends") == {}
