"""More people at work than seats are paid for."""

from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company
from reports.leaks.lookups import MONTH_DAYS, clock_since, used_since, with_owner

WINDOW_DAYS = 56
OVER_SHARE, OVER_DAYS, SPREAD_DAYS = 0.5, 5, 28
"""Seats are outgrown when more people came than there are seats on this share of the days of use, on so many days at
least, the first and last of which lie so far apart: one busy week is none."""


def seats_outgrown(company: Company) -> pd.DataFrame:
    """Accounts of which, for weeks, more people use a product than have seats. One row per account and product.

    The money is the mean excess of users over seats, days within the seats counted as none, at the price of a seat, for
    the ``WINDOW_DAYS`` looked at. Products whose seats or users nobody counts say nothing.
    """
    since = company.as_of - timedelta(days=WINDOW_DAYS)
    usage, held, clock = used_since(company, since), company.tables["subscriptions"], clock_since(company, since)
    used = usage.filter(usage.active_users > 0).select("account_id", "product_id", "day", "active_users")
    paid = held.filter(held.seats > 0).select("account_id", "product_id", "seats", "mrr", "started_at", "ended_at")
    joined = used.join(paid, ["account_id", "product_id"])
    noon = joined.day.cast("timestamp") + ibis.interval(hours=12)
    running = joined.filter(
        clock.local(joined.started_at) <= noon, joined.ended_at.isnull() | (clock.local(joined.ended_at) > noon)
    )
    days = running.group_by("account_id", "product_id", "day", "active_users").agg(
        seats=running.seats.sum(), mrr=running.mrr.sum()
    )
    excess = ibis.greatest(days.active_users - days.seats, 0.0)
    days = days.mutate(excess=excess, price=days.mrr / days.seats)
    over = days.excess > 0
    rows = days.group_by("account_id", "product_id").agg(
        days=days.count(),
        over=over.sum(),
        first=days.day.min(where=over),
        last=days.day.max(where=over),
        users=days.active_users.mean(where=over),
        seats=days.seats.argmax(days.day),
        worth=(days.excess * days.price).mean(),
    )
    rows = rows.filter(
        rows.over >= OVER_DAYS,
        rows.over >= OVER_SHARE * rows.days,
        rows.last.delta(rows["first"], unit="day") >= SPREAD_DAYS,
        rows.worth > 0,
    )
    frame: pd.DataFrame = with_owner(company, rows).execute()
    return frame.assign(
        key=frame["account_id"].astype(str) + "/" + frame["product_id"].astype(str),
        money=frame["worth"] * WINDOW_DAYS / MONTH_DAYS,
        evidence=[
            f"{users:.0f} people used {product} on average on {over} of {days} days since {first:%Y-%m-%d}, and"
            f" {seats:.0f} seats are paid for"
            for users, product, over, days, first, seats in zip(
                *(frame[name] for name in ("users", "product_id", "over", "days", "first", "seats")), strict=True
            )
        ],
    )
