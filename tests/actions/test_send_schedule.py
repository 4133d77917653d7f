"""No mail goes out at night, by the clock of who gets it."""

import json
from datetime import date
from typing import Any

import pandas as pd
import pytest

from actions.send_schedule import send_times
from tests.features.company_builder import build_company

ISTANBUL, NEW_YORK = "Europe/Istanbul", "America/New_York"


@pytest.mark.parametrize(
    ("send_at", "windows", "timezone", "expected"),
    [
        ("2024-07-02 04:00", None, ISTANBUL, "2024-07-02 04:00"),  # seven in the morning
        ("2024-07-02 16:59", None, ISTANBUL, "2024-07-02 16:59"),  # a minute to eight
        ("2024-07-02 03:59", None, ISTANBUL, "2024-07-01 06:00"),  # Monday, nine, for want of windows
        ("2024-07-02 19:00", ["Tue 22:00", "Tue 21:00", "Sun 08:00", "Mon 09:00"], ISTANBUL, "2024-07-07 05:00"),
        ("2024-07-02 17:00", ["Tue 20:00", "Thu 07:00"], ISTANBUL, "2024-07-04 04:00"),  # eight in the evening is late
        ("2024-07-02 06:00", ["Tue 02:00", "Mon 19:00"], NEW_YORK, "2024-07-01 23:00"),
        ("2024-07-02 19:00", ["Tue 22:00", "Wed 23:00", "Thu 06:00"], ISTANBUL, "2024-07-01 06:00"),
        (None, None, NEW_YORK, "2024-07-01 13:00"),
        (None, None, None, "2024-07-01 06:00"),  # the company's
    ],
)
def test_emails_are_sent_at_the_best_hour_outside_quiet_hours(
    send_at: str | None, windows: list[str] | None, timezone: str | None, expected: str
) -> None:
    row: dict[str, Any] = {
        "send_at": send_at,
        "send_windows": None if windows is None else json.dumps(windows),
        "timezone": timezone,
    }
    mails = pd.DataFrame([row], index=[5])
    mails["send_at"] = pd.to_datetime(mails["send_at"]).astype("datetime64[us]")
    found = send_times(build_company(date(2024, 7, 1)), mails)
    assert found.to_dict() == {5: pd.Timestamp(expected)}


def test_a_window_already_past_comes_again_in_a_week() -> None:
    """As of Monday the first instant of the company is Sunday evening in New York: its Sunday 08:00 is over."""
    mails = pd.DataFrame({"send_at": [pd.NaT], "send_windows": ['["Sun 08:00"]'], "timezone": [NEW_YORK]})
    assert send_times(build_company(date(2024, 7, 1)), mails).tolist() == [pd.Timestamp("2024-07-07 12:00")]


def test_no_emails_give_no_times() -> None:
    none = pd.DataFrame({"send_at": [], "send_windows": [], "timezone": []})
    assert send_times(build_company(), none).empty
