"""What happens to a subscription after a date: it ends, expands, or is renewed."""

from datetime import datetime

import ibis.expr.types as ir

from features.company import Company
from features.labels.windows import occurs_in_window, with_window_end
from features.subscriptions.succession import subscription_end_events


def subscription_churned(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of``, whether it ``ended`` without a
    successor within the horizon."""
    windows = with_window_end(company, spine, horizon_days, covered_until)
    events = subscription_end_events(company)
    return occurs_in_window(windows, events.filter(events.ends), "subscription_id", "ended")


def subscription_expanded(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of``, whether it ``grew``: was replaced
    within the horizon by one that brings more."""
    windows = with_window_end(company, spine, horizon_days, covered_until)
    events = subscription_end_events(company)
    return occurs_in_window(windows, events.filter(events.expands), "subscription_id", "grew")


def subscription_renewed(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of``, whether it is ``renewed``: it runs on
    until the end of the horizon, or has a successor."""
    rows = subscription_churned(company, spine, horizon_days, covered_until)
    return rows.select("subscription_id", "as_of", renewed=~rows.ended)
