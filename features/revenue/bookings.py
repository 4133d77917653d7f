"""Bookings: the subscriptions, deals and orders that revenue comes from, as frames with the company's days."""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.local_time import Clock
from features.opportunities.history import deal_values
from features.opportunities.win_rates import PRIOR_DEALS
from features.order_lines import net_order_lines
from features.revenue.dimensions import DIMENSIONS, with_dimensions
from features.spine import opportunity_spine
from features.subscriptions.succession import successors

AHEAD_DAYS = 1_100
"""How far past the company's date the clock is exact: terms that end later may be read a day off."""


def subscription_bookings(company: Company) -> pd.DataFrame:
    """One row per subscription: ``subscription_id, account_id, product_id, mrr``, its dimensions, the days on which it
    ``started``, ``ended`` and its ``term`` ends, and ``next_mrr``: what its successors bring for it, missing without
    any. An end is known only once it has passed."""
    subscriptions, clock = company.tables["subscriptions"], _clock(company)
    pairs = successors(company)
    following = pairs.group_by("subscription_id").agg(next_mrr=pairs.attributed_mrr.sum().cast("float64"))
    joined = subscriptions.left_join(following, "subscription_id")
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
    return _with_days(with_dimensions(rows, company).order_by("subscription_id"), "started", "ended", "term")


