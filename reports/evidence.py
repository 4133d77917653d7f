"""What detectors of leaks have in common: whose account it is, and how long ago things happened."""

from datetime import datetime, timedelta

import ibis.expr.types as ir

from features.company import Company

MONTH_DAYS = 365.25 / 12


def with_owner(company: Company, rows: ir.Table) -> ir.Table:
    """The rows with their account's ``owner_id``."""
    owners = company.tables["accounts"].select("account_id", "owner_id")
    return rows.left_join(owners, "account_id").drop("account_id_right")


def ago(company: Company, days: float) -> datetime:
    """The instant (naive UTC) that lies so many days before the company's date."""
    return company.as_of_at - timedelta(days=days)
