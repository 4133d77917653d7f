"""The rolling-origin backtest: what each way to forecast would have said a quarter ago, two quarters ago, and so on.

Every way sees, at each origin, only the periods before it; the trees are fitted anew at each. Which way a level of the
hierarchy is given is chosen from errors that were known at the origin, so that the choice itself is judged too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.series import Grain
from models.forecast_trees import Lessons, Trees
from models.forecasters import (
    GROWN,
    MIXED,
    PLAIN,
    PROPHET,
    TREES,
    Forecaster,
    prophet,
    seasonal_growth,
    seasonal_naive,
)
from models.panel import FEWEST, Numbers, Panel, reconcile

MOST_ORIGINS = 8
BETTER_BY = 0.03
"""A way must have missed this much less than the plain one before it is preferred."""

Choice = dict[str, str]
"""The way by which each level is forecast."""


@dataclass(frozen=True)
class Origin:
    """One panel at one origin: what each way said of the periods that followed (``base``: steps × nodes)."""

    panel: Panel
    at: int
    steps: int
    base: dict[str, Numbers] = field(repr=False)

    @property
    def actual(self) -> Numbers:
        """What came."""
        return self.panel.values[self.at : self.at + self.steps]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Steps × nodes that count: nodes old enough to be forecast at the origin."""
        return ~self.panel.young(self.at)[None, :] & ~np.isnan(self.actual)

    def shipped(self, choice: Choice) -> Numbers:
        """Coherent forecasts when each level is forecast by its chosen way (the plain one where that cannot)."""
        return combined(self.panel, self.at, self.base, choice)

    def misses(self, forecast: Numbers) -> Numbers:
        """Absolute errors in units of each node's usual miss; NaN where nothing came."""
        missed: Numbers = np.abs(forecast - self.actual) / self.panel.scale(self.at)
        return missed

    def losses(self, forecast: Numbers) -> Numbers:
        """What was missed; NaN where nothing is judged."""
        return np.where(self.judged, self.misses(forecast), np.nan)

    def able(self, way: str, level: str) -> bool:
        """Whether a way said anything of a level."""
        said = self.base.get(way)
        return said is not None and not bool(np.isnan(said[:, np.array(self.panel.levels) == level]).all())

    def weights(self) -> Numbers:
        """Weights of the judged cells by which every level counts alike."""
        weights = np.zeros(self.judged.shape)
        for level in dict.fromkeys(self.panel.levels):
            cells = self.judged & (np.array(self.panel.levels) == level)
            if cells.any():
                weights[cells] = 1.0 / cells.sum()
        scaled: Numbers = weights * (self.judged.sum() / max(float(weights.sum()), 1e-12))
        return scaled


def combined(panel: Panel, at: int, base: dict[str, Numbers], choice: Choice) -> Numbers:
    """Coherent forecasts, each level by its chosen way, or the plain one where that has none.

    A young node is given its recent share of what its whole is given, and is as well known as that: what its own year
    looks like nobody knows.
    """
    picked, young, shares = np.empty_like(base[PLAIN]), panel.young(at), panel.shares(at)
    scale = panel.scale(at)
    for node, level in enumerate(panel.levels):
        if young[node] and panel.parent[node] >= 0:  # wholes come before their parts
            picked[:, node] = shares[node] * picked[:, panel.parent[node]]
            scale[node] = max(shares[node] * scale[panel.parent[node]], 1.0)
            continue
        way = base.get(choice.get(level, PLAIN), base[PLAIN])[:, node]
        picked[:, node] = np.where(np.isnan(way), base[PLAIN][:, node], way)
    return reconcile(panel, picked, scale)


