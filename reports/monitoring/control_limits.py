"""Control limits of daily volumes: the expected volume of the last days, and the deviation from it.

Windows of several lengths are compared with the eight weeks before them; differences on a variance-stabilizing scale
are divided by their robust scale in the year before. The argument is in ``docs/methods.md``.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from reports.monitoring.daily_volumes import DailyVolume

MAX_Z = 4.5
"""z beyond which a volume is outside its limits, chosen on demo companies other than those of the bench and the tests:
all volumes and windows of 100 quiet nights raise less than one alert in five (``bench.drift``)."""
WINDOW_DAYS = (1, 2, 3, 7, 14, 28)
"""A shock shows in a short window, a slow change in a long one."""
LEVEL_DAYS, YEAR_DAYS = 56, 364
GAP_DAYS = 28
"""Latest days without weight in the robust scale: a change must not widen the limits that it should exceed."""
MIN_DAYS = 100
"""Days of the past that the robust scale needs."""
PRIOR_COUNT = 5.0
"""Pseudo-count of each day of the week, against noise in the weekday profile of rare events."""
SEASON_DAYS = 28
SEASON_PRIOR = 20.0
"""Pseudo-count that shrinks the seasonal factor of earlier years towards 1."""
MIN_SIGMA = {"count": 1.0, "share": 0.7, "mean": 0.0}
"""Smallest robust scale by kind, as of the Poisson and binomial distributions."""
MAX_SEASONAL_RATIO = 0.9
"""The seasonal expectation is used where its robust scale was below this share of the flat one's."""
N_NIGHTS = 60
HOLD_NIGHTS = 14
"""Nights for which an alert stays up after the volume was last outside; outside again by then, it is the same alert."""
EPS = 1e-12


@dataclass(frozen=True)
class ControlLimits:
    """Windows (rows, as ``WINDOW_DAYS``) × days (columns): observed and expected sums, the limits, and the
    deviation ``z`` in robust standard deviations; NaN with too little history, and before the last nights."""

    volume: DailyVolume
    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    z: Floats

    @property
    def outside(self) -> Bools:
        """By day, whether any window that ends on it is outside its limits."""
        return np.asarray((np.abs(np.nan_to_num(self.z)) > MAX_Z).any(axis=0))

    def first_seen_by(self, day: int) -> date:
        """The first night that includes the day at a position."""
        night: date = (self.volume.days[day] + pd.Timedelta(days=1 + self.volume.delay_days)).date()
        return night


@dataclass(frozen=True)
class WindowReading:
    """One window of the control limits, from ``since`` to ``until``; of a *mean*, relative to the expectation."""

    since: date
    until: date
    observed: float
    expected: float
    low: float
    high: float
    z: float


@dataclass(frozen=True)
class _History:
    """Running sums by weekday (days + 1 × 7) of the observations and of their exposure, and the ``weights`` of weekdays
    that apply on each day (days × 7)."""

    volume: DailyVolume
    observed: Floats
    exposure: Floats
    weights: Floats

    @classmethod
    def from_volume(cls, volume: DailyVolume) -> "_History":
        """The history of a volume; public holidays count as 0."""
        counts, base = np.where(volume.holiday, 0.0, volume.observed), np.where(volume.holiday, 0.0, volume.exposure)
        weekday = np.eye(7)[volume.days.day_of_week.to_numpy()]
        observed, exposure = _running_sums(weekday * counts[:, None]), _running_sums(weekday * base[:, None])
        end = np.arange(len(counts)) - GAP_DAYS
        year_observed, year_exposure = (_sum_between(sums, end - YEAR_DAYS, end) for sums in (observed, exposure))
        rate = year_observed.sum(axis=1, keepdims=True) / np.maximum(year_exposure.sum(axis=1, keepdims=True), EPS)
        weights = (year_observed + PRIOR_COUNT) / (year_exposure * rate + PRIOR_COUNT)
        return cls(volume, observed, exposure, weights)

    def observed_between(self, first: Ints, end: Ints) -> Floats:
        """By day: the sum observed from ``first`` until before ``end``."""
        return np.asarray(_sum_between(self.observed, first, end).sum(axis=1))

    def exposure_between(self, first: Ints, end: Ints) -> Floats:
        """By day: the exposure of the same days, weekdays weighted as in the last year."""
        return np.asarray((self.weights * _sum_between(self.exposure, first, end)).sum(axis=1))

    def expected_from_level(self, first: Ints, exposure: Floats) -> Floats:
        """By day: the sum expected of an exposure at the level of the eight weeks before ``first``."""
        observed = self.observed_between(first - LEVEL_DAYS, first)
        return observed / np.maximum(self.exposure_between(first - LEVEL_DAYS, first), EPS) * exposure


