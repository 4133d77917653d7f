"""The book: what a company's dates know that will bring money, contracts that run, deals that are open, who orders."""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import pandas as pd

from features.company import Company
from features.local_time import Clock
from features.opportunities.table import PRIOR_DEALS, deal_values
from features.revenue.dimensions import DIMENSIONS, with_dimensions
from features.spine import opportunity_spine
from features.subscriptions.succession import successors

AHEAD_DAYS = 1_100
"""Terms that end later than this are told by a clock that may be an hour off."""


def subscription_bookings(company: Company) -> pd.DataFrame:
    """One row per subscription: ``subscription_id, account_id, product_id, mrr``, its places, the days it ``started``,
    ``ended`` and its term ends (``term``), and ``next_mrr``: what its successors (``features.labels.churn``) bring for it,
    missing without.

    Days are the company's; an end is known only once it is over.
    """
    held, clock, pairs = company.tables["subscriptions"], _clock(company), successors(company)
    following = pairs.group_by("subscription_id").agg(next_mrr=pairs.attributed_mrr.sum().cast("float64"))
    joined = held.left_join(following, "subscription_id")
    rows = joined.select(
        "subscription_id",
        "account_id",
        "product_id",
        "mrr",
        "next_mrr",
        started=clock.day(joined.started_at),
        ended=clock.day(joined.ended_at),
        term=clock.day(joined.term_ends_at),
    )
    frame: pd.DataFrame = with_dimensions(rows, company).order_by("subscription_id").execute()
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in ("started", "ended", "term")})


