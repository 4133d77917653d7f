"""Revenue of an account after a date."""

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.labels.windows import with_window_end
from features.local_time import Clock
from features.order_lines import net_order_lines
from features.point_in_time import earliest
from features.subscriptions.accrual import accrued_revenue


def future_revenue(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, revenue`` of the window, in the currency.

    Orders net of returns, plus what subscriptions accrue by the day. Negative where returns exceed sales.
    """
    rows = with_window_end(company, spine.select("account_id", "as_of", "as_of_at"), horizon_days, covered_until)
    net = net_order_lines(company.tables["orders"]).select("account_id", "ordered_at", "amount")
    lines = rows.join(net, "account_id")
    sold = lines.filter(lines.ordered_at >= lines.as_of_at, lines.ordered_at < lines.end_at)
    subscriptions = rows.join(
        company.tables["subscriptions"].select("account_id", "mrr", "started_at", "ended_at"), "account_id"
    )
    since = earliest(spine.as_of_at) or covered_until
    clock = Clock(company.timezone, since - timedelta(days=2), covered_until + timedelta(days=2))
    accrued = accrued_revenue(subscriptions, subscriptions.as_of, subscriptions.end_on, clock)
    recurring = subscriptions.mutate(amount=accrued)
    amounts = ibis.union(
        sold.select("account_id", "as_of", "amount"), recurring.select("account_id", "as_of", "amount")
    )
    totals = amounts.group_by("account_id", "as_of").agg(revenue=amounts.amount.sum())
    joined = rows.left_join(totals, ["account_id", "as_of"])
    return joined.select("account_id", "as_of", revenue=joined.revenue.fill_null(0.0).round(2).cast("float64"))