def control_limits(volume: DailyVolume, n_nights: int = N_NIGHTS) -> ControlLimits:
    """The control limits of a volume on the days of the last nights; NaN on days before."""
    history = _History.from_volume(volume)
    rows = [_window_limits(history, days, n_nights) for days in WINDOW_DAYS]
    names = ("observed", "expected", "low", "high", "z")
    return ControlLimits(volume, *(np.array([getattr(row, name) for row in rows]) for name in names))


@dataclass(frozen=True)
class _WindowLimits:
    """By day: the window that ends on it."""

    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    z: Floats


@dataclass(frozen=True)
class Expectation:
    """By day: the expected sum, the deviation from it on the transformed scale, and the robust standard deviation of
    the deviations in the year before."""

    expected: Floats
    deviation: Floats
    robust_sigma: Floats


def _window_limits(history: _History, days: int, n_nights: int) -> _WindowLimits:
    """By day: the limits of the window of ``days`` days that ends on it."""
    volume, day = history.volume, np.arange(len(history.weights))
    first = day - days + 1
    observed, exposure = history.observed_between(first, day + 1), history.exposure_between(first, day + 1)
    level = history.observed_between(first - LEVEL_DAYS, first)
    unknown = (day < LEVEL_DAYS + days + 7) | (level <= 0) | (exposure <= 0)
    if days == 1:
        unknown |= volume.holiday

    def expectation(expected: Floats) -> Expectation:
        deviation = _transformed(volume, observed, expected) - _transformed(volume, expected, expected)
        deviation = np.where(unknown, np.nan, deviation)
        return Expectation(expected, deviation, robust_sigma(deviation, MIN_SIGMA[volume.metric.kind], n_nights))

    flat = history.expected_from_level(first, exposure)
    chosen = choose_seasonal(expectation(flat), expectation(flat * _seasonal_factor(history, days)))
    low, high = _limits(volume, chosen.expected, MAX_Z * chosen.robust_sigma)
    return _WindowLimits(observed, chosen.expected, low, high, chosen.deviation / chosen.robust_sigma)


def choose_seasonal(flat: Expectation, seasonal: Expectation) -> Expectation:
    """By day, the seasonal expectation where it was clearly nearer in the year before (``MAX_SEASONAL_RATIO``), else
    the flat one."""
    sigmas = [np.nan_to_num(candidate.robust_sigma, nan=np.inf) for candidate in (flat, seasonal)]
    nearer = sigmas[1] < MAX_SEASONAL_RATIO * sigmas[0]
    names = ("expected", "deviation", "robust_sigma")
    return Expectation(*(np.where(nearer, getattr(seasonal, name), getattr(flat, name)) for name in names))


