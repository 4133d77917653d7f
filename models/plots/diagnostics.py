"""Pictures of how a model does and of what it goes by, for people who did not make it."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from data.arrays import Floats
from models.plots.style import GREEN, GREY, INK, LOW_TO_HIGH, ORANGE, PALE, plain, sheet

SHOWN = 15
"""Features in a picture: more cannot be read."""

LONGEST = 44
"""Letters of a feature's words."""

CURVE_POINTS = 400
VALUES = LinearSegmentedColormap.from_list("values", LOW_TO_HIGH)


def gain_picture(title: str, said: Floats, happened: Floats) -> Figure:
    """How much of what happened the highest scores hold (with the best possible and chance), and the lift by tenth."""
    figure = sheet(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    order = np.argsort(-said, kind="stable")
    total = max(float(happened.sum()), 1e-12)
    shares = np.linspace(0, 1, len(said) + 1)
    places = np.unique(np.linspace(0, len(said), min(CURVE_POINTS, len(said) + 1)).astype(int))
    held = np.concatenate([[0.0], np.cumsum(happened[order]) / total])
    best = np.minimum(np.arange(len(said) + 1) / total, 1.0)
    left.plot(shares[places], best[places], color=GREY, linewidth=1, linestyle=":", label="best possible")
    left.plot(shares[places], held[places], color=INK, linewidth=2, label="by score")
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="by chance")
    left.fill_between(shares[places], shares[places], held[places], color=PALE, alpha=0.4, linewidth=0)
    for axis in (left.xaxis, left.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    left.legend(frameon=False, loc="lower right", fontsize=9)
    plain(left, "Gain", "highest scores, share of all", "share of what happened")
    tenths = np.array_split(order, min(10, len(order)))
    overall = max(float(happened.mean()), 1e-12)
    lifts = [float(happened[rows].mean()) / overall for rows in tenths]
    bars = right.bar(range(1, len(lifts) + 1), lifts, color=[GREEN if one >= 1 else PALE for one in lifts])
    right.bar_label(bars, fmt="%.1f", fontsize=8, color=INK)
    right.axhline(1.0, color=GREY, linewidth=1)
    right.set_xticks(range(1, len(lifts) + 1))
    plain(right, "Lift", "tenth of rows, highest scores first", "times as frequent as overall")
    figure.suptitle(_one_line(title), x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def shares_picture(rows: pd.DataFrame, shares: pd.DataFrame, words: Mapping[str, str]) -> Figure:
    """What features add to the score of single rows (a dot each; its colour is the feature's value), most first.

    ``words`` say features as people do; one without is called by its name.
    """
    order = shares.abs().mean().sort_values(ascending=False, kind="stable").index[:SHOWN]
    figure = sheet(8.2, 1.2 + 0.34 * len(order))
    axes = figure.add_subplot()
    dots = None
    for place, name in enumerate(order):
        share = shares[name].to_numpy(dtype=np.float64)
        ranks = rows[name].rank(pct=True).to_numpy(dtype=np.float64)
        known = ~np.isnan(ranks)
        height = place + _swarm(share)
        axes.scatter(share[~known], height[~known], s=7, color="#d9d9d9", linewidths=0)
        dots = axes.scatter(share[known], height[known], s=7, c=ranks[known], cmap=VALUES, vmin=0, vmax=1, linewidths=0)
    axes.axvline(0.0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(order)), [_said(str(name), words) for name in order], fontsize=9)
    axes.set_ylim(len(order) - 0.5, -0.5)
    plain(axes, "What features add to the score (SHAP)", "added to the raw score; right raises it")
    if dots is not None:
        bar = figure.colorbar(dots, ax=axes, shrink=0.6, aspect=30, pad=0.02)
        bar.set_ticks([0, 1], labels=["low", "high"])
        bar.set_label("value of the feature (pale: unknown)", fontsize=8)
        bar.outline.set_visible(False)
    return figure


def importance_picture(importances: pd.DataFrame, words: Mapping[str, str]) -> Figure:
    """Each feature's share of what the trees gained: the mean over folds (bar) and every fold (dot), most first."""
    means = importances.mean().sort_values(ascending=False, kind="stable")
    order = means.index[means > 0][:SHOWN]
    figure = sheet(7.6, 1.2 + 0.34 * max(len(order), 1))
    axes = figure.add_subplot()
    axes.barh(range(len(order)), means[order], color=PALE, height=0.65)
    for place, name in enumerate(order):
        folds = importances[name].to_numpy(dtype=np.float64)
        axes.plot(folds, np.full(len(folds), float(place)), "o", color=INK, markersize=3.5, alpha=0.8)
    axes.set_yticks(range(len(order)), [_said(str(name), words) for name in order], fontsize=9)
    axes.set_ylim(max(len(order), 1) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    said = f"Importance, and how it holds over {len(importances)} folds"
    plain(axes, said, "share of what all splits gained; a dot is a fold")
    return figure


def curve_picture(
    metric: str, rows: Sequence[int], learnt: Sequence[float], judged: Sequence[float], baseline: float
) -> Figure:
    """The learning curve: the loss on rows learnt from and on later ones, by how many were learnt from."""
    figure = sheet(6.4, 4.2)
    axes = figure.add_subplot()
    axes.plot(rows, judged, "o-", color=INK, linewidth=2, label="judged, out of time")
    axes.plot(rows, learnt, "o--", color=ORANGE, linewidth=1.3, markersize=4, label="learnt from")
    axes.axhline(baseline, color=GREY, linewidth=1, linestyle=":", label="rate of all")
    axes.set_xscale("log")
    axes.set_xticks(list(rows), [f"{count:,}" for count in rows], fontsize=8)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=9)
    plain(axes, "Learning curve: would more rows help?", "rows learnt from", metric)
    return figure


def folds_picture(
    metric: str, names: Sequence[str], values: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> Figure:
    """A metric at every judged date of the rolling split, with its interval."""
    figure = sheet(max(4.8, 1.2 + 0.9 * len(names)), 3.6)
    axes = figure.add_subplot()
    places = np.arange(len(names))
    for place, (low, high) in zip(places, bounds, strict=True):
        axes.plot([place, place], [low, high], color=PALE, linewidth=4, solid_capstyle="butt")
    axes.plot(places, values, "o", color=INK)
    axes.set_xticks(places, names, fontsize=8)
    axes.margins(x=0.15)
    plain(axes, f"{metric[0].upper()}{metric[1:]} by judged date, with 95 % interval")
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
    place = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)[: len(values)]
    within = np.empty(len(values))
    within[order] = np.where(place % 2 == 0, place // 2, -(place // 2) - 1)
    return np.asarray(within / max(float(counts.max()), 8.0) * 0.75)


def _said(name: str, words: Mapping[str, str]) -> str:
    said = words.get(name, name.replace("_", " "))
    return said if len(said) <= LONGEST else f"{said[:LONGEST].rsplit(' ', 1)[0]} …"


def _one_line(title: str) -> str:
    return " ".join(title.split())
