"""Leaks of renewals: subscriptions that run past their term without being renewed."""

import ibis
import pandas as pd

from features.company import Company
from features.point_in_time import days_between
from reports.leaks.lookups import MONTH_DAYS, with_owner

MIN_STUCK_DAYS, MAX_STUCK_SHARE = 7.0, 0.1
"""Days after which the ended term of a self-renewing subscription is stuck, if no more than this share are."""


def overdue_renewals(company: Company) -> pd.DataFrame:
    """Subscriptions that run past their term without a renewal or an open deal about one.

    One row per subscription; the money is what it would have brought since its term ended, one month at least. A later
    subscription of the account to the product counts as the renewal; an open deal counts as being worked on when it is
    a renewal, or about the same product. One that renews itself counts when its term ended more than ``MIN_STUCK_DAYS``
    ago and fewer than ``MAX_STUCK_SHARE`` of the self-renewing ones are like it: where most terms are in the past, the
    source does not update them.
    """
    subscriptions, deals = company.tables["subscriptions"], company.tables["opportunities"]
    days = days_between(subscriptions.term_ends_at, ibis.literal(company.as_of_at))
    running = subscriptions.filter(
        subscriptions.ended_at.isnull(), subscriptions.term_ends_at.notnull(), subscriptions.mrr > 0
    ).mutate(renews_itself=subscriptions.auto_renew.fill_null(False), days=days)
    stuck = (
        running.filter(running.renews_itself)
        .agg(share=(running.days > MIN_STUCK_DAYS).mean())
        .execute()
        .iloc[0]["share"]
    )
    longest = MIN_STUCK_DAYS if stuck < MAX_STUCK_SHARE else float("inf")  # NaN without any self-renewing subscription
    due = running.filter(running.days > ibis.ifelse(running.renews_itself, longest, 0.0))
    open_deals = deals.filter(deals.closed_at.isnull(), deals.account_id.notnull())
    renewing = open_deals.filter(open_deals.kind == "renewal").select("account_id").distinct()
    about = open_deals.filter(open_deals.product_id.notnull()).select("account_id", "product_id").distinct()
    due = due.anti_join(renewing, "account_id").anti_join(about, ["account_id", "product_id"])
    later = subscriptions.select("account_id", "product_id", started_later="started_at")
    renewed = due.inner_join(
        later,
        [
            due.account_id == later.account_id,
            due.product_id == later.product_id,
            later.started_later >= due.term_ends_at,
        ],
    ).select("subscription_id")
    unrenewed = with_owner(company, due.anti_join(renewed.distinct(), "subscription_id"))
    frame: pd.DataFrame = unrenewed.select(
        "account_id", "owner_id", "term_ends_at", "mrr", "renews_itself", "days", key=unrenewed.subscription_id
    ).execute()
    months = (frame["days"] / MONTH_DAYS).clip(lower=1.0)
    return frame.assign(
        money=frame["mrr"] * months,
        evidence=[
            f"subscription {key} of {mrr:,.2f} {company.currency} a month goes on since its term ended {end:%Y-%m-%d};"
            f" {'it should have renewed itself' if renews_itself else 'it does not renew itself'},"
            f" and no deal about it is open; counted: {'one month' if count <= 1 else f'the {count:.1f} months since'}"
            for key, mrr, end, renews_itself, count in zip(
                *(frame[name] for name in ("key", "mrr", "term_ends_at", "renews_itself")), months, strict=True
            )
        ],
    )
