"""Lookups that several leak detectors share: owners of accounts, recent usage, and instants before the run's date."""

from datetime import date, datetime, timedelta

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.local_time import Clock

MONTH_DAYS = 365.25 / 12
SLOW_QUANTILE = 0.9
"""A deal or an invoice is slow beyond this quantile of comparable durations."""
MIN_CASES = 20
"""Fewest durations from which a quantile is taken."""


def with_owner(company: Company, rows: ir.Table) -> ir.Table:
    """The rows with their account's ``owner_id``."""
    owners = company.tables["accounts"].select("account_id", "owner_id")
    return rows.left_join(owners, "account_id").drop("account_id_right")


def instant_before(company: Company, days: float) -> datetime:
    """The instant (naive UTC) that is this many days before the company's date."""
    return company.as_of_at - timedelta(days=days)


def used_since(company: Company, first: date) -> ir.Table:
    """Usage of the company's days from ``first`` on."""
    usage = company.tables["usage"]
    return usage.filter(usage.day >= ibis.literal(first))


def clock_since(company: Company, first: date) -> Clock:
    """The company's clock, exact from a day until the company's date."""
    since = datetime.combine(first, datetime.min.time()) - timedelta(days=2)
    return Clock(company.timezone, since, company.as_of_at + timedelta(days=2))
