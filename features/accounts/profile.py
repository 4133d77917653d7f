"""Features of the account itself (industry, size, tenure, contacts) and of the season of the date."""

from math import pi

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, facts_as_of

FEATURES = (
    Feature("tenure_days", "profile", "days since the account was created", "days"),
    Feature("employees", "profile", "employees", "people"),
    Feature("contacts", "profile", "people known there", "people", "contacts"),
    Feature("contacts_with_email", "profile", "people known there with an e-mail address", "people", "contacts"),
    Feature(
        "days_since_contact_added",
        "profile",
        "days since a person there was last added",
        "days",
        absent="no people known there",
    ),
    Feature("season_sin", "profile", "the season (sine of the day of the year)", "season"),
    Feature("season_cos", "profile", "the season (cosine of the day of the year)", "season"),
)

CATEGORIES = (
    Feature("industry", "profile", "industry", "category"),
    Feature("segment", "profile", "segment", "category"),
    Feature("region", "profile", "region", "category"),
)

UNDATED_COLUMNS = ("employees", "industry", "segment", "region")
"""Columns of an account of which a CRM keeps no history: they may have been written with or after any outcome."""


def profile_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date of the spine: the account's own columns of ``FEATURES`` and ``CATEGORIES``.

    ``UNDATED_COLUMNS`` are as last known.
    """
    rows = facts_as_of(company, spine, "accounts")
    angle = rows.as_of.day_of_year() * (2 * pi / 365.25)
    return rows.select(
        "account_id",
        "as_of",
        "employees",
        "industry",
        "segment",
        "region",
        tenure_days=days_between(rows.created_at, rows.as_of_at),
        season_sin=angle.sin(),
        season_cos=angle.cos(),
    )


def people_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known contact: the contact columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "contacts")
    return rows.group_by("account_id", "as_of").agg(
        contacts=rows.count(),
        contacts_with_email=(rows.email.strip().length() > 0).sum().fill_null(0),
        days_since_contact_added=rows.age.min(),
    )
