"""Features of subscriptions: what recurs, how it grew, and what the contract says about its end."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.feature import Change, Feature
from features.point_in_time import days_between, facts_as_of, ratio
from features.subscriptions.term_dates import term_ends

TABLE = "subscriptions"

FEATURES = (
    Feature("mrr", "subscriptions", "monthly recurring revenue", "money", TABLE),
    Feature(
        "mrr_change_90",
        "subscriptions",
        "change of monthly recurring revenue in 90 days",
        "money",
        TABLE,
        change=Change("mrr", "monthly recurring revenue", "in 90 days"),
    ),
    Feature(
        "mrr_change_365",
        "subscriptions",
        "change of monthly recurring revenue in a year",
        "money",
        TABLE,
        change=Change("mrr", "monthly recurring revenue", "in a year"),
    ),
    Feature("subscriptions_active", "subscriptions", "active subscriptions", "subscriptions", TABLE),
    Feature("seats", "subscriptions", "seats of active subscriptions", "seats", TABLE),
    Feature(
        "seats_change_365",
        "subscriptions",
        "seats won or lost in a year",
        "seats",
        TABLE,
        change=Change("seats", "seats", "in a year"),
    ),
    Feature("products_subscribed", "subscriptions", "different products subscribed to", "products", TABLE),
    Feature(
        "days_subscribed", "subscriptions", "days since the first subscription began", "days", absent="never subscribed"
    ),
    Feature(
        "days_to_term_end",
        "subscriptions",
        "days until the next contract term ends",
        "days",
        absent="no contract term ends",
    ),
    Feature("terms_ending_90", "subscriptions", "contract terms that end within 90 days", "terms", TABLE),
    Feature("mrr_ending_90", "subscriptions", "recurring revenue up for renewal within 90 days", "money", TABLE),
    Feature("auto_renew_share", "subscriptions", "share of active subscriptions that renew by themselves", "share"),
    Feature("ended_365", "subscriptions", "subscriptions ended in the last year", "subscriptions", TABLE),
    Feature(
        "days_since_subscription_change",
        "subscriptions",
        "days since a subscription last began or ended",
        "days",
        absent="never subscribed",
    ),
)


def subscription_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known subscription: the columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "subscriptions")
    ended_age = days_between(rows.ended_at, rows.as_of_at)
    rows = rows.mutate(ended_age=ended_age, days_to_term=days_between(rows.as_of_at, term_ends(company, rows)))
    active = rows.ended_at.isnull()
    year_ago = (rows.age > 365) & (active | (rows.ended_age <= 365))
    quarter_ago = (rows.age > 90) & (active | (rows.ended_age <= 90))
    ending = active & (rows.days_to_term >= 0) & (rows.days_to_term <= 90)

    def total(column: str, where: ir.BooleanValue) -> ir.FloatingValue:
        return rows[column].sum(where=where).fill_null(0.0)

    return rows.group_by("account_id", "as_of").agg(
        mrr=total("mrr", active),
        mrr_change_90=total("mrr", active) - total("mrr", quarter_ago),
        mrr_change_365=total("mrr", active) - total("mrr", year_ago),
        subscriptions_active=active.sum(),
        seats=total("seats", active),
        seats_change_365=total("seats", active) - total("seats", year_ago),
        products_subscribed=rows.product_id.nunique(where=active),
        days_subscribed=rows.age.max(),
        days_to_term_end=rows.days_to_term.min(where=active & (rows.days_to_term >= 0)),
        terms_ending_90=ending.sum(),
        mrr_ending_90=total("mrr", ending),
        auto_renew_share=ratio((active & rows.auto_renew).sum(), (active & rows.auto_renew.notnull()).sum()),
        ended_365=(rows.ended_age <= 365).sum().fill_null(0),
        days_since_subscription_change=ibis.least(rows.age.min(), rows.ended_age.min().fill_null(rows.age.min())),
    )
