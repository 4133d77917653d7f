"""Calls are made by the clocks of who is called, and nobody makes two at once."""

from datetime import date, datetime
from typing import Any

import pandas as pd

from actions.call_schedule import (
    call_times,
    next_working_morning,
    next_working_mornings,
    owner_timezones,
    working_morning_of,
)
from actions.consent import call_contacts, mail_contacts
from features.contacts.table import contact_features
from features.spine import contact_spine
from tests.features.company_builder import build_company

ISTANBUL, CHICAGO = "Europe/Istanbul", "America/Chicago"


def test_a_working_morning_is_nine_o_clock_of_its_zone_and_no_weekend() -> None:
    assert working_morning_of(date(2024, 7, 5), "Europe/Berlin") == datetime(2024, 7, 5, 7)  # a Friday
    assert working_morning_of(date(2024, 7, 6), "Europe/Berlin") == datetime(2024, 7, 8, 7)
    assert working_morning_of(date(2024, 1, 7), "Europe/Berlin") == datetime(2024, 1, 8, 8)  # winter
    assert working_morning_of(date(2024, 7, 5), "Asia/Riyadh") == datetime(2024, 7, 7, 6)  # Sunday


def test_the_next_working_morning_is_never_in_the_past() -> None:
    midnight_in_istanbul = datetime(2024, 7, 1, 21)  # of Tuesday
    assert next_working_morning(midnight_in_istanbul, ISTANBUL) == datetime(2024, 7, 2, 6)
    assert next_working_morning(midnight_in_istanbul, "Asia/Tokyo") == datetime(2024, 7, 2, 0)
    # where it is Tuesday, nine o'clock, already, it is now; where that is over, it is on Wednesday
    assert next_working_morning(midnight_in_istanbul, "Pacific/Auckland") == midnight_in_istanbul
    assert next_working_morning(midnight_in_istanbul, "Pacific/Kiritimati") == datetime(2024, 7, 2, 19)
    assert next_working_morning(midnight_in_istanbul, CHICAGO) == datetime(2024, 7, 2, 14)  # there it is still Monday


def test_unknown_zones_get_the_companys_mornings() -> None:
    company = build_company(date(2024, 7, 1))
    found = next_working_mornings(company, pd.Series([CHICAGO, None, ISTANBUL]))
    assert found.tolist() == [pd.Timestamp("2024-07-01 14:00"), *[pd.Timestamp("2024-07-01 06:00")] * 2]
    assert next_working_mornings(company, pd.Series([], dtype=object)).dtype == "datetime64[us]"


def calls(*rows: tuple[str, str | None, str, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "owner_id", "act_at", "minutes", "net"])
    return frame.assign(act_at=pd.to_datetime(frame["act_at"]).astype("datetime64[us]"))


def times(rows: pd.DataFrame, zones: dict[str, str], callers: dict[str, str] | None = None) -> pd.DataFrame:
    """The call times until a week after the first of July; who is not named is in Istanbul."""
    called = {account: zones.get(account, ISTANBUL) for account in rows["account_id"]}
    return call_times(rows, called, callers or {}, ISTANBUL, until=datetime(2024, 7, 8)).reindex(rows.index)


def begins(rows: pd.DataFrame, zones: dict[str, str], callers: dict[str, str] | None = None) -> dict[str, str]:
    found = times(rows, zones, callers)["starts_at"]
    return {str(row.account_id): f"{row.begins:%d %H:%M}" for row in rows.assign(begins=found).itertuples()}


def test_calls_of_an_owner_follow_each_other_by_value_a_minute() -> None:
    rows = calls(
        ("small", "O1", "2024-07-01 06:00", 30, 10),
        ("large", "O1", "2024-07-01 06:00", 45, 100),
        ("of another", "O2", "2024-07-01 06:00", 30, 1),
        ("far away", "O1", "2024-07-01 14:00", 30, 50),
        ("nobody's", None, "2024-07-01 06:00", 30, 2),
        ("nobody's too", None, "2024-07-01 06:00", 30, 1),
    )
    assert begins(rows, {"far away": CHICAGO}) == {
        "large": "01 06:00",
        "small": "01 06:45",
        "of another": "01 06:00",
        "far away": "01 14:00",
        "nobody's": "01 06:00",
        "nobody's too": "01 06:30",
    }


def test_a_day_that_is_full_goes_on_the_next_working_morning() -> None:
    rows = calls(*((f"A{n:02}", "O1", "2024-07-05 06:00", 45, 100 - n) for n in range(13)))
    found = begins(rows, {})
    # Friday 9:00 to 17:00 in Istanbul holds ten calls of 45 minutes, the last until 16:30; then comes Monday
    assert [found["A00"], found["A09"], found["A10"], found["A11"]] == ["05 06:00", "05 12:45", "08 06:00", "08 06:45"]


def test_a_call_ends_before_the_evening() -> None:
    late = calls(
        ("fits", "O1", "2024-07-01 13:15", 45, 2), ("too late", "O2", "2024-07-01 13:16", 45, 1)
    )  # 16:15 and 16:16
    assert begins(late, {}) == {"fits": "01 13:15", "too late": "02 06:00"}


