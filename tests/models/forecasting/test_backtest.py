"""A backtest can be cut back to what was known at one of its own cutoffs."""

from dataclasses import replace

import numpy as np
import pytest

from models.forecasting.backtest import Backtest, choose_cutoffs, disjoint_steps
from models.forecasting.method import BASELINE


@pytest.fixture
def backtest() -> Backtest:
    """One series, cutoffs 4, 2 and 1 periods before the end, two steps; forecasts count up."""
    forecasts = np.arange(2 * 1 * 4 * 2, dtype=np.float64).reshape(2, 1, 4, 2)
    actuals = np.array([[[10.0, 11.0], [12.0, 13.0], [14.0, np.nan]]])
    return Backtest(("a",), (BASELINE, "other"), (4, 2, 1), forecasts, actuals, np.ones((1, 3, 1)))


def test_before_a_cutoff_only_periods_that_were_over_are_known(backtest: Backtest) -> None:
    earlier = backtest.before(2)
    assert earlier.cutoffs == (3, 1)
    np.testing.assert_array_equal(earlier.actuals, [[[10.0, 11.0], [12.0, np.nan]]])
    np.testing.assert_array_equal(earlier.forecasts[:, :, -1], backtest.forecasts[:, :, 2])


def test_before_a_cutoff_later_values_change_nothing(backtest: Backtest) -> None:
    actuals = backtest.actuals.copy()
    actuals[0, 1:] *= 3.0
    np.testing.assert_array_equal(replace(backtest, actuals=actuals).before(1).actuals, backtest.before(1).actuals)


def test_methods_without_an_earlier_forecast_are_left_out_before_a_cutoff(backtest: Backtest) -> None:
    forecasts = backtest.forecasts.copy()
    forecasts[1, :, 0] = np.nan
    young = replace(backtest, forecasts=forecasts)
    assert young.before(1).methods == (BASELINE,)
    assert young.before(2).methods == (BASELINE, "other")


def test_selected_methods_keep_their_order_and_reasons_are_added(backtest: Backtest) -> None:
    selected = backtest.select(["other"], {BASELINE: "not needed"})
    assert selected.methods == ("other",)
    assert selected.excluded == {BASELINE: "not needed"}
    np.testing.assert_array_equal(selected.forecasts, backtest.forecasts[1:])


def test_a_period_that_two_cutoffs_forecast_is_not_disjoint_for_either() -> None:
    disjoint = disjoint_steps((12, 8), 8)
    assert disjoint[0].tolist() == [[False] * 8, [False] * 4 + [True] * 4]  # the first sees to four before the end
    assert disjoint[1].tolist() == [[True] * 4 + [False] * 4, [False] * 8]


@pytest.mark.parametrize(
    ("length", "cutoffs"),
    [(120, (24, 18, 12)), (30, (12, 8, 4)), (20, (5, 3, 2)), (5, (1,))],
)
def test_cutoffs_lie_half_a_horizon_apart_and_nearer_where_series_are_short(
    length: int, cutoffs: tuple[int, ...]
) -> None:
    assert choose_cutoffs(np.array([length]), 12, 12, 3) == cutoffs
