"""Tables of a revenue forecast: the published rows, contracts and deals, and drivers by market and month."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.outputs.score_tables import INTERVAL_LEVELS, REVENUE_FORECAST
from models.revenue.allocation import Allocation, AllocationInputs
from models.revenue.period_grid import PeriodGrid
from models.revenue.segments import sum_by_code

UNKNOWN_HALF_WIDTH = {50: 0.5, 80: 1.0, 95: 2.0}
"""Half-widths, over the point forecast, of intervals of nodes without a top-down forecast."""
YOUNG = "its pace so far: it began in the period under way"
UNSOLD = "its parts alone: nothing has been sold there yet"


@dataclass(frozen=True)
class _Grain:
    """One grain of the forecast: its periods, how sub-periods are summed to them, and the top-down forecasts by node
    and period."""

    name: str
    periods: pd.DatetimeIndex
    sum: Callable[[Floats], Floats]
    top_down: pd.DataFrame


def forecast_table(allocation: Allocation, inputs: AllocationInputs, label: str) -> pd.DataFrame:
    """``data.outputs.score_tables.REVENUE_FORECAST``: one row per node, grain and period. ``label`` is the model's."""
    grid = inputs.grid
    tables = []
    for name, periods, sum_by in (
        ("month", grid.months, grid.sum_by_month),
        ("week", grid.weeks, grid.sum_by_week),
    ):
        rows = inputs.top_down[inputs.top_down["grain"] == name].set_index(["node", "period"])
        if len(rows):
            # every hierarchy has a total: that of the main one comes first
            grain = _Grain(name, periods, sum_by, rows[~rows.index.duplicated()])
            tables += [_level_table(level, grain, allocation, inputs, label) for level in inputs.index.nodes]
    forecast = pd.concat(tables, ignore_index=True)
    return forecast.assign(period=forecast["period"].dt.date).reindex(columns=list(REVENUE_FORECAST.by_name))


def _level_table(
    level: str, grain: _Grain, allocation: Allocation, inputs: AllocationInputs, label: str
) -> pd.DataFrame:
    """The rows of one level and grain; nodes that bring nothing and have no top-down forecast are left out."""
    code, names = pd.factorize(inputs.index.nodes[level], sort=True)

    def by_node(values: Floats) -> Floats:
        return sum_by_code(grain.sum(values), code, len(names))

    cents = {name: by_node(values) for name, values in allocation.cents.items()}
    point = np.sum(list(cents.values()), axis=0) / 100
    floor = np.zeros_like(point)
    floor[:, 0] = np.minimum(by_node(inputs.revenue.orders + inputs.revenue.recognized)[:, 0], point[:, 0])
    index = pd.MultiIndex.from_product([names, grain.periods], names=["node", "period"])
    top_down = grain.top_down.reindex(index)
    days_ahead = float(_share_of_days_ahead(inputs.grid, grain.sum)[0])
    without = np.repeat(np.where(floor[:, 0] > 0, YOUNG, UNSOLD), len(grain.periods))
    method = np.where(top_down["method"].isna(), without, top_down["method"])
    table = pd.DataFrame({"node": index.get_level_values(0), "period": index.get_level_values(1)}).assign(
        level=level,
        grain=grain.name,
        point=np.round(point, 2).ravel(),
        **{name: np.round(values / 100, 2).ravel() for name, values in cents.items()},
        **_intervals(point, floor, top_down, days_ahead),
        model=[f"{label} ({name})" for name in method],
        notes=top_down["notes"].replace("", None).to_numpy(),
    )
    return table[_has_revenue(cents) | top_down["method"].notna().to_numpy()]


def _intervals(point: Floats, floor: Floats, top_down: pd.DataFrame, days_ahead: float) -> dict[str, Floats]:
    """Bounds of each width: the half-widths of the top-down forecasts around the points (nodes × periods), never below
    what is recognized (``floor``); those of the period under way shrink with the root of its days ahead."""
    bounds = {}
    for width in INTERVAL_LEVELS:
        half = (top_down[f"high_{width}"] - top_down["point"]).to_numpy(dtype=np.float64).reshape(point.shape)
        half = np.where(np.isnan(half), UNKNOWN_HALF_WIDTH[width] * np.abs(point), half)
        half[:, 0] *= np.sqrt(days_ahead)
        low = np.minimum(np.maximum(point - half, floor), point)
        bounds[f"low_{width}"] = np.round(low, 2).ravel()
        bounds[f"high_{width}"] = np.round(point + half, 2).ravel()
    return bounds


