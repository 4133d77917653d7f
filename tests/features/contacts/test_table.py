"""What is known of people: consent, address, zone, engagement."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from features.contacts.table import contact_features
from features.spine import contact_spine

AS_OF = date(2024, 7, 1)


def people(build: Callable[..., Company], **tables: Any) -> pd.DataFrame:
    company = build(AS_OF, **tables)
    frame: pd.DataFrame = contact_features(company, contact_spine(company, [AS_OF])).execute()
    return frame.set_index("contact_id")


def touch(contact: str, kind: str, at: str, campaign: str = "c", **other: Any) -> dict[str, Any]:
    row = {"touch_id": f"{contact}{kind}{at}", "contact_id": contact, "campaign_id": campaign, "channel": "email"}
    return {**row, "kind": kind, "happened_at": at, **other}


def decision(contact: str, status: str, at: str, **other: Any) -> dict[str, Any]:
    row = {"contact_id": contact, "channel": "email", "purpose": "marketing", "recorded_at": at, "status": status}
    return {**row, "source": "webform", **other}


def test_the_latest_known_decision_holds_and_is_the_evidence(build: Callable[..., Company]) -> None:
    names = ("granted", "withdrawn", "same instant", "known later", "no source", "calls only", "never asked")
    rows = people(
        build,
        contacts=[{"contact_id": name, "email": "a@example.com"} for name in names],
        consents=[
            decision("granted", "withdrawn", "2024-01-01"),
            decision("granted", "granted", "2024-02-01"),
            decision("withdrawn", "granted", "2024-01-01"),
            decision("withdrawn", "withdrawn", "2024-02-01"),
            decision("same instant", "granted", "2024-02-01"),
            decision("same instant", "withdrawn", "2024-02-01"),
            decision("known later", "granted", "2024-02-01"),
            decision("known later", "withdrawn", "2024-03-01", known_at="2024-08-01"),
            decision("no source", "granted", "2024-02-01", source=None),
            decision("calls only", "granted", "2024-02-01", channel="phone"),
        ],
    )
    assert rows.index[rows.may_email].tolist() == ["granted", "known later", "no source"]
    assert rows.consent_evidence.dropna().to_dict() == {
        "granted": "granted 2024-02-01 by webform",
        "known later": "granted 2024-02-01 by webform",
        "no source": "granted 2024-02-01",
        "same instant": "withdrawn 2024-02-01 by webform",
        "withdrawn": "withdrawn 2024-02-01 by webform",
    }
    assert rows.consent_status.dropna().to_dict() == {
        "granted": "granted", "known later": "granted", "no source": "granted",
        "same instant": "withdrawn", "withdrawn": "withdrawn",
    }  # fmt: skip
    assert set(rows.consent_recorded_at.dropna()) == {pd.Timestamp("2024-02-01")}


@pytest.mark.parametrize("channel", ["email", "E-Mail", " mail "])
def test_a_channel_is_known_however_it_is_spelt(build: Callable[..., Company], channel: str) -> None:
    rows = people(
        build,
        contacts=[{"contact_id": "C", "email": "a@example.com"}],
        consents=[decision("C", "granted", "2024-02-01", channel=channel)],
        touches=[touch("C", "sent", "2024-06-01", channel=channel)],
    )
    assert (rows.may_email["C"], rows.sends["C"]) == (True, 1)


def test_an_address_is_written_to_only_when_it_is_one_and_mail_arrives(build: Callable[..., Company]) -> None:
    addresses = {
        "valid": " a.b+c@example.co.uk ", "missing": None, "blank": " ", "no at": "a.example.com",
        "no dot": "a@example", "two": "a@example.com, b@example.com", "bounced": "x@example.com",
        "delivered since": "x@example.com",
        "unsubscribed": "x@example.com", "back again": "x@example.com",
    }  # fmt: skip
    rows = people(
        build,
        contacts=[{"contact_id": name, "email": email} for name, email in addresses.items()],
        consents=[decision(name, "granted", "2024-01-01") for name in addresses]
        + [decision("back again", "granted", "2024-04-01")],
        touches=[
            touch("bounced", "bounced", "2024-03-01"),
            touch("delivered since", "bounced", "2024-03-01"),
            touch("delivered since", "delivered", "2024-04-01"),
            touch("unsubscribed", "unsubscribed", "2024-03-01"),
            touch("back again", "unsubscribed", "2024-03-01"),
        ],
    )
    assert rows.email_status.to_dict() == {
        "valid": "valid", "missing": "missing", "blank": "missing", "no at": "invalid", "no dot": "invalid",
        "two": "invalid", "bounced": "bounced", "delivered since": "valid", "unsubscribed": "unsubscribed",
        "back again": "valid",
    }  # fmt: skip
    assert rows.index[rows.may_email].tolist() == ["back again", "delivered since", "valid"]


def test_a_time_zone_says_where_it_is_known_from(build: Callable[..., Company]) -> None:
    rows = people(
        build,
        accounts=[{"account_id": "j", "country": "Japan"}, {"account_id": "?", "country": "Atlantis"}],
        contacts=[
            {"contact_id": "given", "timezone": "America/Chicago", "country": "Germany", "account_id": "j"},
            {"contact_id": "country", "timezone": "Mars/Base", "country": " GERMANY ", "account_id": "j"},
            {"contact_id": "account", "account_id": "j"},
            {"contact_id": "company", "account_id": "?"},
            {"contact_id": "alone"},
        ],
    )
    assert rows[["timezone", "timezone_source"]].T.to_dict("list") == {
        "account": ["Asia/Tokyo", "account"],
        "alone": ["Europe/Istanbul", "company"],
        "company": ["Europe/Istanbul", "company"],
        "country": ["Europe/Berlin", "country"],
        "given": ["America/Chicago", "given"],
    }


def test_engagement_is_a_share_of_campaigns_drawn_towards_the_company_s(build: Callable[..., Company]) -> None:
    sent = [touch("keen", "sent", "2024-06-01", f"c{i}") | {"touch_id": f"k{i}"} for i in range(4)]
    sent += [touch("deaf", "sent", "2024-06-01", f"c{i}") | {"touch_id": f"d{i}"} for i in range(6)]
    opened = [touch("keen", "opened", "2024-06-02", f"c{i}") | {"touch_id": f"o{i}"} for i in range(4)]
    machine = [touch("deaf", "opened", "2024-06-02", "c1", machine=True)]
    old = [touch("deaf", "clicked", "2023-06-02", "c1")]
    names = ("keen", "deaf", "new")
    rows = people(build, contacts=[{"contact_id": name} for name in names], touches=sent + opened + machine + old)
    usual = 4 / 10
    expected = {"deaf": 10 * usual / 16, "keen": (4 + 10 * usual) / 14, "new": usual}
    assert rows.engagement.to_dict() == pytest.approx(expected)
    assert rows.responses.to_dict() == {"deaf": 0, "keen": 4, "new": 0}