def every_way(
    panel: Panel, at: int, steps: int, trees: Trees | None, ways: set[str] | None = None
) -> dict[str, Numbers]:
    """What every way (or the given ones) says from an origin, by its name."""
    forecasters: dict[str, Forecaster] = {PLAIN: seasonal_naive, GROWN: seasonal_growth, PROPHET: prophet}
    if trees is not None:
        forecasters[TREES] = trees
    wanted = set(forecasters) if ways is None or MIXED in ways else {PLAIN, *ways}
    said = {name: forecast(panel, at, steps) for name, forecast in forecasters.items() if name in wanted}
    if ways is None or MIXED in ways:
        stacked = np.stack([said[name] for name in said])
        counts = (~np.isnan(stacked)).sum(axis=0)
        said[MIXED] = np.divide(np.nansum(stacked, axis=0), counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return said


def origins(panels: dict[Grain, Panel]) -> list[dict[Grain, int]]:
    """Past origins, oldest first: every quarter back from the last whole month, a year of history before each.

    The weeks' origin is the last Monday by which all its weeks were over on the months' origin, so that what is fitted
    at one origin on both has seen nothing of what either is judged on.
    """
    if "month" not in panels:
        return []
    months = panels["month"]
    found: list[dict[Grain, int]] = []
    for quarter in range(1, MOST_ORIGINS + 1):
        at = len(months.periods) - 3 * quarter
        if at < FEWEST["month"]:
            break
        cut: dict[Grain, int] = {"month": at}
        if "week" in panels:
            week = (
                int(np.searchsorted(panels["week"].periods.to_numpy(), months.periods[at].to_numpy(), side="right")) - 1
            )
            if week >= FEWEST["week"]:
                cut["week"] = week
        found.append(cut)
    return found[::-1]


def backtest(
    panels: dict[Grain, Panel], seed: int, *, trees: Trees | Lessons | None = None, ways: set[str] | None = None
) -> list[Origin]:
    """What every way (or the given ones) said at every origin, oldest first, months before weeks.

    Given ``trees`` (a champion's) are used as they are; else new ones are fitted at each origin on the lessons (those
    of the panels, unless given) that were known by then.
    """
    past = []
    if trees is None and (ways is None or ways & {TREES, MIXED}):
        trees = Lessons.of(panels)
    for cut in origins(panels):
        fitted = Trees.fit(trees, cut, seed) if isinstance(trees, Lessons) else trees
        for grain, origin in cut.items():
            panel = panels[grain]
            steps = min(panel.horizon, len(panel.values) - origin)
            past.append(Origin(panel, origin, steps, every_way(panel, origin, steps, fitted, ways)))
    return past


def choose(past: Sequence[Origin], before: dict[Grain, int] | None = None) -> dict[Grain, Choice]:
    """The way of each grain and level that missed least against the plain one, on errors known by ``before``.

    Ways are compared with the plain one on the cells where they said something: a quarter of all at least.
    """
    chosen: dict[Grain, Choice] = {}
    for grain in dict.fromkeys(origin.panel.grain for origin in past):
        mine = [origin for origin in past if origin.panel.grain == grain]
        levels = np.array(mine[0].panel.levels)
        chosen[grain] = {
            level: _least_missed([_known(origin, levels == level, before) for origin in mine])
            for level in dict.fromkeys(mine[0].panel.levels)
        }
    return chosen


def prequential(past: Sequence[Origin]) -> list[tuple[Origin, Numbers]]:
    """What would have been shipped at each origin, with the choice that was known to be best by then.

    The origins of the first quarter are left out: nothing was known by then.
    """
    shipped = []
    for origin in past:
        grain = origin.panel.grain
        earlier = [other for other in past if other.panel.grain == grain and other.at < origin.at]
        if earlier:
            choice = choose(earlier, {grain: origin.at})[grain]
            shipped.append((origin, origin.shipped(choice)))
    return shipped


def _known(origin: Origin, nodes: NDArray[np.bool_], before: dict[Grain, int] | None) -> dict[str, Numbers]:
    """Losses of every way at an origin, of the given nodes and of steps that were over by then; NaN elsewhere."""
    steps = origin.steps if before is None else max(0, min(origin.steps, before[origin.panel.grain] - origin.at))
    return {way: origin.losses(said)[:steps, nodes].ravel() for way, said in origin.base.items()}


def _least_missed(known: list[dict[str, Numbers]]) -> str:
    best, least = PLAIN, 1.0 - BETTER_BY
    for way in dict.fromkeys(way for losses in known for way in losses):
        plain = np.concatenate([losses[PLAIN] for losses in known])
        mine = np.concatenate([losses.get(way, np.full_like(losses[PLAIN], np.nan)) for losses in known])
        both = ~np.isnan(mine) & ~np.isnan(plain)
        if 4 * both.sum() < (~np.isnan(plain)).sum() or not both.any() or plain[both].sum() == 0:
            continue
        ratio = float(mine[both].mean() / plain[both].mean())
        if ratio < least:
            best, least = way, ratio
    return best
