"""When a call is made: in the working hours of who is called, and one after the other for who calls."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from actions.hours import UNASSIGNED
from data.calendar import local_day
from features.company import Company

MORNING, EVENING = time(9), time(17)
"""Between these hours of a working day calls begin, by the clocks of who is called: an assumption."""

Span = tuple[datetime, datetime]


def next_working_morning(day: date, timezone: str) -> datetime:
    """Nine o'clock of the first day from ``day`` on that is no Saturday or Sunday, as naive UTC."""
    while day.weekday() >= 5:
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


def call_times(calls: pd.DataFrame, zones: Mapping[str, str]) -> pd.Series:
    """When each call begins: not before its ``act_at``, within working hours of the account's zone, and while its owner
    makes no other. Calls worth most by the minute choose first.

    ``calls`` has ``account_id, owner_id, act_at, minutes, net, holdout``; accounts that nobody owns share one diary.
    Calls of the holdout are not made: they get the time that they would have had, and take none from others.
    """
    ranked = calls.assign(
        owner=calls["owner_id"].fillna(UNASSIGNED), per_minute=calls["net"] / calls["minutes"]
    ).sort_values(["owner", "per_minute", "account_id"], ascending=[True, False, True], kind="stable")
    diaries: dict[str, list[Span]] = {}
    begins: list[datetime] = []
    lengths = [timedelta(minutes=minutes) for minutes in ranked["minutes"]]
    earliest = [at.to_pydatetime() for at in ranked["act_at"]]
    columns = (ranked["owner"], ranked["account_id"], earliest, lengths, ranked["holdout"])
    for owner, account_id, start, length, aside in zip(*columns, strict=True):
        diary = diaries.setdefault(owner, [])
        begin = _free(start, length, zones[account_id], diary)
        begins.append(begin)
        if not aside:
            diary.append((begin, begin + length))
    return pd.Series(begins, index=ranked.index, dtype="datetime64[us]")


def _free(start: datetime, length: timedelta, timezone: str, diary: list[Span]) -> datetime:
    """The first instant from ``start`` on, within working hours of the zone, that leaves ``length`` free in a diary."""
    zone = ZoneInfo(timezone)
    while True:
        taken = [end for begin, end in diary if begin < start + length and start < end]
        local = start.replace(tzinfo=UTC).astimezone(zone)
        if taken:
            start = max(taken)
        elif local.weekday() < 5 and MORNING <= local.time() < EVENING:
            return start
        else:
            over = local.time() >= MORNING
            start = next_working_morning(local.date() + timedelta(days=int(over)), timezone)
