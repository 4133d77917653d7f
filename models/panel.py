"""Series of many nodes side by side, and the hierarchy that their forecasts must keep: parts add up to their whole."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.series import Grain, UnderWay

Numbers = NDArray[np.float64]

SEASON: dict[Grain, int] = {"week": 52, "month": 12}
HORIZON: dict[Grain, int] = {"week": 26, "month": 12}
RECENT: dict[Grain, int] = {"week": 8, "month": 3}
"""Periods that tell where a series stands now."""
FEWEST: dict[Grain, int] = {"week": 52, "month": 12}
"""Periods of history without which a node's year is unknown: it is forecast as a share of its whole."""


@dataclass(frozen=True)
class Panel:
    """Amounts by period (rows, oldest first) and node (columns); NaN before a node's first sale.

    ``parent`` holds each node's place of its whole, −1 for the total. ``start`` is each node's first period. ``pace``
    is what a period of each node would bring by the one under way: all that is known of a node that began in it.
    """

    grain: Grain
    periods: pd.DatetimeIndex
    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    parent: tuple[int, ...]
    values: Numbers
    start: NDArray[np.int64]
    pace: Numbers

    @classmethod
    def of(cls, series: pd.DataFrame, grain: Grain, now: UnderWay | None = None) -> "Panel":
        """The panel of ``features.series.revenue_series``: the total first, then regions, then segments.

        Nodes that have sold in the period under way only are part of it too.
        """
        wide = series.pivot(index="period", columns="node", values="amount").sort_index()
        placed = dict(zip(series["node"], series["level"], strict=True))
        placed |= {} if now is None else now.levels
        order = {"total": 0, "region": 1, "segment": 2}
        nodes = tuple(sorted(placed, key=lambda node: (order[placed[node]], node)))
        values = wide.reindex(columns=list(nodes)).to_numpy(dtype=np.float64)
        start = np.where(np.isnan(values).all(axis=0), len(values), np.isnan(values).argmin(axis=0)).astype(np.int64)
        levels = tuple(placed[node] for node in nodes)
        parent = _parents(nodes, levels)
        pace = np.zeros(len(nodes))
        panel = cls(grain, pd.DatetimeIndex(wide.index), nodes, levels, parent, values, start, pace)
        if now is None or now.left == 1.0:
            return panel
        return replace(panel, pace=np.maximum(panel.whole(now.leaves.set_index("node")["earned"]), 0) / (1 - now.left))

    @property
    def season(self) -> int:
        """Periods of a year."""
        return SEASON[self.grain]

    @property
    def horizon(self) -> int:
        """Periods ahead that are forecast."""
        return HORIZON[self.grain]

    @property
    def leaves(self) -> NDArray[np.bool_]:
        """Nodes without parts."""
        leaves = np.ones(len(self.nodes), dtype=bool)
        leaves[[place for place in self.parent if place >= 0]] = False
        return leaves

    def age(self, origin: int) -> NDArray[np.int64]:
        """Periods of history of each node before an origin."""
        return np.maximum(origin - self.start, 0)

    def future(self, origin: int, steps: int) -> pd.DatetimeIndex:
        """First days of the periods from an origin on."""
        first, ahead = self.periods.to_numpy()[:1], np.arange(origin, origin + steps)
        days = (
            first.astype("datetime64[D]") + 7 * ahead if self.grain == "week" else first.astype("datetime64[M]") + ahead
        )
        return pd.DatetimeIndex(days.astype("datetime64[s]"))

    def of_leaves(self, by_node: pd.Series) -> Numbers:
        """One number per leaf, in the order of nodes; 0 where none is given."""
        names = [node for node, leaf in zip(self.nodes, self.leaves, strict=True) if leaf]
        return by_node.reindex(names).fillna(0.0).to_numpy(dtype=np.float64)

    def whole(self, by_node: pd.Series) -> Numbers:
        """One number per node: the sum of its leaves'."""
        summed: Numbers = self.summing() @ self.of_leaves(by_node)
        return summed

    def young(self, origin: int) -> NDArray[np.bool_]:
        """Nodes without a year behind them."""
        return np.asarray(self.age(origin) < FEWEST[self.grain])

    def recent(self, origin: int) -> Numbers:
        """Where each node stands: the mean of its recent periods, the pace of one that began in the one under way."""
        recent = mean(self.values[max(0, origin - RECENT[self.grain]) : origin])
        began = (self.age(origin) == 0) & (origin == len(self.values)) & (self.pace > 0)
        stands: Numbers = np.where(began, self.pace, recent)
        return stands

    def shares(self, origin: int) -> Numbers:
        """The share of its whole that each node has brought of late; 0 of one that has brought nothing yet."""
        recent = np.maximum(np.nan_to_num(self.recent(origin)), 0.0)
        whole = recent[list(self.parent)]
        return np.clip(np.divide(recent, whole, out=np.zeros_like(recent), where=whole > 0), 0.0, 1.0)

    def summing(self) -> Numbers:
        """Nodes × leaves: 1 where a leaf is part of a node."""
        places = np.flatnonzero(self.leaves)
        matrix = np.zeros((len(self.nodes), len(places)))
        for column, leaf in enumerate(places):
            node = int(leaf)
            while node >= 0:
                matrix[node, column] = 1.0
                node = self.parent[node]
        return matrix

    def scale(self, origin: int) -> Numbers:
        """What a usual miss is for each node: its mean absolute change over a year, within the last two years.

        In a history shorter than a year and a recent stretch, from one period to the next; of a young node, whose year
        is unknown, all that it brings. The unit in which errors of large and small nodes are comparable (that of MASE,
        Hyndman & Koehler 2006). Never 0: at least 2 % of the mean.
        """
        recent = self.values[max(0, origin - 2 * self.season) : origin]
        before = self.values[max(0, origin - 3 * self.season) : origin]
        yearly = np.abs(before[self.season :] - before[: -self.season]) if len(before) > self.season else before[:0]
        steps = np.abs(np.diff(recent, axis=0))
        enough = (~np.isnan(yearly)).sum(axis=0) >= RECENT[self.grain]
        scale = np.where(enough, mean(yearly), mean(steps))
        level = mean(np.abs(recent))
        floor = np.where(level > 0, 0.02 * level, 1.0)
        floor = np.where(self.young(origin), np.fmax(floor, self.recent(origin)), floor)
        usual: Numbers = np.fmax(np.nan_to_num(scale), np.nan_to_num(floor, nan=1.0))
        return usual


