"""Pictures of forecasts: the fan of what may come, and what each way to forecast missed."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from models.backtest import Origin
from models.forecasters import PLAIN
from models.panel import Forecast

INK, PAPER, SHADES = "#1f3d36", "#ffffff", {95: "#dceee6", 80: "#b5dccb", 50: "#82c2a5"}
SHOWN_YEARS = 3


def fan_picture(forecast: Forecast, currency: str, node: int = 0) -> Figure:
    """The history of a node (the total, unless named), and the year to come with its 50, 80 and 95 % intervals."""
    panel = forecast.panel
    figure = Figure(figsize=(10, 4.6), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    start = max(int(panel.start[node]), len(panel.values) - SHOWN_YEARS * panel.season)
    history = panel.values[start:, node]
    axes.plot(panel.periods[start:], history, color=INK, linewidth=1.8)
    ahead = forecast.periods.insert(0, panel.periods[-1])
    for width in sorted(forecast.low, reverse=True):
        low, high = ([history[-1], *bounds[width][:, node]] for bounds in (forecast.low, forecast.high))
        axes.fill_between(ahead, low, high, color=SHADES[width], linewidth=0, label=f"{width} %")
    axes.plot(ahead, [history[-1], *forecast.point[:, node]], color=INK, linewidth=1.8, linestyle=(0, (4, 2)))
    axes.axvline(date2num(panel.periods[-1]), color="#999999", linewidth=0.8)
    axes.set_title(f"Revenue by {panel.grain}, and what may come", loc="left", color=INK, fontsize=13)
    axes.set_ylabel(currency)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.legend(title="holds", loc="upper left", frameon=False, ncols=3)
    _plain(axes)
    return figure


def errors_picture(past: Sequence[Origin]) -> Figure:
    """What each way missed in the backtest, by grain and level; the plain way is 1."""
    grains = list(dict.fromkeys(origin.panel.grain for origin in past))
    figure = Figure(figsize=(4.8 * len(grains), 3.6), layout="constrained", dpi=120)
    for place, grain in enumerate(grains, start=1):
        axes = figure.add_subplot(1, len(grains), place)
        mine = [origin for origin in past if origin.panel.grain == grain]
        levels = list(dict.fromkeys(mine[0].panel.levels))
        ways = [way for way in dict.fromkeys(way for origin in mine for way in origin.base) if way != PLAIN]
        for row, way in enumerate(ways):
            ratios = [_ratio(mine, way, level) for level in levels]
            axes.plot(ratios, np.arange(len(levels)) + (row - len(ways) / 2) * 0.12, "o", markersize=7, label=way)
        axes.axvline(1.0, color="#999999", linewidth=0.8)
        axes.set_yticks(np.arange(len(levels)), levels)
        axes.set_ylim(len(levels) - 0.5, -0.5)
        axes.set_title(f"by {grain}: error ÷ that of the {PLAIN} forecast", loc="left", fontsize=9, color=INK)
        if place == 1:
            axes.legend(frameon=False, fontsize=8)
        _plain(axes)
    return figure


def _ratio(past: Sequence[Origin], way: str, level: str) -> float:
    """Mean error of a way over that of the plain one, where both said something; NaN where never."""
    mine, plain = [], []
    for origin in past:
        nodes = np.array(origin.panel.levels) == level
        if way in origin.base:
            mine.append(origin.losses(origin.base[way])[:, nodes].ravel())
            plain.append(origin.losses(origin.base[PLAIN])[:, nodes].ravel())
    losses, others = np.concatenate([np.zeros(0), *mine]), np.concatenate([np.zeros(0), *plain])
    both = ~np.isnan(losses) & ~np.isnan(others)
    whole = float(others[both].sum())
    return float(losses[both].sum()) / whole if whole else float("nan")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def _short(value: float) -> str:
    """1234567 as 1.2M."""
    for size, name in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.0f}"
