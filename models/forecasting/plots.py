"""Figures of forecasts: the fan chart, and errors of the methods in the backtest."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.backtest import Backtest
from models.forecasting.method import BASELINE
from models.plots.style import DARK_GREEN, GREY, LIGHT_GREEN, new_figure, style_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = {95: "#dceee6", 80: LIGHT_GREEN, 50: "#82c2a5"}
"""Colors of the intervals by per cent, the widest first."""
N_MONTHS_SHOWN = 36


def plot_fan_chart(history: pd.Series, forecast: pd.DataFrame, currency: str) -> "Figure":
    """Actual revenue by month (a series by first days) and its forecast (``period, point, low_…, high_…``)."""
    from matplotlib.ticker import FuncFormatter

    figure = new_figure(10, 4.6, dpi=120)
    axes = figure.add_subplot()
    shown = history.iloc[-N_MONTHS_SHOWN:]
    axes.plot(shown.index, shown.to_numpy(), color=DARK_GREEN, linewidth=1.8, label="actual")
    last, periods = float(shown.iloc[-1]), pd.DatetimeIndex(forecast["period"]).insert(0, shown.index[-1])
    points = [last, *forecast["point"]]
    axes.plot(periods, points, color=DARK_GREEN, linewidth=1.8, linestyle=(0, (4, 2)), label="predicted")
    for level, shade in SHADES.items():
        low, high = ([last, *forecast[f"{end}_{level}"]] for end in ("low", "high"))
        label = f"{level} % prediction interval"
        axes.fill_between(periods, low, high, color=shade, linewidth=0, label=label, zorder=1)
    now = [shown.index[-1]] * 2
    axes.plot(now, [0, 1], color=GREY, linewidth=0.8, transform=axes.get_xaxis_transform())
    axes.set_ylim(0, 1.15 * axes.get_ylim()[1])  # room for the legend
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.legend(loc="upper left", frameon=False, ncols=2, fontsize=9)
    style_axes(axes, "Revenue by month: actual and predicted", ylabel=currency, size=13)
    return figure


def plot_relative_errors(backtests: Mapping[str, Backtest]) -> "Figure":
    """Mean absolute error of each method over that of the baseline, of all series and of the first (the total); one
    panel per backtest."""
    figure = new_figure(4.8 * len(backtests), 3.6, dpi=120)
    for column, (name, backtest) in enumerate(backtests.items(), start=1):
        axes = figure.add_subplot(1, len(backtests), column)
        errors = backtest.scaled_errors
        baseline = errors[backtest.methods.index(BASELINE)]
        for i, method in enumerate(backtest.methods):
            ratios = [_error_ratio(errors[i][rows], baseline[rows]) for rows in (slice(None), slice(0, 1))]
            heights = np.arange(2) + (i - len(backtest.methods) / 2) * 0.07
            axes.plot(ratios, heights, "o", markersize=6, label=method)
        axes.axvline(1.0, color=GREY, linewidth=0.8)
        axes.set_yticks([0, 1], ["all series", "total"])
        axes.set_ylim(1.5, -0.5)
        if column == 1:
            axes.legend(frameon=False, fontsize=7)
        style_axes(axes, f"{name}: error ÷ error of {BASELINE}", size=9)
    return figure


def _error_ratio(errors: Floats, baseline_errors: Floats) -> float:
    """The sum of errors over that of the baseline where both are known; NaN where never."""
    both = ~np.isnan(errors) & ~np.isnan(baseline_errors)
    total = float(baseline_errors[both].sum())
    return float(errors[both].sum()) / total if total else float("nan")


def _short(value: float) -> str:
    """1234567 as 1.23M."""
    for size, unit in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"
