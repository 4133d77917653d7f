"""Features of an account's deals: how many are open, and how the closed ones ended."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, facts_as_of

FEATURES = (
    Feature("deals_open", "pipeline", "open deals", "deals", "opportunities"),
    Feature("deals_created_90", "pipeline", "deals created in the last 90 days", "deals", "opportunities"),
    Feature("deals_won_365", "pipeline", "deals won in the last year", "deals", "opportunities"),
    Feature("deals_lost_365", "pipeline", "deals lost in the last year", "deals", "opportunities"),
    Feature("days_since_deal_won", "pipeline", "days since a deal was won", "days", absent="no deal ever won"),
    Feature("days_since_deal_lost", "pipeline", "days since a deal was lost", "days", absent="no deal ever lost"),
    Feature("deal_win_rate", "pipeline", "share of its deals that were won", "share", absent="no deal ever closed"),
)


def pipeline_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known deal: the columns of ``FEATURES``."""
    rows = facts_as_of(company, spine, "opportunities")
    closed_age = days_between(rows.closed_at, rows.as_of_at)
    won, lost = rows.outcome == "won", rows.outcome == "lost"
    return rows.group_by("account_id", "as_of").agg(
        deals_open=rows.closed_at.isnull().sum(),
        deals_created_90=(rows.age <= 90).sum(),
        deals_won_365=(won & (closed_age <= 365)).sum().fill_null(0),
        deals_lost_365=(lost & (closed_age <= 365)).sum().fill_null(0),
        days_since_deal_won=closed_age.min(where=won),
        days_since_deal_lost=closed_age.min(where=lost),
        deal_win_rate=won.mean(where=won | lost),
    )
