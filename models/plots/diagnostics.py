"""Diagnostic figures of a model: gain and lift, contributions and importance of features, learning curve, folds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.plots.style import (
    DARK_GREEN,
    GREEN,
    GREY,
    LIGHT_GREEN,
    LIGHT_GREY,
    LOW_TO_HIGH,
    ORANGE,
    new_figure,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_FEATURES = 15
"""Features in a figure: more cannot be read."""
MAX_LABEL_LENGTH = 44
N_CURVE_POINTS = 400
N_BINS = 10
MIN_DIVISOR = 1e-12


def plot_gain(title: str, scores: Floats, outcomes: Floats) -> "Figure":
    """The cumulative gain curve of scores (against the best possible and random order), and the lift by decile."""
    figure = new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    order = np.argsort(-scores, kind="stable")
    _draw_gain(left, outcomes[order])
    _draw_lift(right, outcomes[order])
    figure.suptitle(" ".join(title.split()), x=0.01, ha="left", fontsize=11, color=DARK_GREEN)
    return figure


def _draw_gain(axes: "Axes", outcomes: Floats) -> None:
    """The share of all outcomes among the rows with the highest scores; ``outcomes`` are sorted by score."""
    from matplotlib.ticker import PercentFormatter

    n = len(outcomes)
    total = max(float(outcomes.sum()), MIN_DIVISOR)
    fractions = np.linspace(0, 1, n + 1)
    points = np.unique(np.linspace(0, n, min(N_CURVE_POINTS, n + 1)).astype(int))
    gain = np.concatenate([[0.0], np.cumsum(outcomes) / total])
    best = np.minimum(np.arange(n + 1) / total, 1.0)
    axes.plot(fractions[points], best[points], color=GREY, linewidth=1, linestyle=":", label="best possible")
    axes.plot(fractions[points], gain[points], color=DARK_GREEN, linewidth=2, label="model")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="random")
    axes.fill_between(fractions[points], fractions[points], gain[points], color=LIGHT_GREEN, alpha=0.4, linewidth=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    style_axes(axes, "Cumulative gain", "share of rows, highest scores first", "share of outcomes")


def _draw_lift(axes: "Axes", outcomes: Floats) -> None:
    """Lift by decile of the score; ``outcomes`` are sorted by score."""
    deciles = np.array_split(outcomes, min(N_BINS, len(outcomes)))
    overall = max(float(outcomes.mean()), MIN_DIVISOR)
    lifts = [float(decile.mean()) / overall for decile in deciles]
    bars = axes.bar(range(1, len(lifts) + 1), lifts, color=[GREEN if lift >= 1 else LIGHT_GREEN for lift in lifts])
    axes.bar_label(bars, fmt="%.1f", fontsize=8, color=DARK_GREEN)
    axes.axhline(1.0, color=GREY, linewidth=1)
    axes.set_xticks(range(1, len(lifts) + 1))
    style_axes(axes, f"Lift by decile (top-decile lift {lifts[0]:.1f})", "decile, highest scores first", "lift")


def plot_shap_summary(rows: pd.DataFrame, contributions: pd.DataFrame, labels: Mapping[str, str]) -> "Figure":
    """The SHAP summary: each row's contribution of each feature to the raw score, the features with the largest first.

    Dots are colored by the rank of the feature's value. ``labels``: text of a feature; its name without one.
    """
    from matplotlib.colors import LinearSegmentedColormap

    order = contributions.abs().mean().sort_values(ascending=False, kind="stable").index[:MAX_FEATURES]
    figure = new_figure(8.2, 1.2 + 0.34 * len(order))
    axes = figure.add_subplot()
    colormap = LinearSegmentedColormap.from_list("values", LOW_TO_HIGH)
    dots = None
    for position, name in enumerate(order):
        values = contributions[name].to_numpy(dtype=np.float64)
        ranks = rows[name].rank(pct=True).to_numpy(dtype=np.float64)
        has_value = ~np.isnan(ranks)
        heights = position + _swarm(values)
        axes.scatter(values[~has_value], heights[~has_value], s=7, color=LIGHT_GREY, linewidths=0)
        dots = axes.scatter(
            values[has_value], heights[has_value], s=7, c=ranks[has_value], cmap=colormap, vmin=0, vmax=1, linewidths=0
        )
    axes.axvline(0.0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(order)), [_label(str(name), labels) for name in order], fontsize=9)
    axes.set_ylim(len(order) - 0.5, -0.5)
    style_axes(axes, "Contributions to the score (SHAP)", "contribution to the raw score; positive raises it")
    if dots is not None:
        bar = figure.colorbar(dots, ax=axes, shrink=0.6, aspect=30, pad=0.02)
        bar.set_ticks([0, 1], labels=["low", "high"])
        bar.set_label("feature value (grey: missing)", fontsize=8)
        bar.outline.set_visible(False)
    return figure


def plot_importance(importances: pd.DataFrame, labels: Mapping[str, str]) -> "Figure":
    """Gain importance of features (columns): the mean over folds (rows) as a bar, each fold as a dot."""
    from matplotlib.ticker import PercentFormatter

    means = importances.mean().sort_values(ascending=False, kind="stable")
    order = means.index[means > 0][:MAX_FEATURES]
    figure = new_figure(7.6, 1.2 + 0.34 * max(len(order), 1))
    axes = figure.add_subplot()
    axes.barh(range(len(order)), means[order], color=LIGHT_GREEN, height=0.65)
    for position, name in enumerate(order):
        folds = importances[name].to_numpy(dtype=np.float64)
        axes.plot(folds, np.full(len(folds), float(position)), "o", color=DARK_GREEN, markersize=3.5, alpha=0.8)
    axes.set_yticks(range(len(order)), [_label(str(name), labels) for name in order], fontsize=9)
    axes.set_ylim(max(len(order), 1) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    style_axes(axes, f"Feature importance over {len(importances)} folds", "share of total gain; one dot per fold")
    return figure


def plot_learning_curve(
    metric: str, rows: Sequence[int], train: Sequence[float], test: Sequence[float], baseline: float
) -> "Figure":
    """The learning curve: training and out-of-time loss by the number of training rows."""
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    axes.plot(rows, test, "o-", color=DARK_GREEN, linewidth=2, label="test, out of time")
    axes.plot(rows, train, "o--", color=ORANGE, linewidth=1.3, markersize=4, label="train")
    axes.axhline(baseline, color=GREY, linewidth=1, linestyle=":", label="constant rate")
    axes.set_xscale("log")
    axes.set_xticks(list(rows), [f"{count:,}" for count in rows], fontsize=8)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
    style_axes(axes, "Learning curve", "training rows", metric)
    return figure


def plot_metric_by_fold(
    metric: str, names: Sequence[str], values: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> "Figure":
    """A metric at every test date of a rolling split, with its confidence interval."""
    figure = new_figure(max(4.8, 1.2 + 0.9 * len(names)), 3.6)
    axes = figure.add_subplot()
    positions = np.arange(len(names))
    for position, (low, high) in zip(positions, bounds, strict=True):
        axes.plot([position, position], [low, high], color=LIGHT_GREEN, linewidth=4, solid_capstyle="butt")
    axes.plot(positions, values, "o", color=DARK_GREEN)
    axes.set_xticks(positions, names, fontsize=8)
    axes.margins(x=0.15)
    style_axes(axes, f"{metric[0].upper()}{metric[1:]} by test date, with 95 % confidence interval")
    return figure


def _swarm(values: Floats) -> Floats:
    """Heights around 0 that spread dots where they crowd, the same for the same values."""
    heights = np.zeros(len(values))
    spread = float(values.max() - values.min()) if len(values) else 0.0
    if spread <= 0:
        return heights
    bins = np.floor((values - values.min()) / spread * 80).astype(int)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    rank = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)[: len(values)]
    heights[order] = np.where(rank % 2 == 0, rank // 2, -(rank // 2) - 1)
    return np.asarray(heights / max(float(counts.max()), 8.0) * 0.75)


def _label(name: str, labels: Mapping[str, str]) -> str:
    """The text of a feature, shortened at a word."""
    label = labels.get(name, name.replace("_", " "))
    return label if len(label) <= MAX_LABEL_LENGTH else f"{label[:MAX_LABEL_LENGTH].rsplit(' ', 1)[0]} …"
