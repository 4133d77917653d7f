"""Features of support and of paying: tickets, satisfaction, invoices."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, past

FEATURES = (
    Feature("tickets_30", "support", "tickets opened in the last 30 days", "tickets", "tickets"),
    Feature("tickets_90", "support", "tickets opened in the last 90 days", "tickets", "tickets"),
    Feature("tickets_365", "support", "tickets opened in the last year", "tickets", "tickets"),
    Feature("tickets_open", "support", "tickets still open", "tickets", "tickets"),
    Feature("escalated_365", "support", "tickets escalated in the last year", "tickets", "tickets"),
    Feature(
        "satisfaction_365",
        "support",
        "mean satisfaction with support in the last year",
        "points",
        absent="no ticket rated in the last year",
    ),
    Feature(
        "satisfaction_last",
        "support",
        "satisfaction with the last rated ticket",
        "points",
        absent="no ticket ever rated",
    ),
    Feature(
        "days_to_solve_365",
        "support",
        "mean days to close a ticket in the last year",
        "days",
        absent="no ticket of the last year closed",
    ),
    Feature("days_since_ticket", "support", "days since the last ticket", "days", absent="no tickets"),
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


def ticket_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known ticket: the ticket columns of ``FEATURES``."""
    rows = past(company, spine, "tickets")
    year = rows.age <= 365
    return rows.group_by("account_id", "as_of").agg(
        tickets_30=(rows.age <= 30).sum(),
        tickets_90=(rows.age <= 90).sum(),
        tickets_365=year.sum(),
        tickets_open=rows.closed_at.isnull().sum(),
        escalated_365=(rows.escalated.fill_null(False) & year).sum(),
        satisfaction_365=rows.satisfaction.mean(where=year),
        satisfaction_last=rows.satisfaction.argmax(rows.closed_at),
        days_to_solve_365=days_between(rows.opened_at, rows.closed_at).mean(where=year),
        days_since_ticket=rows.age.min(),
    )


def invoice_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known invoice: the invoice columns of ``FEATURES``."""
    rows = past(company, spine, "invoices")
    overdue = rows.paid_at.isnull() & (rows.due_at < rows.as_of_at)
    late = days_between(rows.due_at, rows.paid_at)
    return rows.group_by("account_id", "as_of").agg(
        invoices_overdue=overdue.sum().fill_null(0),
        amount_overdue=rows.amount.sum(where=overdue).fill_null(0.0),
        days_paid_late_365=late.mean(where=rows.age <= 365),
    )