def open_deal_bookings(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per deal and date on which it was open: ``opportunity_id, account_id, product_id, kind, as_of, stage,
    amount``, ``due`` (the day on which its close is expected), ``created``, and its dimensions.

    Stage, amount and expected close are those of the date (``deal_values``).
    """
    clock, spine = _clock(company), opportunity_spine(company, dates)
    deals = company.tables["opportunities"].select("opportunity_id", "product_id", "kind", "created_at")
    rows = spine.join(deals, "opportunity_id").drop("owner_id")
    rows = rows.left_join(deal_values(company, spine), ["opportunity_id", "as_of"])
    rows = rows.drop("opportunity_id_right", "as_of_right")
    rows = rows.mutate(due=clock.day(rows.expected_close_at), created=clock.day(rows.created_at))
    rows = with_dimensions(rows.drop("as_of_at", "expected_close_at", "created_at"), company)
    return _with_days(rows.order_by("as_of", "opportunity_id"), "as_of", "due", "created")


def closed_deals(company: Company) -> pd.DataFrame:
    """One row per deal that is won or lost: ``opportunity_id, account_id, kind, amount, won``, the days on which it was
    ``created`` and ``closed``."""
    deals, clock = company.tables["opportunities"], _clock(company)
    closed = deals.filter(deals.outcome.notnull(), deals.closed_at.notnull())
    rows = closed.select(
        "opportunity_id",
        "account_id",
        "kind",
        "amount",
        won=closed.outcome == "won",
        created=clock.day(closed.created_at),
        closed=clock.day(closed.closed_at),
    )
    return _with_days(rows.order_by("opportunity_id"), "created", "closed")


def first_stage_dates(company: Company) -> pd.DataFrame:
    """One row per deal and stage that it ever had: ``opportunity_id, stage``, and the first day of it (``reached``)."""
    changes, clock = company.tables["opportunity_changes"], _clock(company)
    stages = changes.filter(changes.field == "stage", changes.new_value.notnull())
    rows = stages.group_by("opportunity_id", stage="new_value").agg(reached=clock.day(stages.changed_at.min()))
    return _with_days(rows.order_by("opportunity_id", "stage"), "reached")


def win_rate_by_stage(closed: pd.DataFrame, reached: pd.DataFrame) -> dict[str, float]:
    """The share won of ``closed_deals`` that had ever reached each stage (``first_stage_dates``); ``""``: of all.

    Shrunk to the rate of all by ``PRIOR_DEALS``; 0 where no deal is closed.
    """
    overall = float(closed["won"].astype(float).mean()) if len(closed) else 0.0
    pairs = reached.merge(closed[["opportunity_id", "won"]], on="opportunity_id")
    counts = pairs.assign(won=pairs["won"].astype(float)).groupby("stage")["won"].agg(["sum", "count"])
    rates = (counts["sum"] + PRIOR_DEALS * overall) / (counts["count"] + PRIOR_DEALS)
    return {"": overall, **{str(stage): float(rate) for stage, rate in rates.items()}}


def orders_by_cohort(company: Company) -> pd.DataFrame:
    """One row per month and month of the account's first sale: ``month, first, amount`` of orders net of returns."""
    clock, lines = _clock(company), net_order_lines(company.tables["orders"])
    subscriptions = company.tables["subscriptions"]
    sales = ibis.union(
        lines.select("account_id", day=clock.day(lines.ordered_at)),
        subscriptions.select("account_id", day=clock.day(subscriptions.started_at)),
    )
    firsts = sales.group_by("account_id").agg(first=sales.day.min().truncate("M"))
    months = lines.select("account_id", "amount", month=clock.day(lines.ordered_at).truncate("M"))
    rows = months.join(firsts, "account_id")
    sums = rows.group_by("month", "first").agg(amount=rows.amount.sum()).order_by("month", "first")
    return _with_days(sums, "month", "first")


def daily_orders(company: Company, since: date) -> pd.DataFrame:
    """One row per combination of ``DIMENSIONS``, account and day from ``since`` on with net orders: those columns,
    ``account_id, day, amount``."""
    clock, lines = _clock(company), net_order_lines(company.tables["orders"])
    days = lines.select("account_id", "product_id", "amount", day=clock.day(lines.ordered_at))
    recent = days.filter(days.day >= ibis.literal(since), days.day < ibis.literal(company.as_of))
    keys = (*DIMENSIONS, "account_id", "day")
    sums = with_dimensions(recent, company).group_by(*keys).agg(amount=lambda t: t.amount.sum())
    return _with_days(sums.order_by(*keys), "day")


def order_dimensions(company: Company) -> pd.DataFrame:
    """One row per combination of ``DIMENSIONS`` in which anything was ever ordered."""
    ordered = company.tables["orders"].select("account_id", "product_id").distinct()
    rows = with_dimensions(ordered, company).select(*DIMENSIONS).distinct()
    frame: pd.DataFrame = rows.order_by(*DIMENSIONS).execute()
    return frame


def orders_around_wins(company: Company, won: pd.DataFrame, days: int) -> pd.DataFrame:
    """One row per won deal: ``opportunity_id``, and the net orders of its account in the ``days`` ``before`` the day on
    which it closed, and from that day on (``after``). ``won`` are rows of ``closed_deals``."""
    clock, lines = _clock(company), net_order_lines(company.tables["orders"])
    lines = lines.select("account_id", "amount", day=clock.day(lines.ordered_at))
    deals = ibis.memtable(won[["opportunity_id", "account_id", "closed"]])
    joined = deals.join(lines, "account_id")
    gap = joined.day.cast("timestamp").epoch_seconds() - joined.closed.cast("timestamp").epoch_seconds()
    rows = joined.mutate(gap=gap / 86400)
    sums = rows.group_by("opportunity_id").agg(
        before=rows.amount.sum(where=(rows.gap >= -days) & (rows.gap < 0)).fill_null(0.0),
        after=rows.amount.sum(where=(rows.gap >= 0) & (rows.gap < days)).fill_null(0.0),
    )
    frame: pd.DataFrame = sums.execute()
    return won[["opportunity_id"]].merge(frame, how="left").fillna({"before": 0.0, "after": 0.0})


def _with_days(rows: ir.Table, *columns: str) -> pd.DataFrame:
    """The rows as a frame, with these columns of days as pandas instants at midnight."""
    frame: pd.DataFrame = rows.execute()
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in columns})


def _clock(company: Company) -> Clock:
    """The clock of the company's zone, from the first sale or deal to the last term that it may have to read."""
    firsts = [
        company.tables[table][column].min().execute()
        for table, column in (
            ("orders", "ordered_at"),
            ("subscriptions", "started_at"),
            ("opportunities", "created_at"),
        )
    ]
    since = min([first.to_pydatetime() for first in firsts if not pd.isna(first)] + [company.as_of_at])
    return Clock(company.timezone, since - timedelta(days=2), company.as_of_at + timedelta(days=AHEAD_DAYS))
