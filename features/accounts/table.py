"""What is known of an account as of a date: its families of features, side by side."""

from collections.abc import Iterable

import ibis
import ibis.expr.types as ir

from features.accounts import engagement, orders, pipeline, profile, subscriptions, support
from features.accounts import usage as use
from features.company import Company
from features.feature import Feature, features_hash
from features.point_in_time import recorded_since

ACCOUNT_FEATURES: tuple[Feature, ...] = (
    *orders.FEATURES,
    *subscriptions.FEATURES,
    *engagement.FEATURES,
    *support.FEATURES,
    *use.FEATURES,
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
    support.invoice_features,
    use.usage_features,
    pipeline.pipeline_features,
    profile.profile_features,
    profile.people_features,
)


def account_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of an ``account_spine``: ``account_id, as_of``, then ``ACCOUNT_FEATURES`` and categories.

    Every number is a float64, NULL where it is unknown. Ordered by date and account.
    """
    families = [family(company, spine) for family in FAMILIES]
    return complete(company, spine, "account_id", families, ACCOUNT_FEATURES, ACCOUNT_CATEGORIES)


def complete(
    company: Company,
    spine: ir.Table,
    key: str,
    families: Iterable[ir.Table],
    features: Iterable[Feature],
    categories: Iterable[Feature],
) -> ir.Table:
    """The families joined to the spine, each absence made zero or left unknown as its feature says."""
    rows = spine.select(key, "as_of", "as_of_at")
    for place, family in enumerate(families):  # one flat chain of joins: Ibis compiles it several times faster
        rows = rows.left_join(family, [key, "as_of"], rname=f"{{name}}_{place}")
    features = tuple(features)
    since = {table: recorded_since(company, table) for table in {f.zero_from for f in features if f.zero_from}}

    def number(feature: Feature) -> ir.FloatingValue:
        value = rows[feature.name].cast("float64")
        if feature.zero_from is None:
            return value
        first = since[feature.zero_from]
        if first is None:
            return ibis.null("float64")
        return ibis.ifelse(rows.as_of_at > ibis.literal(first), value.fill_null(0.0), value)

    return rows.select(
        key,
        "as_of",
        **{feature.name: number(feature) for feature in features},
        **{category.name: rows[category.name].cast("string") for category in categories},
    ).order_by("as_of", key)


__all__ = ["ACCOUNT_CATEGORIES", "ACCOUNT_FEATURES", "FAMILIES", "account_features", "complete", "features_hash"]
