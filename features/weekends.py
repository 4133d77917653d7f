"""Weekends by the country of a time zone."""

from datetime import date
from functools import cache
from importlib.resources import files

import holidays

SATURDAY, SUNDAY = 5, 6


def is_weekend(day: date, timezone: str) -> bool:
    """Whether a day is part of the weekend in a time zone: Friday and Saturday in Riyadh, and in Dubai until 2021.

    Weekends are those of the ``holidays`` library. Where it knows only Sunday, Saturday is added: most offices are
    closed. Without a country that the library knows, the weekend is Saturday and Sunday.
    """
    country = _countries().get(timezone)
    calendar = _calendar(country) if country else None
    if calendar is None:
        return day.weekday() in (SATURDAY, SUNDAY)
    only_sunday = calendar.weekend == {SUNDAY}
    return calendar.is_weekend(day) or (only_sunday and day.weekday() == SATURDAY)


@cache
def _countries() -> dict[str, str]:
    """The country code of each zone, from the table that comes with the time zone database."""
    lines = (files("tzdata.zoneinfo") / "zone.tab").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {row[2]: row[0] for row in rows}


@cache
def _calendar(country: str) -> holidays.HolidayBase | None:
    """A country's calendar; ``None`` for one that the library does not know."""
    try:
        return holidays.country_holidays(country)
    except NotImplementedError:
        return None
