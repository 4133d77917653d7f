"""When accounts churn, by the company's own definition (``features.company.ChurnDefinition``).

Churn events are instants, so that horizons agree: an account that churned within 30 days has churned within 90.
"""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.accounts.lifecycle import account_status, inactivity_threshold
from features.company import Company
from features.labels.windows import with_window_end
from features.order_lines import placed_order_lines
from features.point_in_time import DAY, days_between
from features.subscriptions.succession import account_churn_ends


def account_churned(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, active, churned`` within the horizon.

    ``churned`` is NULL where the account was not active, and True for one that comes back later.
    """
    status = with_window_end(company, account_status(company, spine), horizon_days, covered_until)
    events = churn_events(company, spine)
    first = events.group_by("account_id", "as_of").agg(event_at=events.event_at.min())
    rows = status.left_join(first, ["account_id", "as_of"])
    churned = (rows.event_at < rows.end_at).fill_null(False)
    return rows.select("account_id", "as_of", "active", churned=ibis.ifelse(rows.active, churned, ibis.null("boolean")))


def churn_events(company: Company, spine: ir.Table) -> ir.Table:
    """One row per active account and date of the spine, and instant at or after it at which the account churns:
    ``account_id, as_of, event_at``.

    A subscriber churns with the ends of ``account_churn_ends``, another account with the first instant at which it has
    been inactive for the threshold that was known at the date.
    """
    status = account_status(company, spine)
    active = status.filter(status.active).select("account_id", "as_of", "as_of_at", "relation")
    subscribers = active.filter(active.relation == "subscription").select("account_id", "as_of", "as_of_at")
    ends = subscribers.join(account_churn_ends(company).select("account_id", "event_at"), "account_id")
    ends = ends.filter(ends.event_at >= ends.as_of_at).select("account_id", "as_of", "event_at")
    return ibis.union(ends, _inactivity_events(company, active.filter(active.relation == "orders"), spine))


def _inactivity_events(company: Company, active: ir.Table, spine: ir.Table) -> ir.Table:
    """One row per active account without subscriptions that becomes inactive at or after its date: ``account_id, as_of,
    event_at``, the first instant at which its last order is as long ago as the threshold of the date."""
    placed = placed_order_lines(company.tables["orders"]).select("account_id", "ordered_at").distinct()
    each_account = ibis.window(group_by="account_id", order_by="ordered_at")
    following = placed.ordered_at.lead().over(each_account).fill_null(ibis.literal(company.as_of_at))
    gaps = placed.mutate(gap=days_between(placed.ordered_at, following))
    rows = active.join(gaps, "account_id").join(inactivity_threshold(company, spine), "as_of")
    inactive_after = (rows.threshold_days * int(DAY)).cast("int64").as_interval("s")
    rows = rows.mutate(event_at=rows.ordered_at + inactive_after)
    events = rows.filter(rows.gap >= rows.threshold_days, rows.event_at >= rows.as_of_at)
    return events.group_by("account_id", "as_of").agg(event_at=events.event_at.min())
