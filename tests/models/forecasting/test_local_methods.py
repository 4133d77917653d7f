"""Local methods use nothing after a cutoff, and a failing one is excluded with its reason."""

import numpy as np
import pandas as pd
import pytest

from data.arrays import Floats
from models.forecasting.calendar import Calendar
from models.forecasting.holiday_calendar import RAMADAN, holidays_of
from models.forecasting.local_methods import LOCAL_METHODS, LocalMethod, forecast_one
from models.forecasting.method import BASELINE, ForecastTask
from models.forecasting.panel import Panel
from models.forecasting.series_preparation import TimeSeries

MONTHS = Calendar("M", pd.Timedelta(0))


def series(values: Floats) -> TimeSeries:
    return TimeSeries("a", 600, values, values)


@pytest.mark.parametrize("name", [name for name in LOCAL_METHODS if name not in ("ces", "prophet")])
def test_a_method_uses_nothing_after_its_cutoff(name: str) -> None:
    values = 100 + 40 * np.sin(2 * np.pi * np.arange(60) / 12) + np.arange(60)
    changed = values.copy()
    changed[-6:] += 1000
    first, second = (
        forecast_one(name, ForecastTask(series(history), 12, 12, (6, 0), MONTHS)) for history in (values, changed)
    )
    assert not first.failure
    np.testing.assert_array_equal(first.values[0], second.values[0])
    assert (first.values[1] != second.values[1]).any()


def test_prophet_follows_trend_and_season() -> None:
    months = np.arange(72)
    values = (100 + months) * (1 + 0.3 * np.sin(2 * np.pi * months / 12))
    result = forecast_one("prophet", ForecastTask(series(values[:60]), 12, 12, (0,), MONTHS, ("TR",)))
    assert not result.failure
    np.testing.assert_allclose(result.values[0], values[60:], rtol=0.1)


def test_movable_holidays_and_ramadan_are_known_by_day() -> None:
    holidays = holidays_of(("TR",), 2023, 2024)
    by_name = holidays.groupby("name")["day"].agg(["min", "max"])
    assert by_name.loc["Eid al-Fitr"].tolist() == [pd.Timestamp("2023-04-21"), pd.Timestamp("2024-04-12")]
    ramadan = holidays.loc[(holidays["name"] == RAMADAN) & (holidays["day"].dt.year == 2024), "day"]
    assert (ramadan.min(), ramadan.max(), len(ramadan)) == (pd.Timestamp("2024-03-12"), pd.Timestamp("2024-04-09"), 29)


def test_a_failing_method_has_no_forecast_and_a_reason() -> None:
    result = forecast_one("ets", ForecastTask(series(np.full(9, np.nan)), 12, 3, (0,), MONTHS))
    assert result.failure
    assert np.isnan(result.values).all()


def test_failures_are_counted_over_series() -> None:
    good, bad = np.arange(20.0), np.full(20, np.nan)
    panel = Panel.from_series([TimeSeries("a", 600, good, good), TimeSeries("b", 600, bad, bad)], MONTHS, 1, 3)
    result = LocalMethod("ets").forecast(panel, (0,))
    assert result.failure.startswith("failed on 1 series: ")
    assert np.isfinite(result.values[0]).all()
    assert np.isnan(result.values[1]).all()


def test_the_baseline_repeats_the_last_season() -> None:
    result = forecast_one(BASELINE, ForecastTask(series(np.arange(24.0)), 12, 15, (0,), MONTHS))
    assert result.values[0].tolist() == [*range(12, 24), 12, 13, 14]