def test_no_call_is_at_night_even_if_the_day_is_full_in_another_zone() -> None:
    early = [(f"T{n:02}", "O1", "2024-07-01 00:00", 30, 100.0) for n in range(16)]  # until 17:00 in Tokyo
    rows = calls(*early, ("late", "O1", "2024-07-01 00:30", 30, 1.0))
    tokyo = dict.fromkeys(rows["account_id"], "Asia/Tokyo")
    assert begins(rows, tokyo, {"O1": "Asia/Tokyo"})["late"] == "02 00:00"


def test_a_call_lies_in_the_working_hours_of_both() -> None:
    rows = calls(
        ("east", "London", "2024-07-01 05:00", 30, 9),  # nine in Dubai is six in London
        ("west", "London", "2024-07-01 13:00", 30, 8),  # nine in New York is two in London
        ("full", "London", "2024-07-01 15:45", 30, 7),  # a quarter to five in London: the next day
        ("Riyadh", "Istanbul", "2024-07-04 13:45", 30, 9),  # Thursday evening; then a weekend there, then one here
    )
    zones = {"east": "Asia/Dubai", "west": "America/New_York", "full": "America/New_York", "Riyadh": "Asia/Riyadh"}
    assert begins(rows, zones, {"London": "Europe/London"}) == {
        "east": "01 08:00",
        "west": "01 13:00",
        "full": "02 13:00",
        "Riyadh": "07 06:00",  # Friday and Saturday are its weekend, Sunday is Istanbul's: its hours alone are left
    }


def test_without_a_common_hour_the_customers_hours_count_with_a_note() -> None:
    rows = calls(("far", "O1", "2024-07-01 16:00", 30, 9), ("near", "O1", "2024-07-01 06:00", 30, 8))
    found = times(rows, {"far": "America/Los_Angeles"})
    assert [f"{at:%d %H:%M}" for at in found["starts_at"]] == ["01 16:00", "01 06:00"]
    assert found["note"].tolist() == [
        "in the hours of America/Los_Angeles: none of the week are free in those of Europe/Istanbul too",
        "",
    ]


def test_owners_without_a_valid_zone_are_left_to_the_companys() -> None:
    owners = [{"owner_id": "O1", "timezone": CHICAGO}, {"owner_id": "O2"}, {"owner_id": "O3", "timezone": "Mars/Base"}]
    assert owner_timezones(build_company(owners=owners)) == {"O1": CHICAGO}


def person(contact_id: str, account_id: str, **more: Any) -> dict[str, Any]:
    return {"contact_id": contact_id, "account_id": account_id, "created_at": "2023-01-01", **more}


def test_callable_contacts_have_a_phone_where_phones_are_recorded_and_get_their_zones_morning() -> None:
    people = [
        person("C1", "A1", phone="1", timezone=CHICAGO),
        person("C2", "A1", phone="2"),
        person("C3", "A1", phone=" "),  # spoken to last, but no number
        person("C4", "A2"),  # the only one of A2
        person("C5", "A4", phone="5", country="Germany"),
    ]
    tables: dict[str, Any] = {
        "accounts": [{"account_id": f"A{n}"} for n in (1, 2, 3, 4)],
        "activities": [
            {"activity_id": "1", "contact_id": "C1", "kind": "call", "happened_at": "2024-05-01"},
            {"activity_id": "2", "contact_id": "C3", "kind": "call", "happened_at": "2024-06-01"},
            {"activity_id": "3", "contact_id": "C2", "kind": "note", "happened_at": "2024-06-02"},
        ],
    }

    def callable_of(contacts: list[dict[str, Any]]) -> dict[str, tuple[Any, str]]:
        company = build_company(date(2024, 7, 1), contacts=contacts, **tables)
        rows = call_contacts(company, contact_features(company, contact_spine(company, [company.as_of])).execute())
        return {
            account: (None if pd.isna(contact) else contact, f"{time:%d %H:%M}")
            for account, contact, time in zip(rows["account_id"], rows["contact_id"], rows["act_at"], strict=True)
        }

    assert callable_of(people) == {"A1": ("C1", "01 14:00"), "A3": (None, "01 06:00"), "A4": ("C5", "01 07:00")}
    assert callable_of([{**row, "phone": None} for row in people]) == {
        "A1": ("C3", "01 06:00"),
        "A2": ("C4", "01 06:00"),
        "A3": (None, "01 06:00"),
        "A4": ("C5", "01 07:00"),
    }


def test_contacts_without_a_best_hour_are_emailed_in_their_zones_morning() -> None:
    company = build_company(
        date(2024, 7, 1),
        accounts=[{"account_id": "A1"}],
        contacts=[person("C1", "A1", email="one@example.com", timezone=CHICAGO)],
        consents=[{"contact_id": "C1", "channel": "email", "purpose": "marketing", "recorded_at": "2024-01-01",
                   "status": "granted"}],
    )  # fmt: skip
    contacts = contact_features(company, contact_spine(company, [company.as_of])).execute()
    (row,) = mail_contacts(company, contacts, None, over_cap=set()).to_dict("records")
    assert row["act_at"] == pd.Timestamp("2024-07-01 14:00")
