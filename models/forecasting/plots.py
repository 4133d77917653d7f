"""Pictures of forecasts: the fan of what may come, and what each way to forecast missed."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster
from models.forecasting.local_methods import PLAIN
from models.plots.style import GREY, INK, PALE, plain

SHADES = {95: "#dceee6", 80: PALE, 50: "#82c2a5"}
"""By what an interval holds, the widest first."""
SHOWN_MONTHS = 36


def fan_picture(history: pd.Series, ahead: pd.DataFrame, currency: str) -> Figure:
    """What came by month (a series by its first days), and the year to come (``period, point, low_…, high_…``)."""
    figure = Figure(figsize=(10, 4.6), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    shown = history.iloc[-SHOWN_MONTHS:]
    axes.plot(shown.index, shown.to_numpy(), color=INK, linewidth=1.8)
    last, periods = float(shown.iloc[-1]), pd.DatetimeIndex(ahead["period"]).insert(0, shown.index[-1])
    for width, shade in SHADES.items():
        low, high = ([last, *ahead[f"{end}_{width}"]] for end in ("low", "high"))
        axes.fill_between(periods, low, high, color=shade, linewidth=0, label=f"{width} %")
    axes.plot(periods, [last, *ahead["point"]], color=INK, linewidth=1.8, linestyle=(0, (4, 2)))
    axes.axvline(date2num(shown.index[-1]), color=GREY, linewidth=0.8)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axes.legend(title="holds", loc="upper left", frameon=False, ncols=3)
    plain(axes, "Revenue by month, and what may come", ylabel=currency, size=13)
    return figure


def errors_picture(made: Mapping[str, Forecaster]) -> Figure:
    """What each member of the pools missed in the backtest over what the plain forecast did, of all series and of the
    total; one panel a pool, the plain one is 1."""
    figure = Figure(figsize=(4.8 * len(made), 3.6), layout="constrained", dpi=120)
    for place, (name, one) in enumerate(made.items(), start=1):
        axes = figure.add_subplot(1, len(made), place)
        heard = one.heard_
        scale = np.stack([one.table_.scale(one.table_.values.shape[1] - back) for back in heard.backs], axis=1)
        with np.errstate(invalid="ignore"):
            missed = np.abs(heard.said[:, :, :-1] - heard.came[None]) / scale[None, :, :, None]
        at = heard.names.index(PLAIN)
        for row, member in enumerate(heard.names):
            ratios = [_ratio(missed[row][series], missed[at][series]) for series in (slice(None), slice(0, 1))]
            axes.plot(ratios, np.arange(2) + (row - len(heard.names) / 2) * 0.07, "o", markersize=6, label=member)
        axes.axvline(1.0, color=GREY, linewidth=0.8)
        axes.set_yticks([0, 1], ["all series", "total"])
        axes.set_ylim(1.5, -0.5)
        if place == 1:
            axes.legend(frameon=False, fontsize=7)
        plain(axes, f"{name}: error ÷ that of the {PLAIN} forecast", size=9)
    return figure


def _ratio(missed: Floats, plain: Floats) -> float:
    """Mean error of a member over that of the plain one, where both said something; NaN where never."""
    both = ~np.isnan(missed) & ~np.isnan(plain)
    whole = float(plain[both].sum())
    return float(missed[both].sum()) / whole if whole else float("nan")


def _short(value: float) -> str:
    """1234567 as 1.2M."""
    for size, name in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{name}"
    return f"{value:.0f}"
