"""Leaks of use are of the company's days: as many, and the same ones, wherever it is."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from features.company import Company
from reports.leaks.seats import outgrown_seats
from reports.leaks.usage import usage_after_end
from tests.features.company_builder import build_company

AS_OF = date(2024, 7, 1)
Detector = Callable[[Company], pd.DataFrame]
ZONES = ("America/Los_Angeles", "UTC", "Pacific/Auckland")


def midnight(day: date, zone: str) -> str:
    """The first instant of a day there, as UTC."""
    return str(pd.Timestamp(day, tz=ZoneInfo(zone)).tz_convert("UTC").tz_localize(None))


def leak(detector: Detector, zone: str, days: list[date], ended: date | None, started: date = date(2023, 1, 1)) -> Any:
    """The one leak of a product for 10 people that 15 use on some days, with the instants of its days there."""
    held = {"subscription_id": "S", "account_id": "A", "product_id": "P", "seats": 10, "mrr": 365.25}
    company = build_company(
        AS_OF,
        timezone=zone,
        accounts=[{"account_id": "A"}],
        products=[{"product_id": "P"}],
        subscriptions=[
            {**held, "started_at": midnight(started, zone), "ended_at": ended and midnight(ended, zone)},
        ],
        usage=[
            {"account_id": "A", "product_id": "P", "day": day, "active_users": 15, "events": 15,
             "known_at": midnight(day, zone)}  # told in its course, so that the last one counts, too
            for day in days
        ],
    )  # fmt: skip
    return detector(company).iloc[0]


def back(days: int) -> list[date]:
    """So many days up to the last one that is over, the first one first."""
    return [AS_OF - timedelta(days=ago) for ago in range(days, 0, -1)]


@pytest.mark.parametrize("zone", ZONES)
def test_use_is_looked_for_in_as_many_whole_days_everywhere(zone: str) -> None:
    after = leak(usage_after_end, zone, back(120), ended=date(2024, 1, 1))
    assert after["money"] == pytest.approx(90 * 12)  # 365.25 a month is 12 a day
    assert " 90 of the last 90 days" in after["evidence"]
    seats = leak(outgrown_seats, zone, back(120), ended=None)
    assert " 56 of 56 days since 2024-05-06" in seats["evidence"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_contract_covers_the_days_that_it_has_there(zone: str) -> None:
    after = leak(usage_after_end, zone, back(30), ended=date(2024, 6, 21))
    assert after["money"] == pytest.approx(9 * 12), "the day in which it ends is no leak"
    seats = leak(outgrown_seats, zone, back(56), ended=None, started=date(2024, 5, 20))
    assert " 42 of 42 days since 2024-05-20" in seats["evidence"]
