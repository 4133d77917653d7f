"""The revenue forecast by segment and sub-period: top-down and bottom-up combined, and the residual allocated.

For leaf i (a market), segment s of it, month m and sub-period p of m, in the order of the functions below::

    T_im  top-down forecast of what is ahead of the date               top_down_by_month
    B_im  contracts and open deals;  R_im, N_im  repeat orders and     bottom_up_by_month
          new business at the run rates of the past
    X_im = max(w (T_im − B_im) + (1 − w) (R_im + N_im), 0)             residual_by_segment
    X_sm = allocation of X_im, Σ_s X_sm = X_im
    X_sp = X_sm · T_ip / T_im                                          spread_over_periods
    F_sp = recognized_sp + orders_sp + B_sp + X_sp                     to_components

Each X_sp is split into repeat orders and new deals in the ratio of R_im and N_im.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.statistics import safe_divide
from features.revenue.forecast_formula import repeat_share, residual_revenue
from models.revenue.base_rates import BaseRates
from models.revenue.period_grid import PeriodGrid
from models.revenue.segments import SegmentIndex, SegmentRevenue, sum_by_code
from models.revenue.top_down import MAIN_HIERARCHY

N_ITERATIONS = 8
"""Rounds of proportional fitting; margins settle within a few."""
MIN_AMOUNT = 1e-9


@dataclass(frozen=True)
class AllocationInputs:
    """What the forecast is combined from; ``day_weight`` is the typical revenue of the days of each sub-period, up to a
    factor, and ``top_down_weight`` is w of the module's formula."""

    top_down: pd.DataFrame
    index: SegmentIndex
    revenue: SegmentRevenue
    rates: BaseRates
    top_down_weight: float
    day_weight: Floats
    grid: PeriodGrid

    @property
    def share_ahead(self) -> Floats:
        """By month: the share of its typical revenue that lies ahead of the date."""
        return self.grid.share_ahead(self.day_weight)


@dataclass(frozen=True)
class TopDown:
    """The top-down forecast of what is ahead: leaves × ``sub_periods`` and leaves × ``months``."""

    sub_periods: Floats
    months: Floats


@dataclass(frozen=True)
class BottomUp:
    """Leaves × months ahead: ``line_items`` (contracts and deals), ``repeat_orders`` and ``new_business``."""

    line_items: Floats
    repeat_orders: Floats
    new_business: Floats


@dataclass(frozen=True)
class Allocation:
    """A revenue forecast: ``cents`` (whole) by component, segments × sub-periods, and what it was combined from."""

    top_down: TopDown
    bottom_up: BottomUp
    cents: dict[str, Floats]


def allocate(inputs: AllocationInputs) -> Allocation:
    """The forecast by component, segment and sub-period, in whole cents."""
    top_down = top_down_by_month(inputs)
    bottom_up = bottom_up_by_month(inputs)
    residual = residual_by_segment(inputs, top_down, bottom_up)
    spread = spread_over_periods(inputs, top_down, residual)
    return Allocation(top_down, bottom_up, to_components(inputs, bottom_up, spread))


def top_down_by_month(inputs: AllocationInputs) -> TopDown:
    """T: the top-down forecast of leaves, in which months and weeks agree.

    Weekly forecasts give the shape within a month where there are any, typical days of the week elsewhere; pro-rata
    benchmarking fits the shape to the month. The benchmark is what lies ahead of the monthly forecast, or the mean of
    that and of the weekly forecasts where these cover all of it.
    """
    grid, leaves = inputs.grid, inputs.index.leaves
    monthly = _with_new_leaves(_node_forecasts(inputs, MAIN_HIERARCHY, "month", leaves), inputs)
    weekly = _node_forecasts(inputs, MAIN_HIERARCHY, "week", leaves)
    inside = grid.ahead & (grid.month >= 0)
    from_months = np.where(inside, grid.from_months(monthly) * grid.share_of_month(inputs.day_weight), 0.0)
    from_weeks = grid.from_weeks(weekly) * grid.share_of_week(inputs.day_weight)
    shape = np.where(inside & ~np.isnan(from_weeks), from_weeks, from_months)
    sums, ahead = grid.sum_by_month(shape), monthly * inputs.share_ahead
    uncovered = np.where(grid.ahead & (grid.week < 0), 1.0, 0.0)
    covered = np.asarray(grid.sum_by_month(uncovered[None, :]) == 0)
    both_known = covered & np.asarray(~np.isnan(weekly).any(axis=1))[:, None]
    benchmark = np.where(both_known, (sums + ahead) / 2, ahead)
    sub_periods = benchmark_pro_rata(shape, benchmark, from_months, grid)
    return TopDown(sub_periods, grid.sum_by_month(sub_periods))


