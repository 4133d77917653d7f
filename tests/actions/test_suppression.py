"""Suppression by responses and status, and the capacity of owners for calls."""

from datetime import date
from typing import Any

import pandas as pd

from actions.call_capacity import assign_within_capacity, owner_minutes
from actions.suppression import lapsed_accounts, suppressed_actions
from tests.features.company_builder import build_company


def answer(account_id: str, response: str, at: str, until: str | None = None, action: str = "wait") -> dict[str, Any]:
    return {"action_id": f"2024-05-01:{account_id}:{action}", "responded_at": at, "response": response, "until": until}


def test_a_response_suppresses_its_action_for_as_long_as_it_says() -> None:
    company = build_company(
        date(2024, 7, 1),
        responses=[
            answer("for good", "overridden", "2023-01-01"),
            answer("until later", "overridden", "2023-01-01", "2024-08-01"),
            answer("until before", "overridden", "2023-01-01", "2024-06-30"),
            answer("dismissed lately", "dismissed", "2024-06-20"),
            answer("dismissed long ago", "dismissed", "2024-05-20"),
            answer("done lately", "done", "2024-06-20"),
            answer("accepted", "accepted", "2024-06-20"),
            answer("taken back", "overridden", "2024-01-01"),
            answer("taken back", "accepted", "2024-02-01"),
            answer("of:colons", "overridden", "2024-01-01"),
            answer("in the future", "overridden", "2024-07-01"),
            {"action_id": "unreadable", "responded_at": "2024-01-01", "response": "overridden"},
        ],
    )
    suppressed = suppressed_actions(company)
    assert suppressed["account_id"].tolist() == [
        "dismissed lately",
        "done lately",
        "for good",
        "of:colons",
        "until later",
    ]
    assert set(suppressed["action"]) == {"wait"}


def candidates(*rows: tuple[str, str, float, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "action", "net", "owner_id", "minutes"])
    return frame.assign(product_id=None, holdout=False)


def test_a_refused_account_proposes_its_next_candidate_and_may_displace_another() -> None:
    proposed, refused = assign_within_capacity(
        candidates(
            ("A", "long call", 100, "O", 60),
            ("B", "long call", 90, "O", 60),  # refused: 60 minutes are all there are
            ("B", "call of another", 80, "P", 60),  # and takes P's hour from C
            ("C", "call of another", 70, "P", 60),
            ("C", "mail", 1, "P", 0),
        ),
        {"O": 60.0, "P": 60.0},
    )
    assert dict(zip(proposed["account_id"], proposed["action"], strict=True)) == {
        "A": "long call", "B": "call of another", "C": "mail",
    }  # fmt: skip
    assert refused["account_id"].tolist() == ["B", "C"]


def test_owners_without_recorded_hours_have_the_default_week() -> None:
    company = build_company(owners=[{"owner_id": "O1", "weekly_hours": 10}, {"owner_id": "O2"}])
    assert owner_minutes(company) == {"O1": 240.0, "O2": 960.0}


def test_calls_and_meetings_of_the_last_week_reduce_the_capacity() -> None:
    def done(number: int, owner_id: str | None, kind: str = "call", day: str = "2024-06-27") -> dict[str, Any]:
        return {"activity_id": f"X{number}", "owner_id": owner_id, "kind": kind, "happened_at": day}

    company = build_company(
        date(2024, 7, 1),
        owners=[{"owner_id": "O1", "weekly_hours": 10}, {"owner_id": "O2", "weekly_hours": 1}, {"owner_id": "O3"}],
        activities=[
            done(1, "O1"), done(2, "O1", "meeting"),  # 60 of 240 minutes
            done(3, "O1", "email"), done(4, "O1", "note"), done(5, "O1", day="2024-06-20"),  # take none
            done(6, "O2"),  # 30 of 24
            done(7, "unknown owner"), done(8, None),  # 30 of a default week's 960
        ],
    )  # fmt: skip
    assert owner_minutes(company) == {"": 930.0, "O1": 180.0, "O2": 0.0, "O3": 960.0, "unknown owner": 930.0}


def test_accounts_without_subscription_or_recent_order_have_lapsed() -> None:
    def order(account_id: str, day: str) -> dict[str, Any]:
        return {"order_id": f"{account_id}{day}", "line_id": "1", "account_id": account_id, "product_id": "P",
                "amount": 1, "ordered_at": day, "status": "placed"}  # fmt: skip

    def held(account_id: str, ended_at: str | None = None) -> dict[str, Any]:
        return {"subscription_id": account_id, "account_id": account_id, "mrr": 1, "started_at": "2023-01-01",
                "ended_at": ended_at}  # fmt: skip

    company = build_company(
        date(2024, 7, 1),
        accounts=[{"account_id": a} for a in ("buys", "bought", "subscribes", "subscribed", "never was a customer")],
        orders=[order("buys", "2024-06-01"), order("bought", "2024-01-01")],
        subscriptions=[held("subscribes"), held("subscribed", "2024-05-01")],
    )
    assert lapsed_accounts(company) == {"bought", "subscribed"}
