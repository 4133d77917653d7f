"""The calendar of a long table is inferred from its dates, and gives the same dates back."""

import pandas as pd
import pytest

from models.forecasting.calendar import Calendar


@pytest.mark.parametrize(
    ("dates", "freq", "season_length"),
    [
        (pd.date_range("2024-01-01", periods=9, freq="MS"), "M", 12),
        (pd.date_range("2024-01-31", periods=9, freq="ME"), "M", 12),
        (pd.date_range("2024-01-05", periods=9, freq="W-FRI"), "W-THU", 52),
        (pd.date_range("2024-01-01", periods=9, freq="W-MON"), "W-SUN", 52),
        (pd.date_range("2024-01-01", periods=9, freq="QS"), "Q", 4),
        (pd.date_range("2024-01-01", periods=9, freq="D"), "D", 7),
    ],
)
def test_a_calendar_is_inferred_from_dates_and_gives_them_back(
    dates: pd.DatetimeIndex, freq: str, season_length: int
) -> None:
    calendar = Calendar.from_dates(pd.Series(dates))
    assert (calendar.freq, calendar.season_length) == (freq, season_length)
    assert calendar.dates(calendar.ordinals(pd.Series(dates))).tolist() == dates.tolist()


def test_dates_further_apart_than_years_need_a_frequency() -> None:
    decades = pd.Series(pd.to_datetime(["1990-01-01", "2000-01-01", "2010-01-01"]))
    with pytest.raises(ValueError, match="days apart: no known frequency; pass freq"):
        Calendar.from_dates(decades)
