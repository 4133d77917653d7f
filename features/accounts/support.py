"""Features of support: tickets, how fast they are closed, and how satisfied people are."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, facts_as_of

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
)


def ticket_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known ticket: the ticket columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "tickets")
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
