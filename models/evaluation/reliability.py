"""The reliability diagram: predicted against observed rates."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from data.arrays import Floats
from data.statistics import rate_interval
from models.evaluation.metrics import equal_count_bins
from models.plots.style import DARK_GREEN, GREY, LIGHT_GREEN, new_figure, style_axes

MIN_POINT_ROWS = 25
"""Fewer rows than in a bin of the calibration error: each point shows the interval of its rate."""


def reliability_figure(title: str, probabilities: Floats, outcomes: Floats) -> Figure:
    """Observed against mean predicted rate per bin, with the 80 % interval of the rate; below, the histogram of
    probabilities."""
    figure = new_figure(5.6, 5.6)
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    limit = 0.05
    for rows in equal_count_bins(probabilities, MIN_POINT_ROWS):
        predicted, observed = probabilities[rows].mean(), outcomes[rows].mean()
        low, high = rate_interval(float(outcomes[rows].sum()), len(rows))
        axes.plot([predicted, predicted], [low, high], color=LIGHT_GREEN, linewidth=4, solid_capstyle="butt")
        axes.plot(predicted, observed, "o", color=DARK_GREEN)
        limit = max(limit, predicted, high)
    limit = min(1.0, max(limit, float(probabilities.max())) * 1.05)
    axes.plot([0, limit], [0, limit], color=GREY, linewidth=1, zorder=0)
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    style_axes(axes, title, ylabel="observed rate (bar: 80 % interval)")
    histogram.hist(probabilities, bins=40, range=(0, limit), color=LIGHT_GREEN)
    histogram.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    style_axes(histogram, "", "predicted", "rows")
    return figure
