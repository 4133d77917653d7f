"""Leaks of seats: more active users than paid seats."""

from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company
from reports.leaks.lookups import MONTH_DAYS, clock_since, used_since, with_owner

SEAT_WINDOW_DAYS = 56
MIN_OVER_SHARE, MIN_OVER_DAYS, MIN_SPREAD_DAYS = 0.5, 5, 28
"""Seats are outgrown if users exceed them on this share of the days of use, on at least this many days, and the first
and last such day are at least this many days from one another: one busy week does not count."""


def outgrown_seats(company: Company) -> pd.DataFrame:
    """Products with, for weeks, more users in an account than seats. One row per account and product.

    The money is the mean excess of users over seats (0 on days within the seats) × the price of a seat, over
    ``WINDOW_DAYS``. Products without seats or user counts are left out.
    """
    since = company.as_of - timedelta(days=SEAT_WINDOW_DAYS)
    usage, subscriptions, clock = (
        used_since(company, since),
        company.tables["subscriptions"],
        clock_since(company, since),
    )
    used = usage.filter(usage.active_users > 0).select("account_id", "product_id", "day", "active_users")
    paid = subscriptions.filter(subscriptions.seats > 0).select(
        "account_id", "product_id", "seats", "mrr", "started_at", "ended_at"
    )
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
    days_over = days.excess > 0
    rows = days.group_by("account_id", "product_id").agg(
        days=days.count(),
        days_over=days_over.sum(),
        first=days.day.min(where=days_over),
        last=days.day.max(where=days_over),
        users=days.active_users.mean(where=days_over),
        seats=days.seats.argmax(days.day),
        excess_value=(days.excess * days.price).mean(),
    )
    rows = rows.filter(
        rows.days_over >= MIN_OVER_DAYS,
        rows.days_over >= MIN_OVER_SHARE * rows.days,
        rows.last.delta(rows["first"], unit="day") >= MIN_SPREAD_DAYS,
        rows.excess_value > 0,
    )
    frame: pd.DataFrame = with_owner(company, rows).execute()
    return frame.assign(
        key=frame["account_id"].astype(str) + "/" + frame["product_id"].astype(str),
        money=frame["excess_value"] * SEAT_WINDOW_DAYS / MONTH_DAYS,
        evidence=[
            f"{users:.0f} people used {product} on average on {days_over} of {days} days since {first:%Y-%m-%d}, and"
            f" {seats:.0f} seats are paid for"
            for users, product, days_over, days, first, seats in zip(
                *(frame[name] for name in ("users", "product_id", "days_over", "days", "first", "seats")), strict=True
            )
        ],
    )