def benchmark_pro_rata(shape: Floats, benchmark: Floats, fallback: Floats, grid: PeriodGrid) -> Floats:
    """Rows × sub-periods: ``shape`` scaled month by month to sum to ``benchmark`` (rows × months).

    Months in which the shape sums to nothing are taken from ``fallback``.

    Pro-rata benchmarking, the proportional Denton method without carry-over between months (Dagum & Cholette 2006).
    """
    sums = grid.sum_by_month(shape)
    has_shape = sums > MIN_AMOUNT
    factor = safe_divide(benchmark, sums, where=has_shape)
    return np.where(grid.from_months(has_shape.astype(np.float64)) > 0, shape * grid.from_months(factor), fallback)


def bottom_up_by_month(inputs: AllocationInputs) -> BottomUp:
    """B, R and N of leaves: cash flows of contracts and deals, and past run rates × the mean month of the last year."""
    index, revenue, rates, share = inputs.index, inputs.revenue, inputs.rates, inputs.share_ahead
    monthly_orders, running = index.sum_by_leaf(revenue.year_orders) / 12, index.sum_by_leaf(revenue.running_mrr)
    return BottomUp(
        index.sum_by_leaf(inputs.grid.sum_by_month(revenue.bottom_up)),
        monthly_orders[:, None] * np.array(rates.repeat_rate)[None, :] * share,
        (monthly_orders + running)[:, None] * np.array(rates.new_business_rate)[None, :] * share,
    )


def residual_by_segment(inputs: AllocationInputs, top_down: TopDown, bottom_up: BottomUp) -> Floats:
    """Segments × months: the residual X of each leaf, allocated to its segments.

    It starts in proportion to last year's orders (running MRR where a leaf has none), and is fitted to what other
    hierarchies forecast beyond contracts and deals; the leaves' own sums stand.
    """
    index, revenue = inputs.index, inputs.revenue
    residual = residual_revenue(
        top_down.months,
        bottom_up.line_items,
        bottom_up.repeat_orders,
        bottom_up.new_business,
        inputs.top_down_weight,
    )
    has_orders = index.from_leaves(index.sum_by_leaf(revenue.year_orders)) > 0
    basis = np.where(has_orders, revenue.year_orders, revenue.running_mrr)
    basis = np.where(index.from_leaves(index.sum_by_leaf(basis)) > 0, basis, 1.0)
    share = basis / np.maximum(index.from_leaves(index.sum_by_leaf(basis)), MIN_AMOUNT)
    allocated = share[:, None] * index.from_leaves(residual)
    return iterative_proportional_fitting(allocated, _margins(inputs, residual.sum(axis=0)), residual, index)


@dataclass(frozen=True)
class Margin:
    """Sums that an allocation should have: nodes × months, and the ``code`` of the node of each segment."""

    code: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
    sums: Floats


def _margins(inputs: AllocationInputs, total: Floats) -> list[Margin]:
    """What each hierarchy but the main one forecasts beyond contracts and deals, scaled to the total residual."""
    index, grid = inputs.index, inputs.grid
    line_items = grid.sum_by_month(inputs.revenue.bottom_up)
    margins = []
    for hierarchy, level in index.lowest_level.items():
        if hierarchy == MAIN_HIERARCHY:
            continue
        code, names = pd.factorize(index.nodes[level], sort=True)
        forecasts = _node_forecasts(inputs, hierarchy, "month", tuple(map(str, names))) * inputs.share_ahead
        beyond = np.maximum(np.nan_to_num(forecasts) - sum_by_code(line_items, code, len(names)), 0.0)
        sums = beyond.sum(axis=0)
        scale = safe_divide(total, sums)
        margins.append(Margin(code.astype(np.int64), beyond * scale))
    return margins


