"""The feature table of accounts: all families of features of an account as of a date."""

import ibis.expr.types as ir

from features.accounts import engagement, orders, payments, pipeline, profile, subscriptions, support, usage
from features.company import Company
from features.feature import Feature
from features.feature_table import feature_table

ACCOUNT_FEATURES: tuple[Feature, ...] = (
    *orders.FEATURES,
    *subscriptions.FEATURES,
    *engagement.FEATURES,
    *support.FEATURES,
    *payments.FEATURES,
    *usage.FEATURES,
    *pipeline.FEATURES,
    *profile.FEATURES,
)
"""Numbers; NULL where unknown."""

ACCOUNT_CATEGORIES: tuple[Feature, ...] = profile.CATEGORIES
"""Text; NULL where unknown."""

FAMILIES = (
    orders.order_features,
    subscriptions.subscription_features,
    engagement.engagement_features,
    engagement.activity_features,
    support.ticket_features,
    payments.invoice_features,
    usage.usage_features,
    pipeline.pipeline_features,
    profile.profile_features,
    profile.people_features,
)


def account_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of an ``account_spine``: ``account_id, as_of``, then ``ACCOUNT_FEATURES`` and categories.

    Every number is a float64, NULL where it is unknown. Ordered by date and account.
    """
    families = [family(company, spine) for family in FAMILIES]
    return feature_table(company, spine, "account_id", families, ACCOUNT_FEATURES, ACCOUNT_CATEGORIES)