def open_deal_bookings(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per deal and date on which it was open: ``opportunity_id, account_id, product_id, kind, as_of, stage,
    amount``, ``due`` (the day its close is expected), ``created``, and its places.

    Stage, amount and day are those of its history before the date.
    """
    clock, spine = _clock(company), opportunity_spine(company, dates)
    deals = company.tables["opportunities"].select("opportunity_id", "product_id", "kind", "created_at")
    rows = spine.join(deals, "opportunity_id").drop("owner_id")
    values = deal_values(company, spine)
    told = rows.left_join(values, ["opportunity_id", "as_of"]).drop("opportunity_id_right", "as_of_right")
    told = told.mutate(due=clock.day(told.expected_close_at), created=clock.day(told.created_at))
    told = with_dimensions(told.drop("as_of_at", "expected_close_at", "created_at"), company)
    frame: pd.DataFrame = told.order_by("as_of", "opportunity_id").execute()
    for name in ("as_of", "due", "created"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


def closed_deals(company: Company) -> pd.DataFrame:
    """One row per deal that is won or lost: ``opportunity_id, account_id, kind, amount, won``, the days it was
    ``created`` and ``closed``."""
    deals, clock = company.tables["opportunities"], _clock(company)
    over = deals.filter(deals.outcome.notnull(), deals.closed_at.notnull())
    rows = over.select(
        "opportunity_id",
        "account_id",
        "kind",
        "amount",
        won=over.outcome == "won",
        created=clock.day(over.created_at),
        closed=clock.day(over.closed_at),
    )
    frame: pd.DataFrame = rows.order_by("opportunity_id").execute()
    return frame.assign(created=pd.to_datetime(frame["created"]), closed=pd.to_datetime(frame["closed"]))


def first_stage_dates(company: Company) -> pd.DataFrame:
    """One row per deal and stage that it ever reached: ``opportunity_id, stage``, and the day it first did."""
    changes, clock = company.tables["opportunity_changes"], _clock(company)
    named = changes.filter(changes.field == "stage", changes.new_value.notnull())
    rows = named.group_by("opportunity_id", stage="new_value").agg(reached=clock.day(named.changed_at.min()))
    frame: pd.DataFrame = rows.order_by("opportunity_id", "stage").execute()
    return frame.assign(reached=pd.to_datetime(frame["reached"]))


def win_rate_by_stage(closed: pd.DataFrame, reached: pd.DataFrame) -> dict[str, float]:
    """The share won of ``closed_deals`` that had reached each stage (``stages_reached``), drawn towards that of all
    (``""``); 0 where none is closed."""
    every = float(closed["won"].astype(float).mean()) if len(closed) else 0.0
    ends = reached.merge(closed[["opportunity_id", "won"]], on="opportunity_id")
    counts = ends.assign(won=ends["won"].astype(float)).groupby("stage")["won"].agg(["sum", "count"])
    rates = (counts["sum"] + PRIOR_DEALS * every) / (counts["count"] + PRIOR_DEALS)
    return {"": every, **{str(stage): float(rate) for stage, rate in rates.items()}}


def orders_by_cohort(company: Company) -> pd.DataFrame:
    """One row per month and month of the account's first sale: ``month, first, amount`` of orders net of returns."""
    clock, orders = _clock(company), company.tables["orders"]
    kept = orders.filter(orders.status != "cancelled")
    held = company.tables["subscriptions"]
    sales = ibis.union(
        kept.select("account_id", day=clock.day(kept.ordered_at)),
        held.select("account_id", day=clock.day(held.started_at)),
    )
    firsts = sales.group_by("account_id").agg(first=sales.day.min().truncate("M"))
    rows = kept.select("account_id", "amount", month=clock.day(kept.ordered_at).truncate("M")).join(
        firsts, "account_id"
    )
    summed = rows.group_by("month", "first").agg(amount=rows.amount.sum()).order_by("month", "first")
    frame: pd.DataFrame = summed.execute()
    return frame.assign(month=pd.to_datetime(frame["month"]), first=pd.to_datetime(frame["first"]))


def daily_orders(company: Company, since: date) -> pd.DataFrame:
    """One row per place, account and day from ``since`` on with orders net of returns: ``account_id, day, amount``."""
    clock, orders = _clock(company), company.tables["orders"]
    kept = orders.filter(orders.status != "cancelled")
    days = kept.select("account_id", "product_id", "amount", day=clock.day(kept.ordered_at))
    recent = days.filter(days.day >= ibis.literal(since), days.day < ibis.literal(company.as_of))
    summed = (
        with_dimensions(recent, company).group_by(*DIMENSIONS, "account_id", "day").agg(amount=lambda t: t.amount.sum())
    )
    frame: pd.DataFrame = summed.order_by(*DIMENSIONS, "account_id", "day").execute()
    return frame.assign(day=pd.to_datetime(frame["day"]))


def order_dimensions(company: Company) -> pd.DataFrame:
    """One row per place in which anything was ever ordered."""
    bought = company.tables["orders"].select("account_id", "product_id").distinct()
    rows = with_dimensions(bought, company).select(*DIMENSIONS).distinct()
    frame: pd.DataFrame = rows.order_by(*DIMENSIONS).execute()
    return frame


def orders_around_wins(company: Company, won: pd.DataFrame, days: int) -> pd.DataFrame:
    """One row per won deal (``opportunity_id``): what its account ordered in so many days ``before`` it closed and
    from then on (``after``)."""
    clock, orders = _clock(company), company.tables["orders"]
    kept = orders.filter(orders.status != "cancelled")
    lines = kept.select("account_id", "amount", day=clock.day(kept.ordered_at))
    deals = ibis.memtable(won[["opportunity_id", "account_id", "closed"]])
    joined = deals.join(lines, "account_id")
    gap = joined.day.cast("timestamp").epoch_seconds() - joined.closed.cast("timestamp").epoch_seconds()
    near = joined.mutate(gap=gap / 86400)
    summed = near.group_by("opportunity_id").agg(
        before=near.amount.sum(where=(near.gap >= -days) & (near.gap < 0)).fill_null(0.0),
        after=near.amount.sum(where=(near.gap >= 0) & (near.gap < days)).fill_null(0.0),
    )
    frame: pd.DataFrame = summed.execute()
    return won[["opportunity_id"]].merge(frame, how="left").fillna({"before": 0.0, "after": 0.0})


def _clock(company: Company) -> Clock:
    """The clock of the zone from the first thing that is told to the last term that may be."""
    firsts = [
        company.tables[table][column].min().execute()
        for table, column in (
            ("orders", "ordered_at"),
            ("subscriptions", "started_at"),
            ("opportunities", "created_at"),
        )
    ]
    began = min([first.to_pydatetime() for first in firsts if not pd.isna(first)] + [company.as_of_at])
    return Clock(company.timezone, began - timedelta(days=2), company.as_of_at + timedelta(days=AHEAD_DAYS))
