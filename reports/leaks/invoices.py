"""Leaks of billing: unpaid invoices, and won deals without an invoice."""

from datetime import timedelta

import ibis
import pandas as pd

from features.company import Company
from features.point_in_time import days_between, earliest
from reports.leaks.lookups import MIN_CASES, SLOW_QUANTILE, with_owner

MIN_GRACE_DAYS = 14.0
"""Smallest number of days after which an invoice is overdue."""
MAX_INVOICE_LEAD, MAX_INVOICE_DELAY = timedelta(days=30), timedelta(days=30)
"""An invoice up to this long before or after the closing of a won deal is taken to be its own."""


def overdue_invoices(company: Company) -> pd.DataFrame:
    """Unpaid invoices, overdue for longer than nine of ten late payers take. One row per invoice; the money is its
    amount.

    The limit is the ``SLOW_QUANTILE`` of the delays of invoices paid late, at least ``MIN_GRACE_DAYS``.
    """
    invoices = company.tables["invoices"]
    late = days_between(invoices.due_at, invoices.paid_at)
    paid = invoices.filter(late > 0).agg(limit=late.quantile(SLOW_QUANTILE), n_paid=late.count()).execute().iloc[0]
    grace = max(MIN_GRACE_DAYS, float(paid["limit"])) if paid["n_paid"] >= MIN_CASES else MIN_GRACE_DAYS
    rows = invoices.filter(
        invoices.paid_at.isnull(),
        days_between(invoices.due_at, ibis.literal(company.as_of_at)) > grace,
        invoices.amount > 0,
    )
    rows_with_owner = with_owner(company, rows)
    frame: pd.DataFrame = rows_with_owner.select(
        "account_id", "owner_id", "due_at", key=rows_with_owner.invoice_id, money=rows_with_owner.amount
    ).execute()
    days = (pd.Timestamp(company.as_of_at) - frame["due_at"]).dt.days
    comparison = f"; nine of ten paid late came within {grace:.0f}" if grace > MIN_GRACE_DAYS else ""
    return frame.assign(
        evidence=[
            f"invoice {key} was due {due:%Y-%m-%d}, {late} days ago, and is not paid{comparison}"
            for key, due, late in zip(frame["key"], frame["due_at"], days, strict=True)
        ]
    )


def uninvoiced_deals(company: Company) -> pd.DataFrame:
    """Won deals whose account got no invoice around the closing, from the first invoice of the company on.

    One row per deal with an amount; the money is the amount. Any invoice of the account counts that was
    issued from ``MAX_INVOICE_LEAD`` before the closing to ``MAX_INVOICE_DELAY`` after it; a deal is reported then.
    """
    invoices, deals = company.tables["invoices"], company.tables["opportunities"]
    first_invoice_at = earliest(invoices.issued_at) or company.as_of_at
    latest_close = company.as_of_at - MAX_INVOICE_DELAY
    won = deals.filter(deals.outcome == "won", deals.amount > 0, deals.account_id.notnull())
    won = won.filter(won.closed_at < ibis.literal(latest_close), won.closed_at >= ibis.literal(first_invoice_at))
    issued = invoices.select("account_id", "issued_at")
    before, after = (ibis.interval(days=span.days) for span in (MAX_INVOICE_LEAD, MAX_INVOICE_DELAY))
    billed = won.inner_join(
        issued,
        [
            won.account_id == issued.account_id,
            issued.issued_at >= won.closed_at - before,
            issued.issued_at <= won.closed_at + after,
        ],
    ).select("opportunity_id")
    rows = won.anti_join(billed.distinct(), "opportunity_id").select(
        "opportunity_id", "account_id", "amount", "closed_at", deal_owner="owner_id"
    )
    rows_with_owner = with_owner(company, rows)
    frame: pd.DataFrame = rows_with_owner.select(
        "account_id",
        "closed_at",
        owner_id=rows_with_owner.deal_owner.fill_null(rows_with_owner.owner_id),
        key=rows_with_owner.opportunity_id,
        money=rows_with_owner.amount,
    ).execute()
    return frame.assign(
        evidence=[
            f"deal {key} was won {closed:%Y-%m-%d}, and its account got no invoice from {MAX_INVOICE_LEAD.days} days"
            f" before to {MAX_INVOICE_DELAY.days} days after"
            for key, closed in zip(frame["key"], frame["closed_at"], strict=True)
        ]
    )
