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
from features.revenue.dimensions import HIERARCHIES, UNKNOWN, node_name, with_dimensions

Grain = Literal["week", "month"]

WEEKDAY_PROFILE_DAYS, MIN_WEEKDAY_PROFILE_DAYS = 364, 56
"""Days back from which it is seen how much a Monday brings beside a Sunday; below eight weeks all days count alike."""


@dataclass(frozen=True)
class DailyRevenue:
    """What came in by day (rows, from the first sale to the day before the company's date) and place (columns).

    ``places`` holds the levels of a hierarchy for each column (``region`` and ``segment``), ``sold`` orders net of
    returns, ``recurring`` what subscriptions earned.
    """

    as_of: date
    days: pd.DatetimeIndex
    dimensions: pd.DataFrame
    orders: Floats
    recurring: Floats

    @property
    def amounts(self) -> Floats:
        """All revenue."""
        return self.orders + self.recurring


def daily_revenue(company: Company, by: tuple[str, ...] = HIERARCHIES["market"]) -> DailyRevenue:
    """What came in by day and place, of one hierarchy; no days and no places for a company without a sale.

    Revenue is orders net of returns on the day they happened in the company's zone, plus what subscriptions earn by the
    day: a month's amount is spread evenly over its days, from the day of the start until the day before the end.
    """
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    orders = orders.filter(orders.status != "cancelled")
    firsts = [orders.ordered_at.min().execute(), subscriptions.started_at.min().execute()]
    began = min([first.to_pydatetime() for first in firsts if not pd.isna(first)] + [company.as_of_at])
    clock = Clock(company.timezone, began - timedelta(days=2), company.as_of_at + timedelta(days=2))
    started = clock.day(subscriptions.started_at)
    over = subscriptions.filter(subscriptions.ended_at.notnull())
    ended = ibis.greatest(clock.day(over.ended_at), clock.day(over.started_at))
    moves = [
        orders.select(
            "account_id", "product_id", "amount", day=clock.day(orders.ordered_at), kind=ibis.literal("sold")
        ),
        subscriptions.select(
            "account_id", "product_id", amount=subscriptions.mrr, day=started, kind=ibis.literal("from")
        ),
        over.select("account_id", "product_id", amount=-over.mrr, day=ended, kind=ibis.literal("until")),
    ]
    rows = _by_place(ibis.union(*moves), company, by)
    places = rows[list(by)].drop_duplicates().sort_values(list(by), ignore_index=True)
    first = rows["day"].min() if len(rows) else pd.Timestamp(company.as_of)
    days = pd.date_range(first, pd.Timestamp(company.as_of), freq="D", inclusive="left").as_unit("s")
    column = rows[list(by)].merge(places.reset_index(), how="left")["index"].to_numpy(dtype=np.int64)
    row = (rows["day"] - first).dt.days.to_numpy(dtype=np.int64)

    def by_day(*kinds: str) -> Floats:
        mine = rows["kind"].isin(kinds).to_numpy()
        daily = np.zeros((len(days), len(places)))
        np.add.at(daily, (row[mine], column[mine]), rows["amount"].to_numpy(dtype=np.float64)[mine])
        return daily

    held = np.round(by_day("from", "until").cumsum(axis=0), 6)
    recurring = held / days.days_in_month.to_numpy()[:, None]
    return DailyRevenue(company.as_of, days, places, by_day("sold"), recurring)


def revenue_series(company: Company, grain: Grain) -> pd.DataFrame:
    """One row per node and complete period: ``level, node, period, amount``, ordered by level, node and period.

    Nodes are ``total``, ``region:<region>`` and ``segment:<region>/<segment>``; a level whose column no account fills
    is left out. ``period`` is the first day (weeks begin on Monday) in the company's zone; the period that the
    company's date cuts is left out. Each node is filled with zeros from the period of its first sale. Parts add up to
    their whole but for the rounding to cents.
    """
    return aggregate_series(daily_revenue(company), grain)


