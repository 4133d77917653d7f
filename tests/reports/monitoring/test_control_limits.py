"""A volume is outside its limits when it changes, not for a weekend, a season or chance."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from reports.monitoring.control_limits import (
    HOLD_NIGHTS,
    MAX_Z,
    Expectation,
    alert_start,
    choose_seasonal,
    control_limits,
    furthest_window,
    robust_sigma,
)
from reports.monitoring.daily_volumes import DailyMetric, DailyVolume

DAYS = 800
WEEK = np.array([1.2, 1.2, 1.2, 1.2, 1.0, 0.3, 0.1])


def metric(kind: str) -> DailyMetric:
    return DailyMetric("orders", "orders placed", kind, lambda company, clock: None, "the load of orders")  # type: ignore[arg-type, return-value]


def daily(
    mean: float,
    factor: Callable[[pd.DatetimeIndex], np.ndarray] = lambda days: np.ones(len(days)),
    kind: str = "count",
    seed: int = 1,
    days: int = DAYS,
) -> DailyVolume:
    """Poisson counts with a rhythm of the week, times a factor of the day."""
    dates = pd.date_range("2024-01-01", periods=days, freq="D")
    expected = mean * WEEK[dates.day_of_week] * factor(dates)
    rng = np.random.default_rng(seed)
    observed = rng.poisson(expected).astype(float) if kind == "count" else expected * rng.normal(1, 0.02, days)
    exposure = np.ones(days) if kind == "count" else np.full(days, mean)
    return DailyVolume(metric(kind), dates, observed, exposure, np.zeros(days, dtype=bool), 0)


def after(last: int, by: float) -> Callable[[pd.DatetimeIndex], np.ndarray]:
    """A factor that holds on the last days alone."""
    return lambda days: np.where(np.arange(len(days)) >= len(days) - last, by, 1.0)


@pytest.mark.parametrize("kind", ["count", "mean"])
def test_a_quiet_volume_stays_within_its_limits(kind: str) -> None:
    outside = [control_limits(daily(25, kind=kind, seed=seed), 100).outside.sum() for seed in range(8)]
    assert sum(outside) == 0


@pytest.mark.parametrize(("kind", "by"), [("count", 0.4), ("count", 1.9), ("mean", 0.9), ("mean", 1.1)])
def test_a_change_is_seen_on_the_second_working_day(kind: str, by: float) -> None:
    changed = daily(40, after(2, by), kind, seed=2)
    assert changed.days[-1].day_of_week < 5
    limits = control_limits(changed)
    assert limits.outside[-1]
    assert not limits.outside[:-2].any()
    assert alert_start(limits) in (DAYS - 2, DAYS - 1)
    assert np.sign(furthest_window(limits).z) == np.sign(by - 1)  # type: ignore[union-attr]


def test_a_slow_change_is_seen_over_weeks() -> None:
    limits = control_limits(daily(100, after(28, 0.85), seed=3))
    assert np.abs(limits.z[0, -28:]).max() < MAX_Z, "no day alone shows it"
    assert limits.outside[-1]


def test_a_season_of_earlier_years_is_expected() -> None:
    def seasonal(days: pd.DatetimeIndex) -> np.ndarray:
        return np.where(np.isin(days.month, [7, 8]), 0.75, 1.0)

    def once(days: pd.DatetimeIndex) -> np.ndarray:
        return np.where((days >= "2026-07-01") & (days < "2026-09-01"), 0.75, 1.0)

    every_year, this_year = (control_limits(daily(200, factor, days=930, seed=4), 60) for factor in (seasonal, once))
    assert every_year.volume.days[-1].month == 7
    assert not every_year.outside.any()
    assert this_year.outside.any()


def test_the_furthest_window_has_observed_expected_and_limits() -> None:
    limits = furthest_window(control_limits(daily(40, after(1, 0.0))))
    assert limits is not None
    assert (limits.since, limits.until) == (limits.until, pd.Timestamp("2026-03-10").date())
    assert limits.observed == 0
    assert limits.low < limits.expected < limits.high
    assert limits.expected == pytest.approx(48, rel=0.15)  # a Tuesday of 1.2 times 40
    assert limits.low > 0


def test_a_short_history_has_no_limits() -> None:
    limits = control_limits(daily(40, after(2, 0.1), days=150))
    assert not limits.outside.any()
    assert furthest_window(limits) is None


def test_the_limits_of_a_day_depend_on_earlier_days_only() -> None:
    full = daily(25, after(30, 0.5))
    for nights_ago in (1, 10, 25):
        known = DAYS - nights_ago
        cut = DailyVolume(
            full.metric, full.days[:known], full.observed[:known], full.exposure[:known], full.holiday[:known], 0
        )
        cut_limits, full_limits = control_limits(cut), control_limits(full)
        np.testing.assert_allclose(cut_limits.z[:, -1], full_limits.z[:, known - 1])


def test_a_public_holiday_is_neither_outside_nor_counted() -> None:
    closed = daily(40, after(1, 0.0))
    closed.holiday[-1] = True
    assert not control_limits(closed).outside[-3:].any()


def test_an_alert_lasts_until_the_volume_was_inside_for_two_weeks() -> None:
    def spikes(*places: int) -> Callable[[pd.DatetimeIndex], np.ndarray]:
        def factor(days: pd.DatetimeIndex) -> np.ndarray:
            shape = np.ones(len(days))
            shape[list(places)] = 4.0
            return shape

        return factor

    again = control_limits(daily(60, spikes(-8, -2)))
    assert alert_start(again) == DAYS - 8
    over = control_limits(daily(60, spikes(-45, -2)))
    assert alert_start(over) == DAYS - 2
    assert alert_start(control_limits(daily(60, spikes(-45)))) is None
    assert HOLD_NIGHTS < 20


def test_the_seasonal_expectation_is_chosen_where_it_was_clearly_nearer() -> None:
    nan = np.full(4, np.nan)
    flat = Expectation(np.full(4, 10.0), np.full(4, 1.0), np.array([1.0, 1.0, 1.0, np.nan]))
    seasonal = Expectation(np.full(4, 7.0), np.full(4, 2.0), np.array([0.5, 0.95, np.nan, np.nan]))
    chosen = choose_seasonal(flat, seasonal)
    assert chosen.expected.tolist() == [7.0, 10.0, 10.0, 10.0]
    assert chosen.deviation.tolist() == [2.0, 1.0, 1.0, 1.0]
    assert choose_seasonal(Expectation(nan, nan, nan), seasonal).expected[0] == 7.0


def test_the_robust_scale_of_normal_deviations_is_about_their_standard_deviation() -> None:
    deviations = np.random.default_rng(4).normal(0, 2.0, 900)
    sigma = robust_sigma(deviations, 0.0, 10)
    assert np.isnan(sigma[:-10]).all()
    assert sigma[-10:] == pytest.approx(np.full(10, 2.0), rel=0.2)
    assert robust_sigma(deviations, 5.0, 10)[-1] == 5.0
    changed = np.where(np.arange(900) >= 880, 50.0, deviations)
    assert robust_sigma(changed, 0.0, 10)[-1] == pytest.approx(sigma[-1], rel=0.05), "the latest days do not count"