def iterative_proportional_fitting(
    allocated: Floats, margins: list[Margin], leaf_sums: Floats, index: SegmentIndex
) -> Floats:
    """The allocation scaled to each margin and to the leaves in turn, ``N_ITERATIONS`` times (Deming & Stephan 1940).

    Leaves come last, so that their sums hold exactly; nodes whose margin is 0 are left as they are.
    """
    for _ in range(N_ITERATIONS if margins else 0):
        for margin in margins:
            sums = sum_by_code(allocated, margin.code, len(margin.sums))
            fit = (sums > MIN_AMOUNT) & (margin.sums > 0)
            allocated = allocated * safe_divide(margin.sums, sums, otherwise=1.0, where=fit)[margin.code]
        sums = index.sum_by_leaf(allocated)
        factor = safe_divide(leaf_sums, sums, where=sums > MIN_AMOUNT)
        allocated = allocated * index.from_leaves(factor)
    return allocated


def spread_over_periods(inputs: AllocationInputs, top_down: TopDown, residual: Floats) -> Floats:
    """Segments × sub-periods: the residual over the month as the top-down forecast of the leaf is, by typical days of
    the week where that is nothing."""
    grid = inputs.grid
    inside = grid.ahead & (grid.month >= 0)
    months = grid.from_months(top_down.months)
    by_forecast = safe_divide(top_down.sub_periods, months)
    by_days = grid.share_of_month(np.where(inside, inputs.day_weight, 0.0))[None, :]
    profile = np.where(inside, np.where(months > 0, by_forecast, by_days), 0.0)
    return grid.from_months(residual) * inputs.index.from_leaves(profile)


def to_components(inputs: AllocationInputs, bottom_up: BottomUp, residual: Floats) -> dict[str, Floats]:
    """By component, segments × sub-periods in whole cents: what is recognized, expected of items, and the residual
    (segments × sub-periods) as repeat orders and new deals."""
    revenue = inputs.revenue
    share = repeat_share(bottom_up.repeat_orders, bottom_up.new_business)
    repeated = inputs.index.from_leaves(inputs.grid.from_months(share))
    components = {
        "recurring": revenue.recognized + revenue.expected["recurring"],
        "expansion": revenue.expected["expansion"],
        "open_deals": revenue.expected["open_deals"],
        "repeat_orders": revenue.orders + residual * repeated,
        "new_deals": residual * (1 - repeated),
    }
    return {name: _to_cents(values) for name, values in components.items()}


def _to_cents(values: Floats) -> Floats:
    """Whole cents of segments × sub-periods; the sum of neighboring segments is off by at most a cent."""
    running = np.round(np.cumsum(values, axis=0) * 100)
    cents: Floats = np.diff(running, axis=0, prepend=0.0)
    return cents


def _node_forecasts(inputs: AllocationInputs, hierarchy: str, grain: str, nodes: tuple[str, ...]) -> Floats:
    """Nodes × periods of a grain: the top-down point forecasts of a hierarchy; NaN for nodes that have none."""
    periods = inputs.grid.months if grain == "month" else inputs.grid.weeks
    rows = inputs.top_down[(inputs.top_down["hierarchy"] == hierarchy) & (inputs.top_down["grain"] == grain)]
    wide = rows.pivot(index="node", columns="period", values="point").reindex(index=list(nodes), columns=periods)
    return np.asarray(wide.to_numpy(dtype=np.float64))


def _with_new_leaves(monthly: Floats, inputs: AllocationInputs) -> Floats:
    """The monthly forecasts; a leaf without one began in the month under way, and goes on at the pace of that month."""
    share_ahead, revenue = float(inputs.share_ahead[0]), inputs.revenue
    so_far = inputs.index.sum_by_leaf(inputs.grid.sum_by_month(revenue.orders + revenue.recognized)[:, :1])[:, 0]
    pace = np.zeros(len(so_far))
    if share_ahead < 1:
        pace = np.maximum(so_far, 0.0) / max(1 - share_ahead, MIN_AMOUNT)
    without_forecast = np.asarray(np.isnan(monthly).any(axis=1))
    return np.where(without_forecast[:, None], pace[:, None], monthly)
