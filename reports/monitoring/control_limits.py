"""The band of a daily flow: what its last days should have brought, and how far off they are, night after night.

For every night and some lengths of time, what came in the last days is set against what the eight weeks before them
brought, the days of the week weighed as in the last year. The difference is made comparable by Anscombe's (1948) root
for counts, and divided by how large such differences usually were in the year before (the larger of their median and
their 98th percentile, each as of a bell curve). So the season's steps, campaigns and whatever else is usual with the
flow have widened its band already, and a night of the past is judged by what it knew: nothing here looks ahead.

The limit is on all flows and lengths together: ``LIMIT`` was chosen on demo companies other than those that the bench
and the tests judge by, so that a hundred quiet nights bring less than one alert in five (``bench.drift`` measures it).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats
from reports.monitoring.daily_volumes import DailyVolume

LIMIT = 4.5
"""Deviations beyond which a flow has left its band."""
WINDOWS = (1, 2, 3, 7, 14, 28)
"""Days that are judged together: a shock shows in one, a slow change in many."""
LEVEL_DAYS, YEAR_DAYS = 56, 364
GAP_DAYS = 28
"""The latest days tell nothing of what is usual: a change must not widen the band that it is to leave."""
FEWEST_DAYS = 100
"""So many past differences tell how large they usually are."""
PRIOR_CAME = 5.0
"""How many came on each day of the week in an even week, beside what did: it tempers the weekdays of rare events."""
SEASON_DAYS = 28
SEASON_PRIOR = 20.0
"""So many that came as they would have without a season temper what last year tells of it."""
FLOORS = {"count": 1.0, "share": 0.7, "mean": 0.0}
"""Differences are usually at least so large, by Poisson's law and the binomial one, however quiet the year was."""
CLEARLY = 0.9
"""A band with a season is taken where differences were smaller than this share of those without."""
NIGHTS = 60
"""The last nights that are judged."""
HOLD_NIGHTS = 14
"""An alert stays up for so many nights after the flow was last outside; outside again within them, it is the same."""


@dataclass(frozen=True)
class Band:
    """Windows (rows) by days (columns): what came, what was expected, and the limits; NaN where nothing can be said."""

    daily: DailyVolume
    came: Floats
    expected: Floats
    low: Floats
    high: Floats
    deviations: Floats

    @property
    def outside(self) -> npt.NDArray[np.bool_]:
        """For each day, whether the night after it finds the flow outside."""
        return np.asarray((np.abs(np.nan_to_num(self.deviations)) > LIMIT).any(axis=0))

    def told_on(self, place: int) -> date:
        """The night that first sees a day."""
        day: date = (self.daily.days[place] + pd.Timedelta(days=1 + self.daily.delay_days)).date()
        return day


@dataclass(frozen=True)
class Reading:
    """One window of a flow's band: where it stands. ``since`` and ``until`` are its first and last day.

    Of a *mean*, all are shares of what was expected, which is 1.
    """

    since: date
    until: date
    came: float
    expected: float
    low: float
    high: float
    deviations: float


def band(daily: DailyVolume, nights: int = NIGHTS) -> Band:
    """The band of a flow on the days of the last nights; NaN on days before."""
    open_days = ~daily.holiday
    came, of = np.where(open_days, daily.observed, 0.0), np.where(open_days, daily.exposure, 0.0)
    weekday = np.eye(7)[daily.days.day_of_week.to_numpy()]
    came_by, of_by = _sums(weekday * came[:, None]), _sums(weekday * of[:, None])
    place = np.arange(len(came))
    usual_came, usual_of = (_between(sums, place - GAP_DAYS - YEAR_DAYS, place - GAP_DAYS) for sums in (came_by, of_by))
    rate = usual_came.sum(axis=1, keepdims=True) / np.maximum(usual_of.sum(axis=1, keepdims=True), 1e-12)
    weights = (usual_came + PRIOR_CAME) / (usual_of * rate + PRIOR_CAME)
    rows = [_window(daily, days, came_by, of_by, weights, nights) for days in WINDOWS]
    return Band(daily, *(np.array(part) for part in zip(*rows, strict=True)))


