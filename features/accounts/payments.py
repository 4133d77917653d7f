"""Features of payments: what is overdue, and how late invoices are paid."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, facts_as_of

FEATURES = (
    Feature("invoices_overdue", "support", "invoices overdue", "invoices", "invoices"),
    Feature("amount_overdue", "support", "amount overdue", "money", "invoices"),
    Feature(
        "days_paid_late_365",
        "support",
        "mean days by which last year's invoices were paid late",
        "days",
        absent="no paid invoice in the last year",
    ),
)


def invoice_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known invoice: the columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "invoices")
    overdue = rows.paid_at.isnull() & (rows.due_at < rows.as_of_at)
    late = days_between(rows.due_at, rows.paid_at)
    return rows.group_by("account_id", "as_of").agg(
        invoices_overdue=overdue.sum().fill_null(0),
        amount_overdue=rows.amount.sum(where=overdue).fill_null(0.0),
        days_paid_late_365=late.mean(where=rows.age <= 365),
    )
