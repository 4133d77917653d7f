"""Revenue over time: one series per node of the hierarchy total → region → segment."""

from datetime import date, datetime, timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from data.calendar import local_day
from features.clock import Clock
from features.company import Company
from features.recurring import earned

UNKNOWN = "unknown"
"""The region or segment of accounts that have none, so that the parts always add up to the total."""


def revenue_series(company: Company, grain: Literal["week", "month"]) -> pd.DataFrame:
    """One row per node and complete period: ``level, node, period, amount``, ordered by level, node and period.

    Nodes are ``total``, ``region:<region>`` and ``segment:<region>/<segment>``; a level whose column no account fills
    is left out. ``period`` is the first day (weeks begin on Monday) in the company's zone; the period that the
    company's date cuts is left out. Each node is filled with zeros from the period of its first sale. Revenue is orders
    net of returns on the day they happened, plus what subscriptions earn by the day. Parts add up to their
    whole but for the rounding to cents.
    """
    if grain not in ("week", "month"):
        raise ValueError(f"grain is 'week' or 'month', not {grain!r}")
    amounts = _by_place(company, grain)
    columns = ["level", "node", "period", "amount"]
    if amounts.empty:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in
                             zip(columns, ("str", "str", "datetime64[s]", "float64"), strict=True)})  # fmt: skip
    periods = pd.DatetimeIndex(_periods(amounts.period.min().date(), company.as_of, grain)).as_unit("s")
    nodes = []
    for level, names in _levels(amounts):
        for node, rows in amounts.assign(node=names).groupby("node", sort=True):
            sold = rows.groupby("period").amount.sum()
            filled = sold.reindex(periods[periods >= sold.index.min()], fill_value=0.0)
            nodes.append(
                pd.DataFrame({"level": level, "node": node, "period": filled.index, "amount": filled.round(2).values})
            )
    return pd.concat(nodes, ignore_index=True)[columns]


def _by_place(company: Company, grain: Literal["week", "month"]) -> pd.DataFrame:
    """One row per region, segment and complete period with revenue: ``region, segment, period, amount``."""
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    unit = "W" if grain == "week" else "M"
    began = _began(company)
    clock = Clock(company.timezone, began - timedelta(days=2), company.as_of_at + timedelta(days=2))
    sold = orders.filter(orders.status != "cancelled").select("account_id", "amount", day=clock.day(orders.ordered_at))
    sold = sold.select("account_id", "amount", period=sold.day.truncate(unit).cast("date"))
    days = _periods(local_day(began, company.timezone), company.as_of, grain)
    if not days:
        return pd.DataFrame({"region": [], "segment": [], "period": [], "amount": []})
    periods = ibis.memtable(pd.DataFrame({"period": days, "following": [*days[1:], _after(days[-1], grain)]})).cast(
        {"period": "date", "following": "date"}
    )
    held = subscriptions.select("account_id", "mrr", "started_at", "ended_at").join(
        periods,
        [
            subscriptions.started_at < periods.following.cast("timestamp") + ibis.interval(days=2),
            subscriptions.ended_at.fill_null(company.as_of_at)
            > periods.period.cast("timestamp") - ibis.interval(days=2),
        ],
    )
    recurring = held.select("account_id", amount=earned(held, held.period, held.following, clock), period=held.period)
    amounts = ibis.union(sold, recurring.filter(recurring.amount != 0))
    accounts = company.tables["accounts"].select("account_id", "region", "segment")
    placed = _placed(amounts, accounts)
    totals = placed.group_by("region", "segment", "period").agg(amount=placed.amount.sum())
    frame: pd.DataFrame = (
        totals.filter(totals.period <= ibis.literal(days[-1])).order_by("region", "segment", "period").execute()
    )
    frame["period"] = pd.to_datetime(frame.period).astype("datetime64[s]")
    return frame


def _placed(amounts: ir.Table, accounts: ir.Table) -> ir.Table:
    """Amounts with the region and segment of their account."""
    joined = amounts.left_join(accounts, "account_id")
    return joined.select(
        "amount", "period", region=joined.region.fill_null(UNKNOWN), segment=joined.segment.fill_null(UNKNOWN)
    )


def _levels(amounts: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """(level, node of each row) of the levels that the data has, the total first."""
    levels = [("total", pd.Series("total", index=amounts.index))]
    if (amounts.region != UNKNOWN).any():
        levels.append(("region", "region:" + amounts.region))
    if (amounts.segment != UNKNOWN).any():
        levels.append(("segment", "segment:" + amounts.region + "/" + amounts.segment))
    return levels


def _began(company: Company) -> datetime:
    """The instant of the first sale; the company's date when there is none."""
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    firsts = (
        orders.filter(orders.status != "cancelled").ordered_at.min().execute(),
        subscriptions.started_at.min().execute(),
    )
    known: list[datetime] = [first.to_pydatetime() for first in firsts if first is not None and first == first]
    return min([*known, company.as_of_at])


def _periods(first: date, until: date, grain: Literal["week", "month"]) -> list[date]:
    """First days of the periods from the one that holds ``first`` to the last that ends by ``until`` (exclusive)."""
    frequency = "W-MON" if grain == "week" else "MS"
    stamp = pd.Timestamp(first)
    start = stamp - pd.Timedelta(days=stamp.weekday()) if grain == "week" else stamp.replace(day=1)
    days = [day.date() for day in pd.date_range(start, pd.Timestamp(until), freq=frequency)]
    return [day for day in days if _after(day, grain) <= until]


def _after(day: date, grain: Literal["week", "month"]) -> date:
    """The first day of the next period."""
    step = pd.Timedelta(days=7) if grain == "week" else pd.offsets.MonthBegin(1)
    return (pd.Timestamp(day) + step).date()
