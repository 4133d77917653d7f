"""Leaks of access: products that are used after their subscription ended."""

from datetime import timedelta

import pandas as pd

from features.company import Company
from reports.leaks.lookups import MONTH_DAYS, clock_since, used_since, with_owner

USAGE_WINDOW = timedelta(days=90)
"""Usage is searched this far back."""


def usage_after_end(company: Company) -> pd.DataFrame:
    """Products that an account still uses after its subscription to them ended.

    One row per account and product; the money is the last price, by the day, of the days of use in ``USAGE_WINDOW``.
    """
    since = company.as_of - USAGE_WINDOW
    usage, subscriptions, clock = (
        used_since(company, since),
        company.tables["subscriptions"],
        clock_since(company, since),
    )
    used = usage.filter((usage.active_users > 0) | (usage.events > 0)).select("account_id", "product_id", "day")
    spans = subscriptions.filter(subscriptions.product_id.notnull()).select(
        "account_id", "product_id", "mrr", "started_at", "ended_at"
    )
    joined = used.join(spans, ["account_id", "product_id"])
    last = clock.day(joined.ended_at)  # the day in which it ends is still covered, and so is that in which one begins
    covered = (clock.day(joined.started_at) <= joined.day) & (last.isnull() | (last >= joined.day))
    ended = last < joined.day
    days = joined.group_by("account_id", "product_id", "day").agg(
        covered=covered.any(),
        mrr=joined.mrr.argmax(joined.ended_at, where=ended),
        ended_at=joined.ended_at.max(where=ended),
    )
    beyond = days.filter(~days.covered, days.ended_at.notnull(), days.mrr > 0)
    rows = beyond.group_by("account_id", "product_id").agg(
        days=beyond.count(), money=beyond.mrr.sum() / MONTH_DAYS, ended_at=beyond.ended_at.max()
    )
    frame: pd.DataFrame = with_owner(company, rows).execute()
    return frame.assign(
        key=frame["account_id"].astype(str) + "/" + frame["product_id"].astype(str),
        evidence=[
            f"{product} was used on {count} of the last {USAGE_WINDOW.days} days, after its subscription ended"
            f" {end:%Y-%m-%d}"
            for product, count, end in zip(frame["product_id"], frame["days"], frame["ended_at"], strict=True)
        ],
    )