def aggregate_series(came: DailyRevenue, grain: Grain) -> pd.DataFrame:
    """``revenue_series`` of what came in."""
    period = period_starts(came.days, grain)
    complete = period < np.datetime64(_first_day(came.as_of, grain))
    periods, place = np.unique(period[complete], return_inverse=True)
    nodes = []
    for level, names in _levels(came):
        for node in sorted(set(names)):
            daily = came.amounts[complete][:, names == node].sum(axis=1)
            if not daily.any():
                continue
            amounts = np.bincount(place, weights=daily, minlength=len(periods))
            began = int(place[np.flatnonzero(daily)[0]])
            nodes.append(
                pd.DataFrame(
                    {"level": level, "node": node, "period": periods[began:], "amount": amounts[began:].round(2)}
                )
            )
    if not nodes:
        kinds = {"level": "str", "node": "str", "period": "datetime64[s]", "amount": "float64"}
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    return pd.concat(nodes, ignore_index=True).astype({"period": "datetime64[s]"})


def hierarchy_leaves(came: DailyRevenue) -> pd.DataFrame:
    """One row per leaf of the hierarchy: ``unique_id`` (its node) and, where there is a level above it, that column.

    Where the data has no level below the total, the one leaf is ``all``.
    """
    levels = _levels(came)
    nodes = levels[-1][1] if len(levels) > 1 else np.full(len(came.dimensions), "all", dtype=object)
    above = [level for level, _ in levels[1:-1]]
    return came.dimensions[above].assign(unique_id=nodes).drop_duplicates("unique_id")[["unique_id", *above]]


def leaf_series(came: DailyRevenue, grain: Grain) -> pd.DataFrame:
    """A long table of the leaves of ``leaves_of``: ``unique_id, ds, y``; the period under way is left out."""
    rows = aggregate_series(came, grain)
    levels = _levels(came)
    mine = rows[rows["level"] == levels[-1][0]]
    return pd.DataFrame(
        {
            "unique_id": mine["node"] if len(levels) > 1 else "all",
            "ds": mine["period"],
            "y": mine["amount"],
        }
    ).reset_index(drop=True)


def period_starts(days: pd.DatetimeIndex, grain: Grain) -> "NDArray[np.datetime64]":
    """The first day of the period of each day."""
    if grain not in ("week", "month"):
        raise ValueError(f"grain is 'week' or 'month', not {grain!r}")
    plain = days.to_numpy().astype("datetime64[D]")
    if grain == "month":
        return plain.astype("datetime64[M]").astype("datetime64[D]")
    monday = np.datetime64("1970-01-05", "D")
    return monday + (plain - monday) // np.timedelta64(7, "D") * np.timedelta64(7, "D")


def _by_place(moves: ir.Table, company: Company, by: tuple[str, ...]) -> pd.DataFrame:
    """Moves before the company's date, summed: the columns of the place, ``day, kind, amount``."""
    known = moves.filter(moves.day < ibis.literal(company.as_of)).group_by("account_id", "product_id", "day", "kind")
    rows = with_dimensions(known.agg(amount=moves.amount.sum()), company, by)
    found = rows.group_by(*by, "day", "kind").agg(amount=rows.amount.sum())
    frame: pd.DataFrame = found.filter(found.amount != 0).order_by(*by, "day", "kind").execute()
    return frame.assign(day=pd.to_datetime(frame["day"]))


def _levels(came: DailyRevenue) -> list[tuple[str, "np.ndarray[Any, Any]"]]:
    """(level, node of each place) of the levels that the data has, the total first."""
    levels = [("total", np.full(len(came.dimensions), "total", dtype=object))]
    outer: np.ndarray[Any, Any] | None = None
    for level in came.dimensions:
        names = came.dimensions[level].to_numpy(dtype=object)
        wholes = [None] * len(names) if outer is None else outer
        if (names != UNKNOWN).any():
            nodes = [node_name(str(level), whole, name) for whole, name in zip(wholes, names, strict=True)]
            levels.append((str(level), np.array(nodes, dtype=object)))
        outer = names
    return levels


def weekday_profile(came: DailyRevenue) -> Floats:
    """What a Monday, a Tuesday … brings; the same for all where it is not known."""
    recent = came.amounts[-WEEKDAY_PROFILE_DAYS:].sum(axis=1)
    if len(recent) < MIN_WEEKDAY_PROFILE_DAYS:
        return np.ones(7)
    weekday = came.days[-WEEKDAY_PROFILE_DAYS:].day_of_week.to_numpy()
    brought = np.maximum(np.bincount(weekday, weights=recent, minlength=7) / np.bincount(weekday, minlength=7), 0.0)
    return brought if brought.sum() > 0 else np.ones(7)


def _first_day(day: date, grain: Grain) -> date:
    first: date = period_starts(pd.DatetimeIndex([day]), grain)[0].astype(object)
    return first