def _window(
    daily: DailyVolume, days: int, came_by: Floats, of_by: Floats, weights: Floats, nights: int
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """What came within windows of so many days, what was expected, the limits, and the deviations."""
    place = np.arange(len(weights))
    first = place - days + 1
    came = _between(came_by, first, place + 1).sum(axis=1)
    before = _between(came_by, first - LEVEL_DAYS, first).sum(axis=1)
    before_of = (weights * _between(of_by, first - LEVEL_DAYS, first)).sum(axis=1)
    of = (weights * _between(of_by, first, place + 1)).sum(axis=1)
    even = before / np.maximum(before_of, 1e-12) * of
    unknown = (place < LEVEL_DAYS + days + 7) | (before <= 0) | (of <= 0)
    if days == 1:
        unknown |= daily.holiday
    floor = FLOORS[daily.metric.kind]
    ways = []
    for expected in (even, even * _season(days, came_by, of_by, weights)):
        off = np.where(unknown, np.nan, _transformed(daily, came, expected) - _transformed(daily, expected, expected))
        ways.append((expected, off, _usual(off, floor, nights)))
    # with last year's season where that came clearly nearer in the year before, without it where not
    nearer = np.nan_to_num(ways[1][2], nan=np.inf) < CLEARLY * np.nan_to_num(ways[0][2], nan=np.inf)
    expected, off, usual = (np.where(nearer, with_, without) for without, with_ in zip(*ways, strict=True))
    return came, expected, *_limits(daily, expected, LIMIT * usual), off / usual


def _season(days: int, came_by: Floats, of_by: Floats, weights: Floats) -> Floats:
    """By how much the season raised a window over the eight weeks before it, a year and two years ago.

    The window is widened to a month, since one day of one year tells nothing; and ``SEASON_PRIOR`` draws it to 1.
    """
    place = np.arange(len(weights))
    came, even = np.full(len(place), SEASON_PRIOR), np.full(len(place), SEASON_PRIOR)
    for years in (1, 2):
        end = place + 1 - years * YEAR_DAYS
        first = end - days
        wide = max(0, (SEASON_DAYS - days) // 2)
        before = _between(came_by, first - LEVEL_DAYS, first).sum(axis=1)
        before_of = (weights * _between(of_by, first - LEVEL_DAYS, first)).sum(axis=1)
        known = first - LEVEL_DAYS >= 0
        of = (weights * _between(of_by, first - wide, end + wide)).sum(axis=1)
        came += np.where(known, _between(came_by, first - wide, end + wide).sum(axis=1), 0)
        even += np.where(known, before / np.maximum(before_of, 1e-12) * of, 0)
    season: Floats = came / even
    return season


def _transformed(daily: DailyVolume, values: Floats, expected: Floats) -> Floats:
    """Sums on a scale on which they scatter alike: roots for counts, for others over the root of what was expected."""
    if daily.metric.kind == "mean":
        return np.asarray(values / np.sqrt(np.maximum(expected, 1e-12)))
    return np.asarray(2 * np.sqrt(values + 0.375))


def _limits(daily: DailyVolume, expected: Floats, reach: Floats) -> tuple[Floats, Floats]:
    if daily.metric.kind == "mean":
        half = reach * np.sqrt(np.maximum(expected, 0))
        return expected - half, expected + half
    root = np.sqrt(expected + 0.375)
    low, high = np.maximum(root - reach / 2, np.sqrt(0.375)) ** 2 - 0.375, (root + reach / 2) ** 2 - 0.375
    return np.where(np.isnan(reach), np.nan, np.maximum(low, 0.0)), high


def _usual(off: Floats, floor: float, nights: int) -> Floats:
    """How large differences usually were, of a standard bell curve 1; NaN where too few are known or nobody asks."""
    asked = min(len(off), YEAR_DAYS + GAP_DAYS + nights)
    past = pd.Series(np.abs(off[len(off) - asked :])).rolling(YEAR_DAYS, min_periods=FEWEST_DAYS)
    middle, tail = (past.quantile(share).shift(GAP_DAYS).to_numpy() for share in (0.5, 0.98))
    usual: Floats = np.full(len(off), np.nan)
    usual[len(off) - asked :] = np.maximum(np.maximum(middle / 0.6745, tail / 2.3263), floor)
    usual[: max(0, len(off) - nights)] = np.nan
    return np.where(usual > 0, usual, np.nan)


def _sums(values: Floats) -> Floats:
    """Running sums that begin with zero."""
    return np.vstack([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])


def _between(sums: Floats, first: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Floats:
    """Sums of the places from ``first`` until before ``end``, as far as they exist."""
    most = len(sums) - 1
    return np.asarray(sums[np.clip(end, 0, most)] - sums[np.clip(first, 0, most)])


def reading(found: Band, place: int = -1) -> Reading | None:
    """The window furthest from what was expected, as of a day (the last); ``None`` where nothing can be said."""
    off = np.abs(found.deviations[:, place])
    if np.isnan(off).all():
        return None
    row = int(np.nanargmax(off))
    until = found.daily.days[place].date()
    unit = float(found.expected[row, place]) if found.daily.metric.kind == "mean" else 1.0
    came, expected, low, high = (
        float(part[row, place]) / unit for part in (found.came, found.expected, found.low, found.high)
    )
    since = until - timedelta(days=WINDOWS[row] - 1)
    return Reading(since, until, came, expected, low, high, float(found.deviations[row, place]))


def began(found: Band) -> int | None:
    """The day whose night first found the flow outside, of an alert that is up tonight; ``None`` where none is."""
    nights = np.flatnonzero(found.outside)
    if not len(nights) or len(found.daily.days) - 1 - nights[-1] > HOLD_NIGHTS:
        return None
    breaks = np.flatnonzero(np.diff(nights) > HOLD_NIGHTS)
    return int(nights[breaks[-1] + 1] if len(breaks) else nights[0])
