"""Revenue over time: one series per node of a hierarchy (total → region → segment)."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from features.company import Company
from features.local_time import Clock
from features.order_lines import net_order_lines
from features.revenue.dimensions import HIERARCHIES, UNKNOWN, node_name, with_dimensions

Grain = Literal["week", "month"]

WEEKDAY_PROFILE_DAYS = 364
"""The latest days from which the weekday profile is estimated."""
MIN_WEEKDAY_PROFILE_DAYS = 56
"""With fewer days of history, all weekdays are taken to bring the same."""


@dataclass(frozen=True)
class DailyRevenue:
    """Revenue by day (rows, from the first sale to the day before the company's date) and segment (columns).

    ``dimensions`` has one row per column: the levels of a hierarchy, such as ``region`` and ``segment``. ``orders`` are
    net of returns, ``recurring`` is what subscriptions accrued.
    """

    as_of: date
    days: pd.DatetimeIndex
    dimensions: pd.DataFrame
    orders: Floats
    recurring: Floats

    @property
    def amounts(self) -> Floats:
        """All revenue, days × segments."""
        return self.orders + self.recurring


def daily_revenue(company: Company, by: tuple[str, ...] = HIERARCHIES["market"]) -> DailyRevenue:
    """Revenue by day and segment of one hierarchy; no days and no segments for a company without a sale.

    Orders count net of returns on the day on which they happened in the company's zone. A subscription's monthly amount
    is spread evenly over the days of each month, from the day of its start until the day before its end.
    """
    rows = _sum_by_segment(_movements(company), company, by)
    dimensions = rows[list(by)].drop_duplicates().sort_values(list(by), ignore_index=True)
    first = rows["day"].min() if len(rows) else pd.Timestamp(company.as_of)
    days = pd.date_range(first, pd.Timestamp(company.as_of), freq="D", inclusive="left").as_unit("s")
    columns = rows[list(by)].merge(dimensions.reset_index(), how="left")["index"].to_numpy(dtype=np.int64)
    offsets = (rows["day"] - first).dt.days.to_numpy(dtype=np.int64)

    def by_day(*kinds: str) -> Floats:
        chosen = rows["kind"].isin(kinds).to_numpy()
        daily = np.zeros((len(days), len(dimensions)))
        np.add.at(daily, (offsets[chosen], columns[chosen]), rows["amount"].to_numpy(dtype=np.float64)[chosen])
        return daily

    mrr = np.round(by_day("start", "end").cumsum(axis=0), 6)
    recurring = mrr / days.days_in_month.to_numpy()[:, None]
    return DailyRevenue(company.as_of, days, dimensions, by_day("order"), recurring)


def _movements(company: Company) -> ir.Table:
    """One row per net order line (*order*), and per *start* and *end* of a subscription: ``account_id, product_id,
    amount, day, kind``. The amount of a start adds to recurring revenue a month, that of an end takes from it."""
    orders, subscriptions = net_order_lines(company.tables["orders"]), company.tables["subscriptions"]
    firsts = [orders.ordered_at.min().execute(), subscriptions.started_at.min().execute()]
    since = min([first.to_pydatetime() for first in firsts if not pd.isna(first)] + [company.as_of_at])
    clock = Clock(company.timezone, since - timedelta(days=2), company.as_of_at + timedelta(days=2))
    started = clock.day(subscriptions.started_at)
    over = subscriptions.filter(subscriptions.ended_at.notnull())
    ended = ibis.greatest(clock.day(over.ended_at), clock.day(over.started_at))
    key = ("account_id", "product_id")
    return ibis.union(
        orders.select(*key, "amount", day=clock.day(orders.ordered_at), kind=ibis.literal("order")),
        subscriptions.select(*key, amount=subscriptions.mrr, day=started, kind=ibis.literal("start")),
        over.select(*key, amount=-over.mrr, day=ended, kind=ibis.literal("end")),
    )


def revenue_series(company: Company, grain: Grain) -> pd.DataFrame:
    """One row per node and complete period: ``level, node, period, amount``, ordered by level, node and period.

    Nodes are ``total``, ``region:<region>`` and ``segment:<region>/<segment>``; a level whose column no account fills
    is left out. ``period`` is the first day (weeks begin on Monday) in the company's zone; the period that the
    company's date cuts is left out. Each node is filled with zeros from the period of its first sale. Parts add up to
    their parent but for the rounding to cents.
    """
    return aggregate_series(daily_revenue(company), grain)


def aggregate_series(revenue: DailyRevenue, grain: Grain) -> pd.DataFrame:
    """``revenue_series`` of daily revenue."""
    period = period_starts(revenue.days, grain)
    complete = period < np.datetime64(_period_start(revenue.as_of, grain))
    periods, index = np.unique(period[complete], return_inverse=True)
    frames = []
    for level, nodes in _levels(revenue):
        for node in sorted(set(nodes)):
            daily = revenue.amounts[complete][:, nodes == node].sum(axis=1)
            if not daily.any():
                continue
            amounts = np.bincount(index, weights=daily, minlength=len(periods))
            first = int(index[np.flatnonzero(daily)[0]])
            frames.append(
                pd.DataFrame(
                    {"level": level, "node": node, "period": periods[first:], "amount": amounts[first:].round(2)}
                )
            )
    if not frames:
        kinds = {"level": "str", "node": "str", "period": "datetime64[s]", "amount": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    return pd.concat(frames, ignore_index=True).astype({"period": "datetime64[s]"})


def hierarchy_leaves(revenue: DailyRevenue) -> pd.DataFrame:
    """One row per leaf of the hierarchy: ``unique_id`` (its node) and, where there is a level above it, that column.

    Where the data has no level below the total, the one leaf is ``all``.
    """
    levels = _levels(revenue)
    nodes = levels[-1][1] if len(levels) > 1 else np.full(len(revenue.dimensions), "all", dtype=object)
    above = [level for level, _ in levels[1:-1]]
    return revenue.dimensions[above].assign(unique_id=nodes).drop_duplicates("unique_id")[["unique_id", *above]]


def leaf_series(revenue: DailyRevenue, grain: Grain) -> pd.DataFrame:
    """A long table of the leaves of ``hierarchy_leaves``: ``unique_id, ds, y``; without the period that is not over."""
    rows = aggregate_series(revenue, grain)
    levels = _levels(revenue)
    leaves = rows[rows["level"] == levels[-1][0]]
    return pd.DataFrame(
        {
            "unique_id": leaves["node"] if len(levels) > 1 else "all",
            "ds": leaves["period"],
            "y": leaves["amount"],
        }
    ).reset_index(drop=True)


def period_starts(days: pd.DatetimeIndex, grain: Grain) -> "NDArray[np.datetime64]":
    """The first day of the week (a Monday) or month of each day."""
    if grain not in ("week", "month"):
        raise ValueError(f"grain is 'week' or 'month', not {grain!r}")
    dates = days.to_numpy().astype("datetime64[D]")
    if grain == "month":
        return dates.astype("datetime64[M]").astype("datetime64[D]")
    monday = np.datetime64("1970-01-05", "D")
    return monday + (dates - monday) // np.timedelta64(7, "D") * np.timedelta64(7, "D")


def weekday_profile(revenue: DailyRevenue) -> Floats:
    """Mean revenue of a Monday, a Tuesday, …; equal for all where the history is too short or brings nothing."""
    recent = revenue.amounts[-WEEKDAY_PROFILE_DAYS:].sum(axis=1)
    if len(recent) < MIN_WEEKDAY_PROFILE_DAYS:
        return np.ones(7)
    weekday = revenue.days[-WEEKDAY_PROFILE_DAYS:].day_of_week.to_numpy()
    means = np.maximum(np.bincount(weekday, weights=recent, minlength=7) / np.bincount(weekday, minlength=7), 0.0)
    return means if means.sum() > 0 else np.ones(7)


def _sum_by_segment(movements: ir.Table, company: Company, by: tuple[str, ...]) -> pd.DataFrame:
    """Movements before the company's date, summed: the columns of the segment, ``day, kind, amount``."""
    known = movements.filter(movements.day < ibis.literal(company.as_of))
    known = known.group_by("account_id", "product_id", "day", "kind").agg(amount=lambda t: t.amount.sum())
    rows = with_dimensions(known, company, by)
    sums = rows.group_by(*by, "day", "kind").agg(amount=rows.amount.sum())
    frame: pd.DataFrame = sums.filter(sums.amount != 0).order_by(*by, "day", "kind").execute()
    return frame.assign(day=pd.to_datetime(frame["day"]))


def _levels(revenue: DailyRevenue) -> list[tuple[str, "np.ndarray[Any, Any]"]]:
    """(level, node of each column of the revenue) of the levels that the data has, the total first."""
    levels = [("total", np.full(len(revenue.dimensions), "total", dtype=object))]
    outer: np.ndarray[Any, Any] | None = None
    for level in revenue.dimensions:
        names = revenue.dimensions[level].to_numpy(dtype=object)
        parents = [None] * len(names) if outer is None else outer
        if (names != UNKNOWN).any():
            nodes = [node_name(str(level), parent, name) for parent, name in zip(parents, names, strict=True)]
            levels.append((str(level), np.array(nodes, dtype=object)))
        outer = names
    return levels


def _period_start(day: date, grain: Grain) -> date:
    start: date = period_starts(pd.DatetimeIndex([day]), grain)[0].astype(object)
    return start
