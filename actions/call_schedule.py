"""When a call is made: in the working hours of who is called and of who calls, who makes one after the other."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pandas as pd

from actions.call_capacity import UNASSIGNED
from data.calendar import local_day
from features.company import Company
from features.weekends import is_weekend

MORNING, EVENING = time(9), time(17)
"""Calls begin and end between these hours of a working day: an assumption."""

Span = tuple[datetime, datetime]


def next_working_morning(day: date, timezone: str) -> datetime:
    """Nine o'clock of the first day from ``day`` on that is no weekend's where the zone lies, as naive UTC."""
    while is_weekend(day, timezone):
        day += timedelta(days=1)
    return datetime.combine(day, MORNING, ZoneInfo(timezone)).astimezone(UTC).replace(tzinfo=None)


def first_morning(instant: datetime, timezone: str) -> datetime:
    """The first nine o'clock of a working day in a zone that is not before an instant; all naive UTC."""
    day = local_day(instant, timezone)
    morning = next_working_morning(day, timezone)
    return morning if morning >= instant else next_working_morning(day + timedelta(days=1), timezone)


def mornings(company: Company, zones: pd.Series) -> pd.Series:
    """The first working morning from the company's date on, for each of many zones; the company's where one is NULL."""
    known = zones.fillna(company.timezone)
    first = {zone: first_morning(company.as_of_at, zone) for zone in known.unique()}
    return pd.to_datetime(known.map(first)).astype("datetime64[us]")


def caller_zones(company: Company) -> dict[str, str]:
    """The time zone of each owner whose zone is written down and exists; the others sit where the company does."""
    owners: pd.DataFrame = company.tables["owners"].select("owner_id", "timezone").execute()
    given = owners[owners["timezone"].isin(available_timezones())]
    return dict(zip(given["owner_id"], given["timezone"], strict=True))


def call_times(
    calls: pd.DataFrame, called: Mapping[str, str], callers: Mapping[str, str], home: str, until: datetime
) -> pd.DataFrame:
    """When each call begins, aligned with the calls: ``begins``, and ``told``, what is to be said of it (or nothing).

    A call begins not before its ``act_at``, while its owner makes no other, and lies wholly within the working hours of
    both: of the account's zone (``called``, by account) and of its owner's (``callers``, by owner; else ``home``).
    Where no such time is free before ``until``, the customer's hours count alone, and ``told`` says so. Calls worth
    most by the minute choose first.

    ``calls`` has ``account_id, owner_id, act_at, minutes, net``; accounts that nobody owns share one diary. No call is
    longer than a working day.
    """
    ranked = calls.assign(
        owner=calls["owner_id"].fillna(UNASSIGNED), per_minute=calls["net"] / calls["minutes"]
    ).sort_values(["owner", "per_minute", "account_id"], ascending=[True, False, True], kind="stable")
    diaries: dict[str, list[Span]] = {}
    begins: list[datetime] = []
    told: list[str] = []
    lengths = [timedelta(minutes=minutes) for minutes in ranked["minutes"]]
    earliest = [at.to_pydatetime() for at in ranked["act_at"]]
    for owner, account_id, start, length in zip(ranked["owner"], ranked["account_id"], earliest, lengths, strict=True):
        diary = diaries.setdefault(owner, [])
        here, there = callers.get(owner, home), called[account_id]
        shared = _free(start, length, {here, there}, diary, until)
        # Without an end, the hours of one zone always come.
        begin = shared or _free(start, length, {there}, diary, datetime.max) or start
        begins.append(begin)
        told.append("" if shared else f"in the hours of {there}: none of the week are free in those of {here} too")
        diary.append((begin, begin + length))
    times = pd.DataFrame({"begins": begins, "told": told}, index=ranked.index)
    return times.astype({"begins": "datetime64[us]", "told": object})


def _free(start: datetime, length: timedelta, zones: set[str], diary: list[Span], until: datetime) -> datetime | None:
    """The first instant from ``start`` on, within working hours of every zone, that leaves ``length`` free in a diary;
    ``None`` where none comes before ``until``."""
    while start < until:
        opens = max(_opens(start, length, zone) for zone in zones)
        taken = [end for begin, end in diary if begin < opens + length and opens < end]
        if opens == start and not taken:
            return start
        start = max([opens, *taken])
    return None


def _opens(start: datetime, length: timedelta, timezone: str) -> datetime:
    """The first instant from ``start`` on from which ``length`` lies within the working hours of a zone."""
    zone = ZoneInfo(timezone)
    local, over = ((at.replace(tzinfo=UTC)).astimezone(zone) for at in (start, start + length))
    inside = local.date() == over.date() and local.time() >= MORNING and over.time() <= EVENING
    if inside and not is_weekend(local.date(), timezone):
        return start
    passed = local.time() >= MORNING
    return next_working_morning(local.date() + timedelta(days=int(passed)), timezone)
