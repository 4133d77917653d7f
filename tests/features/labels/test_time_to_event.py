"""Lives are seen as far as periods are over, and what makes an event impossible ends none of them."""

from datetime import date
from typing import Any

import pytest

from features.labels.time_to_event import N_PERIODS, observe_durations
from features.subscriptions.succession import subscription_end_events
from features.subscriptions.table import subscription_spine

AS_OF = date(2024, 3, 1)
HELD = {"account_id": "a", "product_id": "P", "mrr": 100.0, "started_at": "2023-05-01"}


def seen(build: Any, today: date, kind: str) -> dict[str, tuple[int, bool]]:
    """Periods and event of contracts that ran on a date, as today's data tell them."""
    names = ("renewed", "grown", "left", "goes on")
    company = build(
        today,
        accounts=[{"account_id": name} for name in names],
        products=[{"product_id": "P"}],
        subscriptions=[
            *({**HELD, "account_id": name, "subscription_id": name, "ended_at": "2024-05-10"} for name in names[:3]),
            {**HELD, "account_id": "goes on", "subscription_id": "goes on"},
            {**HELD, "account_id": "renewed", "subscription_id": "next", "started_at": "2024-05-10"},
            {**HELD, "account_id": "grown", "subscription_id": "more", "started_at": "2024-05-10", "mrr": 150.0},
        ],
    )
    ends = subscription_end_events(company)
    found = observe_durations(
        subscription_spine(company, (AS_OF,)), ends.filter(ends[kind]), ("subscription_id",), company.as_of_at
    )
    rows = found.execute()
    return {row.subscription_id: (int(row.periods), bool(row.event)) for row in rows.itertuples()}


@pytest.mark.parametrize(("kind", "comes_to"), [("ends", "left"), ("expands", "grown")])
def test_what_is_followed_by_something_else_is_known_never_to_have_the_event(
    build: Any, kind: str, comes_to: str
) -> None:
    """A contract that was renewed cannot leave in any later month, and is no contract of which that is unknown."""
    found = seen(build, date(2024, 12, 1), kind)
    assert found == {name: (3, True) if name == comes_to else (N_PERIODS, False) for name in found}
    assert set(found) == {"renewed", "grown", "left", "goes on"}


def test_a_period_that_is_not_over_tells_nothing_but_what_came_in_those_before(build: Any) -> None:
    assert seen(build, date(2024, 6, 1), "ends")["left"] == (3, True)
    assert seen(build, date(2024, 5, 25), "ends") == dict.fromkeys(("renewed", "grown", "left", "goes on"), (2, False))
    assert seen(build, date(2024, 3, 15), "ends") == {}
