"""Boosted trees learn over all series what a single one cannot show."""

import numpy as np
import pandas as pd
import pytest

from models.forecasting.calendar import Calendar
from models.forecasting.global_methods import GLOBAL_FEATURES, BoostedTrees, fit_global_trees, tree_features
from models.forecasting.panel import Panel
from models.forecasting.registry import METHODS, make_methods
from models.forecasting.series_preparation import TimeSeries

MONTHS = Calendar("M", pd.Timedelta(0))


@pytest.fixture(scope="module")
def values() -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """60 growing series of 48 months with one seasonal profile."""
    months = np.arange(48)
    season = 1 + 0.5 * np.sin(2 * np.pi * months / 12)
    return np.random.default_rng(8).uniform(50, 500, 60)[:, None] * season * 1.02**months


@pytest.fixture(scope="module")
def panel(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> Panel:
    history = values[:, :42]
    return Panel.from_series([TimeSeries(f"s{n}", 600, row, row) for n, row in enumerate(history)], MONTHS, 12, 6)


def test_trees_are_more_accurate_than_the_seasonal_naive_forecast(
    values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", panel: Panel
) -> None:
    forecasts = BoostedTrees(1).forecast(panel, (0,)).values[:, 0]
    actuals, naive = values[:, 42:], panel.lagged(42)
    assert np.abs(forecasts / actuals - 1).mean() < 0.5 * np.abs(naive / actuals - 1).mean()


def test_a_fitted_booster_forecasts_the_present_as_if_fitted_again(panel: Panel) -> None:
    booster = fit_global_trees(panel, 0, 1, 1)
    again = BoostedTrees(seed=99, booster=booster).forecast(panel, (0,)).values
    np.testing.assert_array_equal(again, BoostedTrees(1).forecast(panel, (0,)).values)


def test_there_is_one_row_of_features_per_series_and_step(panel: Panel) -> None:
    rows, anchors, scale = tree_features(panel, panel.n_periods)
    assert rows.shape == (60 * 6, len(GLOBAL_FEATURES))
    assert (anchors.shape, scale.shape) == ((60, 6), (60,))


def test_too_few_training_rows_are_refused() -> None:
    panel = Panel.from_series([TimeSeries("a", 600, np.arange(10.0), np.arange(10.0))], MONTHS, 12, 3)
    with pytest.raises(ValueError, match="past rows to train on; 300 are needed"):
        fit_global_trees(panel, 0, 1, 1)
    result = BoostedTrees(1).forecast(panel, (0,))
    assert result.failure.endswith("past rows to train on; 300 are needed")
    assert np.isnan(result.values).all()


def test_methods_are_made_by_name_in_order() -> None:
    assert [method.name for method in make_methods(METHODS)] == list(METHODS)
    assert [method.name for method in make_methods(METHODS) if method.expensive] == ["prophet"]
