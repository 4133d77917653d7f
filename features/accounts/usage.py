"""Features of usage: how much a product is used, by how many, and whether that falls."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import facts_as_of, ratio

FEATURES = (
    Feature("events_30", "usage", "uses of the product in the last 30 days", "events", "usage"),
    Feature("events_90", "usage", "uses of the product in the last 90 days", "events", "usage"),
    Feature(
        "events_trend",
        "usage",
        "uses of the last 30 days over those of the 30 before",
        "ratio",
        absent="not used in the month before the last",
    ),
    Feature("days_used_30", "usage", "days of use in the last 30 days", "days", "usage"),
    Feature(
        "active_users_30",
        "usage",
        "people using it on a day of use, in the last 30 days",
        "people",
        absent="not used in the last 30 days",
    ),
    Feature(
        "active_users_trend",
        "usage",
        "people using it, last 30 days over the 60 before",
        "ratio",
        absent="too little use to compare",
    ),
    Feature("products_used_90", "usage", "different products used in the last 90 days", "products", "usage"),
    Feature("days_since_use", "usage", "days since the last use", "days", absent="not used within a year"),
)

USAGE_LOOKBACK_DAYS = 365


def usage_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with use known within a year: the columns of ``FEATURES``.

    A day's row is known when the day is over: the last day that counts as of a date is yesterday.
    """
    rows = facts_as_of(company, spine, "usage")
    rows = rows.mutate(age=rows.as_of.delta(rows.day, unit="day"))
    rows = rows.filter(rows.age <= USAGE_LOOKBACK_DAYS)
    used = rows.events > 0
    month, prior, before = rows.age <= 30, (rows.age > 30) & (rows.age <= 60), (rows.age > 30) & (rows.age <= 90)
    sums = rows.group_by("account_id", "as_of").agg(
        events_30=rows.events.sum(where=month).fill_null(0.0),
        events_90=rows.events.sum(where=rows.age <= 90).fill_null(0.0),
        events_prior=rows.events.sum(where=prior).fill_null(0.0),
        days_used_30=rows.day.nunique(where=month & used),
        active_users_30=rows.active_users.mean(where=month & used),
        active_users_before=rows.active_users.mean(where=before & used),
        products_used_90=rows.product_id.nunique(where=(rows.age <= 90) & used),
        days_since_use=rows.age.min(where=used),
    )
    return sums.mutate(
        events_trend=ratio(sums.events_30, sums.events_prior),
        active_users_trend=ratio(sums.active_users_30, sums.active_users_before),
    ).drop("events_prior", "active_users_before")