def _has_revenue(cents: dict[str, Floats]) -> Bools:
    """Rows (nodes × periods) of nodes that bring anything in any period."""
    active = np.any([np.any(values != 0, axis=1) for values in cents.values()], axis=0)
    return np.repeat(np.asarray(active, dtype=bool), next(iter(cents.values())).shape[1])


def _share_of_days_ahead(grid: PeriodGrid, sum_by: Callable[[Floats], Floats]) -> Floats:
    """By period, the share of its days that lie ahead."""
    ahead, total = (sum_by((grid.days * inside).astype(float)[None, :])[0] for inside in (grid.ahead, 1))
    share: Floats = ahead / total
    return share


def line_item_table(inputs: AllocationInputs) -> pd.DataFrame:
    """One row per contract or deal and month in which it has brought or is expected to bring revenue.

    ``kind, key, account_id, leaf`` and its facts (missing where its kind has none), ``month``; ``recognized`` so far,
    ``expected`` ahead as the sum of ``recurring, expansion, open_deals``, and ``potential`` (``CashFlows``).
    """
    flows, grid, index = inputs.revenue.cash_flows, inputs.grid, inputs.index
    leaf = np.array(index.leaves, dtype=object)[index.leaf_code[inputs.revenue.segment_code]]
    items = flows.items.assign(leaf=leaf)
    days, amounts = ("started", "term", "ended", "due", "created"), ("mrr", "amount")
    items = items.assign(
        **{name: pd.to_datetime(items[name]) for name in days},
        **{name: items[name].astype("float64") for name in amounts},
    )
    columns = [
        "kind",
        "key",
        "account_id",
        "leaf",
        "mrr",
        "started",
        "term",
        "ended",
        "amount",
        "stage",
        "due",
        "created",
    ]
    table = _by_month(
        items[columns],
        grid.months,
        recognized=grid.sum_by_month(inputs.revenue.recognized_by_item),
        recurring=grid.sum_by_month(flows.recurring),
        expansion=grid.sum_by_month(flows.expansion),
        open_deals=grid.sum_by_month(flows.open_deals),
        potential=grid.sum_by_month(flows.potential),
    )
    table = table.assign(expected=table["recurring"] + table["expansion"] + table["open_deals"])
    return table[(table["expected"] != 0) | (table["recognized"] != 0)].reset_index(drop=True)


def driver_table(allocation: Allocation, inputs: AllocationInputs) -> pd.DataFrame:
    """One row per leaf and month: the terms of ``features.revenue.forecast_formula`` and the published ``point``.

    ``recognized_orders`` so far; ahead of the date ``top_down``, ``repeat_orders`` and ``new_business``; the share of
    the month ahead by typical revenue (``share_ahead``) and by days (``days_ahead``); ``top_down_weight`` and
    ``sales_cycle_days``, the same everywhere.
    """
    grid, index, months = inputs.grid, inputs.index, allocation.top_down.months
    cents = sum(index.sum_by_leaf(grid.sum_by_month(values)) for values in allocation.cents.values())
    days_ahead = _share_of_days_ahead(grid, grid.sum_by_month)
    return _by_month(
        pd.DataFrame({"leaf": index.leaves}),
        grid.months,
        recognized_orders=index.sum_by_leaf(grid.sum_by_month(inputs.revenue.orders)),
        top_down=months,
        repeat_orders=allocation.bottom_up.repeat_orders,
        new_business=allocation.bottom_up.new_business,
        point=np.round(cents / 100, 2),
        share_ahead=np.broadcast_to(inputs.share_ahead, months.shape),
        days_ahead=np.broadcast_to(days_ahead, months.shape),
    ).assign(top_down_weight=inputs.top_down_weight, sales_cycle_days=inputs.rates.sales_cycle_days)


def _by_month(rows: pd.DataFrame, months: pd.DatetimeIndex, **values: Floats) -> pd.DataFrame:
    """One row per row and month, with the values (rows × months) as columns."""
    table = rows.loc[np.repeat(rows.index.to_numpy(), len(months))].reset_index(drop=True)
    columns = {name: by_month.ravel() for name, by_month in values.items()}
    return table.assign(month=np.tile(months.to_numpy(), len(rows)), **columns)
