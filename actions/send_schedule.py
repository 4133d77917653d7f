"""When no mail is sent, whatever a person's best hour: at night, by their own clock."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from actions.call_schedule import first_morning
from features.company import Company

WAKING, SLEEPING = time(7), time(20)
"""Mail goes out from seven until before eight in the evening, local time: an assumption of good manners, and near what
codes of conduct for direct marketing ask for."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""How ``contact_scores.send_windows`` names the days."""


def waking_hours(company: Company, mails: pd.DataFrame) -> pd.Series:
    """When each mail goes out, naive UTC, aligned with the mails.

    ``mails`` has ``send_at`` (the best instant), ``send_windows`` (a JSON list such as ``["Tue 09:00"]``, best first)
    and ``timezone``. The best instant holds where it is no quiet hour; else the next best of the windows that is none;
    else the next working morning.
    """
    zones = mails["timezone"].fillna(company.timezone)
    times = [
        _time(None if pd.isna(at) else at.to_pydatetime(), windows, zone, company.as_of_at)
        for at, windows, zone in zip(mails["send_at"], mails["send_windows"], zones, strict=True)
    ]
    return pd.Series(times, index=mails.index, dtype="datetime64[us]")


def _time(best: datetime | None, windows: object, timezone: str, after: datetime) -> datetime:
    zone = ZoneInfo(timezone)
    if best is not None and WAKING <= best.replace(tzinfo=UTC).astimezone(zone).time() < SLEEPING:
        return best
    for day, hour in _parsed(json.loads(windows) if isinstance(windows, str) else ()):
        if WAKING <= hour < SLEEPING:
            return _next(day, hour, zone, after)
    return first_morning(after, timezone)


def _parsed(windows: Iterable[str]) -> list[tuple[int, time]]:
    """Day of the week and hour of each window."""
    return [(DAYS.index(window[:3]), time.fromisoformat(window[4:])) for window in windows]


def _next(weekday: int, hour: time, zone: ZoneInfo, after: datetime) -> datetime:
    """The first instant not before another at which it is that hour of that day of the week; clocks do not change by
    day."""
    today = after.replace(tzinfo=UTC).astimezone(zone).date()
    day = today + timedelta(days=(weekday - today.weekday()) % 7)
    first = datetime.combine(day, hour, zone).astimezone(UTC).replace(tzinfo=None)
    if first >= after:
        return first
    return datetime.combine(day + timedelta(days=7), hour, zone).astimezone(UTC).replace(tzinfo=None)
