"""Figures of forecasts name what they show in the words of the field."""

import numpy as np
import pandas as pd

from models.forecasting.backtest import Backtest
from models.forecasting.method import BASELINE
from models.forecasting.plots import plot_fan_chart, plot_relative_errors


def test_the_fan_chart_names_actuals_predictions_and_intervals() -> None:
    months = pd.date_range("2023-01-01", periods=15, freq="MS")
    history = pd.Series(np.linspace(1e6, 2e6, 12), index=months[:12])
    forecast = pd.DataFrame({"period": months[12:], "point": 2e6})
    for level in (50, 80, 95):
        forecast[f"low_{level}"], forecast[f"high_{level}"] = 2e6 - level * 1e3, 2e6 + level * 1e3
    (axes,) = plot_fan_chart(history, forecast, "EUR").axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "actual",
        "predicted",
        *(f"{level} % prediction interval" for level in (95, 80, 50)),
    ]
    assert axes.get_ylabel() == "EUR"


def test_relative_errors_are_those_of_the_baseline_at_1() -> None:
    actuals = np.zeros((2, 1, 3))
    forecasts = np.stack([np.full((2, 2, 3), 2.0), np.full((2, 2, 3), 1.0)])
    backtest = Backtest(("total", "a"), (BASELINE, "half"), (3,), forecasts, actuals, np.ones((2, 1, 1)))
    (axes,) = plot_relative_errors({"month": backtest}).axes
    drawn = {str(line.get_label()): np.asarray(line.get_xdata()).tolist() for line in axes.get_lines()}
    assert drawn[BASELINE] == [1.0, 1.0]
    assert drawn["half"] == [0.5, 0.5]
    assert axes.get_title(loc="left") == "month: error ÷ error of seasonal naive"
