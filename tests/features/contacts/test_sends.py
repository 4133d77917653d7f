"""Sends by the person's own hour, and answers by people only."""

from collections.abc import Callable
from datetime import date
from typing import Any

from features.company import Company
from features.contacts.sends import email_sends

PEOPLE = [
    {"contact_id": "berlin", "timezone": "Europe/Berlin"},
    {"contact_id": "new york", "timezone": "America/New_York"},
    {"contact_id": "unknown"},
]


def touch(kind: str, at: str, contact: str = "berlin", campaign: str | None = "c", **other: Any) -> dict[str, Any]:
    row = {"touch_id": f"{kind} {contact} {at}", "contact_id": contact, "campaign_id": campaign, "channel": "email"}
    return {**row, "kind": kind, "happened_at": at, **other}


def test_the_hour_is_the_person_s_own_on_both_sides_of_a_clock_change(build: Callable[..., Company]) -> None:
    touches = [
        touch("sent", "2024-03-29 08:30"),  # Friday 09:30 in winter time
        touch("sent", "2024-04-05 07:30"),  # Friday 09:30 in summer time
        touch("sent", "2024-03-31 00:59:59"),  # Sunday 01:59 just before clocks jump
        touch("sent", "2024-03-31 01:00"),  # Sunday 03:00 just after
        touch("sent", "2024-03-11 03:30", "new york"),  # Sunday 23:30, the day after its clocks changed
        touch("sent", "2024-03-11 03:30", "unknown"),  # Monday 06:30 in the company's zone
    ]
    rows = email_sends(build(date(2024, 7, 1), contacts=PEOPLE, touches=touches)).execute()
    counts = rows.groupby(["contact_id", "hour_of_week"]).size().to_dict()
    assert counts == {
        ("berlin", 4 * 24 + 9): 2,
        ("berlin", 6 * 24 + 1): 1,
        ("berlin", 6 * 24 + 3): 1,
        ("new york", 6 * 24 + 23): 1,
        ("unknown", 6): 1,
    }


def test_only_people_respond_and_only_in_time(build: Callable[..., Company]) -> None:
    touches = [
        touch("sent", "2024-05-01 10:00", campaign="opened"),
        touch("opened", "2024-05-01 12:00", campaign="opened"),
        touch("sent", "2024-05-01 10:00", campaign="machine", touch_id="m"),
        touch("opened", "2024-05-01 10:01", campaign="machine", machine=True),
        touch("sent", "2024-05-01 10:00", campaign="too late", touch_id="l"),
        touch("clicked", "2024-05-04 10:00", campaign="too late"),
        touch("sent", "2024-05-01 10:00", campaign="twice", touch_id="t1"),
        touch("sent", "2024-05-02 10:00", campaign="twice", touch_id="t2"),
        touch("replied", "2024-05-02 11:00", campaign="twice"),
        touch("sent", "2024-05-01 10:00", campaign="bounced", touch_id="b"),
        touch("bounced", "2024-05-01 10:02", campaign="bounced"),
        touch("sent", "2024-06-29 10:00", campaign="too new", touch_id="n"),
    ]
    rows = email_sends(build(date(2024, 7, 1), contacts=PEOPLE, touches=touches)).execute()
    found = {(row.campaign_id, str(row.sent_at.date())): row.responded for row in rows.itertuples()}
    assert found == {
        ("opened", "2024-05-01"): True,
        ("machine", "2024-05-01"): False,
        ("too late", "2024-05-01"): False,
        ("twice", "2024-05-01"): False,
        ("twice", "2024-05-02"): True,
    }
    assert rows.set_index("campaign_id").response_hour_of_week["opened"] == 2 * 24 + 14


def test_a_company_that_sends_nothing_has_no_sends(build: Callable[..., Company]) -> None:
    assert email_sends(build(contacts=PEOPLE)).execute().empty
