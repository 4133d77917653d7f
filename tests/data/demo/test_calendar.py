"""The calendar of the demo company."""

from datetime import date, datetime

import numpy as np
import pytest

from data.demo.calendar import DAY, History, holidays, local_to_utc, trend


def seconds(instant: datetime) -> int:
    return int((instant - datetime(1970, 1, 1)).total_seconds())


def test_a_span_is_whole_months_of_the_zone_and_ends_with_the_month_of_its_end() -> None:
    history = History.ending(datetime(2025, 9, 17, 11, 30), 3, "Europe/Istanbul")
    assert (history.months[0], history.months[-1], len(history.months)) == (date(2022, 9, 1), date(2025, 9, 1), 37)
    assert history.start == seconds(datetime(2022, 8, 31, 21))
    assert (history.days[0], history.days[-1]) == (date(2022, 9, 1), date(2025, 9, 30))


def test_the_last_hours_of_a_month_in_utc_are_the_next_months_in_istanbul() -> None:
    assert History.ending(datetime(2025, 9, 30, 22, 0), 1, "Europe/Istanbul").months[-1] == date(2025, 10, 1)


def test_instants_within_a_month_are_in_it_on_working_days_mostly() -> None:
    history = History.ending(datetime(2025, 9, 17), 1, "Europe/Istanbul")
    month = np.full(2000, 3)
    at = history.random_instants(month, np.random.default_rng(1))
    assert (history.month_of(at) == 3).all()
    weekend = np.array([datetime(1970, 1, 1).weekday() + d for d in (at + 3 * 3600) // DAY]) % 7 >= 5
    assert 0.02 < weekend.mean() < 0.12


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        (datetime(2025, 3, 30, 2, 30), "Europe/Berlin", datetime(2025, 3, 30, 1, 0)),  # skipped: the first that exists
        (datetime(2025, 10, 26, 2, 30), "Europe/Berlin", datetime(2025, 10, 26, 0, 30)),  # twice: the earlier
        (datetime(2025, 7, 1, 12, 0), "America/New_York", datetime(2025, 7, 1, 16, 0)),
        (datetime(2025, 7, 1, 12, 0), "Europe/Istanbul", datetime(2025, 7, 1, 9, 0)),
    ],
)
def test_wall_clocks_become_utc_across_clock_changes(local: datetime, zone: str, utc: datetime) -> None:
    assert local_to_utc(np.array([seconds(local)]), zone).tolist() == [seconds(utc)]


def test_fixed_holidays_and_feasts_are_known() -> None:
    assert holidays(date(2025, 3, 29), date(2025, 4, 23)) == {
        date(2025, 3, 30): "ramadan feast",
        date(2025, 3, 31): "ramadan feast",
        date(2025, 4, 1): "ramadan feast",
        date(2025, 4, 23): "fixed",
    }


def test_the_trend_grows_steps_down_and_then_declines() -> None:
    level = trend(30, 18)
    assert (np.diff(level[:18]) > 0).all()
    assert (np.diff(level[18:]) < 0).all()
    assert level[18] == pytest.approx(0.77 * np.exp(0.009 * 18))
