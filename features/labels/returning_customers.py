"""How many lapsed customers buy again by themselves, counted at past dates."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.order_lines import placed_order_lines
from features.point_in_time import days_between

RETURN_DAYS = 90
"""Days without a sale after which a customer has lapsed, and within which a purchase is a return."""
MAX_LAPSED_DAYS = 730
"""A customer counts as lapsed until its last sale lies this many days back."""
N_DATES = 4
"""Past dates, ``RETURN_DAYS`` apart, at which returns are counted."""
PRIOR_CUSTOMERS = 20
"""Weight of a prior rate of zero, in customers, so that a small company does not rely on one return."""


def return_rate(company: Company) -> float:
    """The share of lapsed customers who bought again within ``RETURN_DAYS``, over ``N_DATES`` past dates; 0 to 1.

    Shrunk to zero by ``PRIOR_CUSTOMERS``. A customer with an active subscription has not lapsed.
    """
    dates = _past_dates(company)
    sales = _sales(company, dates)
    rows = sales.left_join(_subscriptions(company, dates), ["account_id", "date"])
    last = ibis.greatest(rows.last_at, rows.ended_at.fill_null(rows.last_at))
    days = days_between(last, rows["date"])
    lapsed = rows.filter(~rows.active.fill_null(False), days >= RETURN_DAYS, days < MAX_LAPSED_DAYS)
    counts = lapsed.agg(customers=lapsed.count(), returned=lapsed.returned.sum().fill_null(0)).execute().iloc[0]
    return float(counts["returned"]) / (float(counts["customers"]) + PRIOR_CUSTOMERS)


def _past_dates(company: Company) -> ir.Table:
    """The instants at which returns are counted, the windows after them covered by the data: ``date``."""
    instants = [company.as_of_at - timedelta(days=RETURN_DAYS * back) for back in range(1, N_DATES + 1)]
    return ibis.memtable(pd.DataFrame({"date": pd.to_datetime(instants)})).cast({"date": "timestamp"})


def _sales(company: Company, dates: ir.Table) -> ir.Table:
    """One row per account with any sale, and date: ``last_at`` before it, and whether it ``returned`` after it."""
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    placed = placed_order_lines(orders).select("account_id", sold_at="ordered_at")
    sales = ibis.union(placed, subscriptions.select("account_id", sold_at="started_at")).cross_join(dates)
    after = (sales.sold_at >= sales["date"]) & (sales.sold_at < sales["date"] + ibis.interval(days=RETURN_DAYS))
    return sales.group_by("account_id", "date").agg(
        last_at=sales.sold_at.max(where=sales.sold_at < sales["date"]), returned=after.any()
    )


def _subscriptions(company: Company, dates: ir.Table) -> ir.Table:
    """One row per account that ever subscribed, and date: whether one is ``active``, and when the last one ended."""
    spans = company.tables["subscriptions"].cross_join(dates)
    active = (spans.started_at < spans["date"]) & (spans.ended_at.isnull() | (spans.ended_at >= spans["date"]))
    return spans.group_by("account_id", "date").agg(
        active=active.any(), ended_at=spans.ended_at.max(where=spans.ended_at < spans["date"])
    )
