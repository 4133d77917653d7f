"""When each call is made: in the working hours of both sides, and one after the other for each owner."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd

from actions.call_capacity import UNASSIGNED
from data.calendar import local_day
from features.company import Company
from features.weekends import is_weekend

WORKDAY_START, WORKDAY_END = time(9), time(17)
"""Calls begin and end between these hours of a working day: an assumption."""

Interval = tuple[datetime, datetime]


def working_morning_of(day: date, timezone: str) -> datetime:
    """``WORKDAY_START`` of the first working day from ``day`` on in a time zone, as naive UTC."""
    while is_weekend(day, timezone):
        day += timedelta(days=1)
    return datetime.combine(day, WORKDAY_START, ZoneInfo(timezone)).astimezone(UTC).replace(tzinfo=None)


def next_working_morning(instant: datetime, timezone: str) -> datetime:
    """The first start of a working day in a time zone that is not before an instant; all naive UTC."""
    day = local_day(instant, timezone)
    morning = working_morning_of(day, timezone)
    return morning if morning >= instant else working_morning_of(day + timedelta(days=1), timezone)


def next_working_mornings(company: Company, timezones: pd.Series) -> pd.Series:
    """The next working morning from ``as_of`` on for each time zone, aligned with them; a NULL is the company's."""
    zones = timezones.fillna(company.timezone)
    mornings = {zone: next_working_morning(company.as_of_at, zone) for zone in zones.unique()}
    return pd.to_datetime(zones.map(mornings)).astype("datetime64[us]")


def owner_timezones(company: Company) -> dict[str, str]:
    """The time zone of each owner that has a valid one; for the others the company's is to be assumed."""
    owners: pd.DataFrame = company.tables["owners"].select("owner_id", "timezone").execute()
    valid = owners[owners["timezone"].isin(available_timezones())]
    return dict(zip(valid["owner_id"], valid["timezone"], strict=True))


def call_times(
    calls: pd.DataFrame,
    account_zones: Mapping[str, str],
    owner_zones: Mapping[str, str],
    default_zone: str,
    until: datetime,
) -> pd.DataFrame:
    """One row per call, on the calls' index: ``starts_at`` (naive UTC) and ``note``, a sentence or an empty text.

    A call starts not before its ``act_at``, while its owner makes no other, and lies within the working hours of
    account and owner (of ``default_zone`` where the owner's is unknown). Where no such time is free before ``until``,
    only the account's hours count, and ``note`` says so. Calls of highest value a minute are scheduled first.

    ``calls`` has ``account_id, owner_id, act_at, minutes, net``; accounts without an owner share one schedule. No call
    is longer than a working day.
    """
    ranked = calls.assign(
        owner=calls["owner_id"].fillna(UNASSIGNED), value_per_minute=calls["net"] / calls["minutes"]
    ).sort_values(["owner", "value_per_minute", "account_id"], ascending=[True, False, True], kind="stable")
    schedules: dict[str, list[Interval]] = {}
    starts: list[datetime] = []
    notes: list[str] = []
    lengths = [timedelta(minutes=minutes) for minutes in ranked["minutes"]]
    earliest = [act_at.to_pydatetime() for act_at in ranked["act_at"]]
    columns = (ranked["owner"], ranked["account_id"], earliest, lengths)
    for owner, account_id, not_before, length in zip(*columns, strict=True):
        schedule = schedules.setdefault(owner, [])
        owner_zone, zone = owner_zones.get(owner, default_zone), account_zones[account_id]
        shared = _first_free(not_before, length, {owner_zone, zone}, schedule, until)
        # Without an end, the hours of one zone always come.
        start = shared or _first_free(not_before, length, {zone}, schedule, datetime.max) or not_before
        starts.append(start)
        notes.append(
            "" if shared else f"in the hours of {zone}: none of the week are free in those of {owner_zone} too"
        )
        schedule.append((start, start + length))
    times = pd.DataFrame({"starts_at": starts, "note": notes}, index=ranked.index)
    return times.astype({"starts_at": "datetime64[us]", "note": object})


def _first_free(
    start: datetime, length: timedelta, zones: set[str], schedule: list[Interval], until: datetime
) -> datetime | None:
    """The first instant from ``start`` on, within working hours of every zone, that leaves ``length`` free in a
    schedule; ``None`` where none comes before ``until``."""
    while start < until:
        opening = max(_first_working(start, length, zone) for zone in zones)
        conflicts = [end for begin, end in schedule if begin < opening + length and opening < end]
        if opening == start and not conflicts:
            return start
        start = max([opening, *conflicts])
    return None


def _first_working(start: datetime, length: timedelta, timezone: str) -> datetime:
    """The first instant from ``start`` on from which ``length`` lies within the working hours of a zone."""
    zone = ZoneInfo(timezone)
    first, last = (instant.replace(tzinfo=UTC).astimezone(zone) for instant in (start, start + length))
    inside = first.date() == last.date() and first.time() >= WORKDAY_START and last.time() <= WORKDAY_END
    if inside and not is_weekend(first.date(), timezone):
        return start
    begun = first.time() >= WORKDAY_START
    return working_morning_of(first.date() + timedelta(days=int(begun)), timezone)
