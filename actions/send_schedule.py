"""When each e-mail is sent: at the contact's best hour, but never in quiet hours."""

import json
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pandas as pd

from actions.call_schedule import next_working_morning
from data.week_hours import next_hour_of_week, parse_hour_of_week
from features.company import Company

QUIET_UNTIL, QUIET_FROM = time(7), time(20)
"""E-mail is sent from seven until before eight in the evening, local time: an assumption, near the codes of conduct for
direct marketing."""


def send_times(company: Company, emails: pd.DataFrame) -> pd.Series:
    """The instant at which each e-mail is sent, naive UTC, aligned with the e-mails.

    ``emails`` has ``send_at`` (the best instant), ``send_windows`` (a JSON list such as ``["Tue 09:00"]``, best first)
    and ``timezone``. The best instant where it is no quiet hour; else the first window that is none; else the next
    working morning.
    """
    zones = emails["timezone"].fillna(company.timezone)
    times = [
        _send_time(None if pd.isna(best) else best.to_pydatetime(), windows, zone, company.as_of_at)
        for best, windows, zone in zip(emails["send_at"], emails["send_windows"], zones, strict=True)
    ]
    return pd.Series(times, index=emails.index, dtype="datetime64[us]")


def _send_time(best: datetime | None, windows: object, timezone: str, after: datetime) -> datetime:
    if best is not None and not _is_quiet(best.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).time()):
        return best
    for window in json.loads(windows) if isinstance(windows, str) else ():
        hour_of_week = parse_hour_of_week(window)
        if not _is_quiet(time(hour_of_week % 24)):
            return next_hour_of_week(hour_of_week, timezone, after)
    return next_working_morning(after, timezone)


def _is_quiet(local_time: time) -> bool:
    return not QUIET_UNTIL <= local_time < QUIET_FROM