def _seasonal_factor(history: _History, days: int) -> Floats:
    """By day: the ratio of the same window one and two years ago to the eight weeks before it.

    The window is widened to ``SEASON_DAYS``: one day of one year does not show a season.
    """
    day = np.arange(len(history.weights))
    observed, flat = np.full(len(day), SEASON_PRIOR), np.full(len(day), SEASON_PRIOR)
    margin = max(0, (SEASON_DAYS - days) // 2)
    for years in (1, 2):
        end = day + 1 - years * YEAR_DAYS
        first = end - days
        known = first - LEVEL_DAYS >= 0
        exposure = history.exposure_between(first - margin, end + margin)
        observed += np.where(known, history.observed_between(first - margin, end + margin), 0)
        flat += np.where(known, history.expected_from_level(first, exposure), 0)
    factor: Floats = observed / flat
    return factor


def _transformed(volume: DailyVolume, values: Floats, expected: Floats) -> Floats:
    """Sums on a scale of constant variance: Anscombe's (1948) root for counts, over the root of the expectation
    for means."""
    if volume.metric.kind == "mean":
        return np.asarray(values / np.sqrt(np.maximum(expected, EPS)))
    return np.asarray(2 * np.sqrt(values + 0.375))


def _limits(volume: DailyVolume, expected: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """The limits at a distance on the transformed scale, on the scale of the volume."""
    if volume.metric.kind == "mean":
        half = reach * np.sqrt(np.maximum(expected, 0))
        return expected - half, expected + half
    root = np.sqrt(expected + 0.375)
    low, high = np.maximum(root - reach / 2, np.sqrt(0.375)) ** 2 - 0.375, (root + reach / 2) ** 2 - 0.375
    return np.where(np.isnan(reach), np.nan, np.maximum(low, 0.0)), high


def robust_sigma(deviation: Floats, minimum: float, n_nights: int) -> Floats:
    """By day: the standard deviation of deviations in the year before, from their median or 98th percentile (whichever
    is larger, as of a normal distribution); NaN with fewer than ``MIN_DAYS``, and before the last nights."""
    n = min(len(deviation), YEAR_DAYS + GAP_DAYS + n_nights)
    past = pd.Series(np.abs(deviation[len(deviation) - n :])).rolling(YEAR_DAYS, min_periods=MIN_DAYS)
    median, tail = (past.quantile(share).shift(GAP_DAYS).to_numpy() for share in (0.5, 0.98))
    sigma: Floats = np.full(len(deviation), np.nan)
    sigma[len(deviation) - n :] = np.maximum(np.maximum(median / 0.6745, tail / 2.3263), minimum)
    sigma[: max(0, len(deviation) - n_nights)] = np.nan
    return np.where(sigma > 0, sigma, np.nan)


def _running_sums(values: Floats) -> Floats:
    """Running sums of the rows, beginning with zero."""
    return np.vstack([np.zeros((1, values.shape[1])), values.cumsum(axis=0)])


def _sum_between(running: Floats, first: Ints, end: Ints) -> Floats:
    """Sums of the rows from ``first`` until before ``end``, as far as they exist."""
    last = len(running) - 1
    return np.asarray(running[np.clip(end, 0, last)] - running[np.clip(first, 0, last)])


def furthest_window(limits: ControlLimits, day: int = -1) -> WindowReading | None:
    """The window of the largest deviation that ends on a day (default: the last); ``None`` if all are NaN."""
    deviations = np.abs(limits.z[:, day])
    if np.isnan(deviations).all():
        return None
    row = int(np.nanargmax(deviations))
    until = limits.volume.days[day].date()
    unit = float(limits.expected[row, day]) if limits.volume.metric.kind == "mean" else 1.0
    observed, expected, low, high = (
        float(values[row, day]) / unit for values in (limits.observed, limits.expected, limits.low, limits.high)
    )
    since = until - timedelta(days=WINDOW_DAYS[row] - 1)
    return WindowReading(since, until, observed, expected, low, high, float(limits.z[row, day]))


def alert_start(limits: ControlLimits) -> int | None:
    """The position of the day on which the current alert began; ``None`` without one."""
    outside = np.flatnonzero(limits.outside)
    if not len(outside) or len(limits.volume.days) - 1 - outside[-1] > HOLD_NIGHTS:
        return None
    gaps = np.flatnonzero(np.diff(outside) > HOLD_NIGHTS)
    return int(outside[gaps[-1] + 1] if len(gaps) else outside[0])
