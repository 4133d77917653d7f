"""Segments: the combinations of region, segment, product family, team and owner in which something is sold.

Everything is forecast by segment, so that every hierarchy over them adds up.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from features.company import Company
from features.revenue.dimensions import DIMENSIONS, HIERARCHIES, node_name
from models.revenue.cash_flows import CashFlows
from models.revenue.period_grid import PeriodGrid
from models.revenue.top_down import MAIN_HIERARCHY

YEAR_DAYS = 365


def sum_by_code(values: Floats, code: Ints, count: int) -> Floats:
    """``count`` × …: sums of the rows of ``values`` by the code of each."""
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, code, values)
    return sums


@dataclass(frozen=True)
class SegmentIndex:
    """All ``segments``, one row each with ``DIMENSIONS``; ``nodes`` holds the node of each by level.

    ``leaves`` are the lowest nodes of the main hierarchy (markets), ``leaf_code`` the leaf of each segment, and
    ``lowest_level`` the lowest level of each hierarchy that the top-down forecasts know.
    """

    segments: pd.DataFrame
    nodes: dict[str, pd.Series]
    leaves: tuple[str, ...]
    leaf_code: Ints
    lowest_level: dict[str, str]

    @classmethod
    def from_tables(cls, top_down: pd.DataFrame, *tables: pd.DataFrame) -> "SegmentIndex":
        """The segments of any of the tables, ordered by leaf; levels are those of the top-down forecasts."""
        combinations = pd.concat([table[list(DIMENSIONS)] for table in tables], ignore_index=True).drop_duplicates()
        segments = combinations.sort_values(list(DIMENSIONS), ignore_index=True)
        nodes = {"total": pd.Series("total", index=segments.index, dtype=object)}
        lowest_level: dict[str, str] = {}
        for hierarchy, levels in HIERARCHIES.items():
            forecast_levels = set(top_down.loc[top_down["hierarchy"] == hierarchy, "level"])
            outer: pd.Series | None = None
            for level in levels:
                if level in forecast_levels:
                    parents = [None] * len(segments) if outer is None else outer
                    pairs = zip(parents, segments[level], strict=True)
                    nodes[level] = pd.Series([node_name(level, parent, name) for parent, name in pairs], dtype=object)
                    lowest_level[hierarchy] = level
                outer = segments[level]
        leaf = nodes.get(lowest_level.get(MAIN_HIERARCHY, ""), pd.Series("all", index=segments.index, dtype=object))
        order = np.argsort(leaf.to_numpy(dtype=str), kind="stable")
        code, leaves = pd.factorize(leaf.iloc[order], sort=True)
        return cls(
            segments.iloc[order].reset_index(drop=True),
            {level: names.iloc[order].reset_index(drop=True) for level, names in nodes.items()},
            tuple(map(str, leaves)),
            code.astype(np.int64),
            lowest_level,
        )

    def index_of(self, rows: pd.DataFrame) -> Ints:
        """The segment of each row (``DIMENSIONS``)."""
        numbered = self.segments.reset_index(names="segment_index")
        joined = rows[list(DIMENSIONS)].merge(numbered, how="left", on=list(DIMENSIONS))
        return joined["segment_index"].to_numpy(dtype=np.int64)

    def sum_by_leaf(self, values: Floats) -> Floats:
        """Leaves × …: sums of segments × …"""
        return sum_by_code(values, self.leaf_code, len(self.leaves))

    def from_leaves(self, values: Floats) -> Floats:
        """Segments × …: to each the value of its leaf."""
        return values[self.leaf_code]


@dataclass(frozen=True)
class SegmentRevenue:
    """Revenue of segments × sub-periods that contracts, deals and orders are known to bring.

    ``expected`` holds what is ahead, by component (``recurring, expansion, open_deals``); ``recognized`` what contracts
    have earned and ``orders`` what was ordered so far. By segment: ``year_orders``, net orders of the last year, and
    ``running_mrr``. ``recognized_by_item`` and ``segment_code`` have one row per item of ``cash_flows``.
    """

    cash_flows: CashFlows
    segment_code: Ints
    recognized_by_item: Floats
    expected: dict[str, Floats]
    recognized: Floats
    orders: Floats
    year_orders: Floats
    running_mrr: Floats

    @classmethod
    def from_items(
        cls,
        index: SegmentIndex,
        cash_flows: CashFlows,
        recognized: Floats,
        orders: pd.DataFrame,
        grid: PeriodGrid,
        company: Company,
    ) -> "SegmentRevenue":
        """Sums by segment, of contracts and deals, what they have earned (items × sub-periods), and orders by day."""
        code, count = index.index_of(cash_flows.items), len(index.segments)
        order_code, period = index.index_of(orders), grid.index_of(orders["day"])
        amounts = orders["amount"].to_numpy(dtype=np.float64)
        inside = period >= 0
        by_period = np.zeros((count, len(grid.days)))
        np.add.at(by_period, (order_code[inside], period[inside]), amounts[inside])
        recent = (orders["day"] >= pd.Timestamp(company.as_of) - pd.Timedelta(days=YEAR_DAYS)).to_numpy()
        year_orders = sum_by_code(amounts[recent], order_code[recent], count)
        names = ("recurring", "expansion", "open_deals")
        return cls(
            cash_flows,
            code,
            recognized,
            {name: sum_by_code(getattr(cash_flows, name), code, count) for name in names},
            sum_by_code(recognized, code, count),
            by_period,
            np.maximum(year_orders, 0.0),
            sum_by_code(_running_mrr(cash_flows), code, count),
        )

    @property
    def bottom_up(self) -> Floats:
        """Segments × sub-periods: what contracts and deals are expected to bring."""
        return self.expected["recurring"] + self.expected["expansion"] + self.expected["open_deals"]


def _running_mrr(cash_flows: CashFlows) -> Floats:
    """The MRR of each item that is a running contract, else 0."""
    missing = pd.Series(0.0, index=cash_flows.items.index)
    mrr = np.nan_to_num(cash_flows.items.get("mrr", missing).to_numpy(dtype=np.float64))
    return np.asarray(np.where(cash_flows.potential.any(axis=1), mrr, 0.0), dtype=np.float64)
