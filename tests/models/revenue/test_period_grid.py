"""Every day ahead is in one month, one week and one sub-period."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.revenue.period_grid import N_MONTHS, N_WEEKS, PeriodGrid


@pytest.mark.parametrize("as_of", [date(2024, 6, 5), date(2024, 7, 1), date(2024, 9, 2), date(2024, 3, 31)])
def test_months_and_weeks_are_sums_of_the_same_sub_periods(as_of: date) -> None:
    grid = PeriodGrid.from_date(as_of)
    days = grid.days.astype(np.float64)[None, :]
    assert grid.sum_by_month(days)[0].tolist() == grid.months.days_in_month.tolist()
    assert grid.sum_by_week(days)[0].tolist() == [7.0] * N_WEEKS
    assert len(grid.months) == N_MONTHS
    assert grid.weeks[0].day_of_week == 0
    assert (grid.weekdays.sum(axis=1) == grid.days).all()
    assert grid.first_day[grid.ahead][0] == np.datetime64(as_of)


def test_a_day_is_found_in_its_sub_period() -> None:
    grid = PeriodGrid.from_date(date(2024, 6, 5))
    days = pd.Series(pd.to_datetime(["2024-05-31", "2024-06-01", "2024-06-04", "2024-06-05", "2025-06-01"]))
    # 1 and 2 June, 3 and 4 June, from the 5th on
    assert grid.index_of(days).tolist() == [-1, 0, 1, 2, -1]


def test_shares_of_a_month_and_of_a_week_sum_to_one() -> None:
    grid = PeriodGrid.from_date(date(2024, 6, 5))
    weight = grid.weekdays @ np.array([5.0, 4.0, 3.0, 2.0, 1.0, 0.5, 0.0])
    assert grid.sum_by_month(grid.share_of_month(weight)[None, :])[0] == pytest.approx(np.ones(N_MONTHS))
    of_week = np.nan_to_num(grid.share_of_week(weight))
    assert grid.sum_by_week(of_week[None, :])[0] == pytest.approx(np.ones(N_WEEKS))
    assert np.isnan(grid.share_of_week(weight))[grid.week < 0].all()


def test_the_share_ahead_is_by_weight_in_the_month_under_way_and_one_after_it() -> None:
    grid = PeriodGrid.from_date(date(2024, 6, 11))
    share = grid.share_ahead(grid.days.astype(np.float64))
    assert share[0] == pytest.approx(20 / 30)
    assert share[1:] == pytest.approx(np.ones(N_MONTHS - 1))