@dataclass(frozen=True)
class Forecast:
    """Coherent forecasts of one panel (steps × nodes) with their bounds by per cent.

    ``recurring`` is the part of the point that today's subscriptions bring; NaN in a company without any.
    """

    panel: Panel
    periods: pd.DatetimeIndex
    point: Numbers
    low: dict[int, Numbers]
    high: dict[int, Numbers]
    recurring: Numbers


def mean(values: Numbers) -> Numbers:
    """Mean of each column without NaN; NaN for a column of nothing else."""
    counts = (~np.isnan(values)).sum(axis=0)
    sums = np.nansum(values, axis=0)
    means: Numbers = np.divide(sums, counts, out=np.full(values.shape[1:], np.nan), where=counts > 0)
    return means


def reconcile(panel: Panel, base: Numbers, scale: Numbers) -> Numbers:
    """Forecasts (steps × nodes) that add up, nearest to the given ones, none of them below 0.

    Weighted least squares with the square of each node's usual miss as its variance (Wickramasuriya, Athanasopoulos &
    Hyndman 2019, with a diagonal): what every node's forecast knows is shared by how well such nodes are known. A
    leaf without a forecast (NaN) counts as 0.
    """
    summing = panel.summing()
    weights = 1.0 / np.square(scale)
    known = np.nan_to_num(base)
    normal = summing.T @ (weights[:, None] * summing)
    leaves = np.linalg.solve(normal, summing.T @ (weights[:, None] * known.T))
    coherent: Numbers = (summing @ np.maximum(leaves, 0.0)).T
    return coherent


def to_the_cent(panel: Panel, coherent: Numbers) -> Numbers:
    """Coherent forecasts in whole cents: leaves are rounded, wholes are sums of rounded leaves."""
    cents = np.round(coherent[:, panel.leaves] * 100)
    rounded: Numbers = np.round(cents @ panel.summing().T) / 100
    return rounded


def _parents(nodes: tuple[str, ...], levels: tuple[str, ...]) -> tuple[int, ...]:
    """The place of each node's whole: a segment's region where regions are known, else the total."""
    regions = {f"segment:{node.removeprefix('region:')}/": place for place, node in enumerate(nodes)}
    regions = {prefix: place for prefix, place in regions.items() if levels[place] == "region"}

    def parent(place: int) -> int:
        if levels[place] == "total":
            return -1
        if levels[place] == "segment" and regions:
            return max((len(prefix), at) for prefix, at in regions.items() if nodes[place].startswith(prefix))[1]
        return 0

    return tuple(parent(place) for place in range(len(nodes)))
