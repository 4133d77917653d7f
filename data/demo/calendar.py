"""The calendar of the demo company: months, working days, holidays, season, the trend and its break.

Instants are whole UTC seconds since 1970 as ``int64``; ``NEVER`` stands for an instant that has not come.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.calendar import first_instant, local_day

NEVER = np.iinfo(np.int64).max // 2_000_000
"""Later than every instant, and still an instant when it is turned into microseconds."""
DAY = 86_400

SEASON = (0.93, 0.93, 1.05, 1.00, 1.02, 1.03, 0.90, 0.84, 1.04, 1.06, 1.12, 1.18)
"""Demand of each calendar month, against an average one."""
WEEKDAY = (1.00, 1.06, 1.08, 1.04, 0.92, 0.22, 0.10)
"""Orders of each day of the week, Monday first."""
FIXED_HOLIDAYS = ((1, 1), (4, 23), (5, 1), (5, 19), (7, 15), (8, 30), (10, 29))
HOLIDAY_WEIGHT = 0.12
GROWTH_BEFORE, GROWTH_AFTER, LEVEL_SHIFT = 0.009, -0.008, 0.77
"""Monthly growth of demand before and after the break, and what the break multiplies the level by."""
BREAK_POSITION = 0.6
"""Share of the history after which the trend breaks."""

RAMADAN_FEASTS = (
    "2018-06-15 2019-06-04 2020-05-24 2021-05-13 2022-05-02 2023-04-21 2024-04-10 2025-03-30 2026-03-20 2027-03-09"
    " 2028-02-26 2029-02-14 2030-02-04"
)
SACRIFICE_FEASTS = (
    "2018-08-21 2019-08-11 2020-07-31 2021-07-20 2022-07-09 2023-06-28 2024-06-16 2025-06-06 2026-05-27 2027-05-16"
    " 2028-05-05 2029-04-24 2030-04-13"
)


def holidays(first: date, last: date) -> dict[date, str]:
    """Each holiday from ``first`` to ``last`` and its name. The feasts that follow the moon are known for 2018–2030."""
    named = {date(y, m, d): "fixed" for y in range(first.year, last.year + 1) for m, d in FIXED_HOLIDAYS}
    for starts, length, name in ((RAMADAN_FEASTS, 3, "ramadan feast"), (SACRIFICE_FEASTS, 4, "feast of sacrifice")):
        for start in starts.split():
            begins = date.fromisoformat(start)
            named |= {begins + timedelta(days=n): name for n in range(length)}
    return {day: name for day, name in sorted(named.items()) if first <= day <= last}


@dataclass(frozen=True)
class History:
    """The history that is simulated: whole months of the company's zone, cut at ``until``."""

    timezone: str
    until: int
    month_starts: Ints
    """First instants of each month, and of the month after the last."""
    months: tuple[date, ...]
    days: tuple[date, ...]
    day_starts: Ints
    day_weight: Floats
    demand: Floats
    """Demand of each month: season, trend, and how many working days it has."""
    break_month: int

    @classmethod
    def ending(cls, until: datetime, years: int, timezone: str) -> "History":
        """The ``years`` years that end with the month of ``until`` (naive UTC), which itself is cut."""
        today = local_day(until, timezone)
        ordinal = today.year * 12 + today.month - 1
        ordinals = range(ordinal - 12 * years, ordinal + 2)
        firsts = [date(o // 12, o % 12 + 1, 1) for o in ordinals]
        days = [firsts[0] + timedelta(days=n) for n in range((firsts[-1] - firsts[0]).days)]
        closed = holidays(days[0], days[-1])
        weight = np.array([WEEKDAY[d.weekday()] * (HOLIDAY_WEIGHT if d in closed else 1.0) for d in days])
        count = len(firsts) - 1
        broken = round(count * BREAK_POSITION)
        month_of_day = np.array([d.year * 12 + d.month - 1 for d in days]) - ordinals[0]
        working = np.bincount(month_of_day, weights=weight) / (weight.sum() / count)
        season = np.array([SEASON[d.month - 1] for d in firsts[:-1]])
        return cls(
            timezone=timezone,
            until=_seconds(until),
            month_starts=np.array([_seconds(first_instant(d, timezone)) for d in firsts], dtype=np.int64),
            months=tuple(firsts[:-1]),
            days=tuple(days),
            day_starts=np.array([_seconds(first_instant(d, timezone)) for d in days], dtype=np.int64),
            day_weight=weight,
            demand=season * working * trend(count, broken),
            break_month=broken,
        )

    @property
    def start(self) -> int:
        """The first instant of the history."""
        return int(self.month_starts[0])

    def month_of(self, at: Ints) -> Ints:
        """The index of the month in which each instant falls, -1 before the history."""
        return np.searchsorted(self.month_starts, at, side="right").astype(np.int64) - 1

    def random_instants(self, month: Ints, rng: np.random.Generator) -> Ints:
        """One instant within each given month: a working day mostly, in business hours of the company."""
        ends = np.concatenate([[0.0], np.cumsum(self.day_weight)])
        first = np.searchsorted(self.day_starts, self.month_starts[month])
        last = np.searchsorted(self.day_starts, self.month_starts[month + 1])
        drawn = rng.uniform(ends[first], ends[last])
        day = np.clip(np.searchsorted(ends, drawn, side="right") - 1, 0, len(self.days) - 1)
        return self.day_starts[day] + business_seconds(len(day), rng)


def trend(months: int, broken: int) -> Floats:
    """Demand of each month relative to the first, without season: growth, a step down at ``broken``, then decline."""
    month = np.arange(months)
    before = np.exp(GROWTH_BEFORE * np.minimum(month, broken))
    after = np.where(month >= broken, LEVEL_SHIFT * np.exp(GROWTH_AFTER * (month - broken)), 1.0)
    return np.asarray(before * after, dtype=np.float64)


def business_seconds(count: int, rng: np.random.Generator) -> Ints:
    """Seconds after midnight, around the early afternoon."""
    return (np.clip(rng.normal(13.0, 2.7, count), 7.0, 21.5) * 3600).astype(np.int64)


def local_to_utc(local: Ints, timezone: str) -> Ints:
    """Wall-clock seconds of a zone as UTC seconds. A time that clocks skip moves to the first that exists."""
    walls = pd.DatetimeIndex(local.astype("datetime64[s]"))
    zone = ZoneInfo(timezone)
    there = walls.tz_localize(zone, ambiguous=np.ones(len(walls), dtype=bool), nonexistent="shift_forward")
    return np.asarray(there.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64))


def _seconds(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1)) / timedelta(seconds=1))  # naive UTC on both sides
