"""Hours of the week, 0 (Monday midnight) to 167: their names, and when they come next in a time zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hour_of_week_name(hour_of_week: int) -> str:
    """An hour of the week as text, such as *Tue 09:00*."""
    return f"{WEEKDAYS[hour_of_week // 24]} {hour_of_week % 24:02d}:00"


def parse_hour_of_week(name: str) -> int:
    """The hour of the week that ``hour_of_week_name`` wrote."""
    return WEEKDAYS.index(name[:3]) * 24 + int(name[4:6])


def next_hour_of_week(hour_of_week: int, timezone: str, after: datetime) -> datetime:
    """The first instant (naive UTC), not before another, at which it is that hour of the week in a time zone.

    Where clocks skip the hour, it is the one after; where they repeat it, the first of the two.
    """
    zone = ZoneInfo(timezone)
    today = after.replace(tzinfo=UTC).astimezone(zone).date()
    day = today + timedelta(days=(hour_of_week // 24 - today.weekday()) % 7)
    # a week later by the calendar: 168 hours later would be wrong where clocks change
    local = [datetime.combine(day + timedelta(days=ahead), time(hour_of_week % 24), zone) for ahead in (0, 7)]
    first, second = (instant.astimezone(UTC).replace(tzinfo=None) for instant in local)
    return first if first >= after else second
