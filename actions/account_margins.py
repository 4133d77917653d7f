"""What each account earns us: the money that actions put at stake or hope to bring back."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company

MARGIN_RATE = 0.5
"""The margin of a product whose margin nobody wrote down: an assumption."""
YEAR = timedelta(days=365)


def worth(company: Company) -> pd.DataFrame:
    """One row per account, ordered by it:

    - ``account_id, name, owner_id``
    - ``subscribed``: whether any subscription is active; ``mrr``: of those; ``mrr_margin``: its margin a month
    - ``term_ends_at``: when the first of their terms ends, or has ended with no newer one written down
    - ``orders_margin``: margin of the orders of the last 365 days, net of returns
    - ``order_margin``: margin of its usual order (mean)
    - ``last_sale_at``: last order, or start or end of a subscription
    """
    accounts = company.tables["accounts"].select("account_id", "name", "owner_id")
    rows = accounts.left_join(_subscribed(company), "account_id").drop("account_id_right")
    rows = rows.left_join(_ordered(company), "account_id").drop("account_id_right")
    money = rows.select(
        "account_id",
        "name",
        "owner_id",
        "term_ends_at",
        "order_margin",
        subscribed=rows.subscribed.fill_null(False),
        mrr=rows.mrr.fill_null(0.0),
        mrr_margin=rows.mrr_margin.fill_null(0.0),
        orders_margin=rows.orders_margin.fill_null(0.0),
        last_sale_at=ibis.greatest(
            rows.last_subscribed_at.fill_null(rows.last_order_at), rows.last_order_at.fill_null(rows.last_subscribed_at)
        ),
    )
    frame: pd.DataFrame = money.order_by("account_id").execute()
    return frame


def with_margin_rate(company: Company, rows: ir.Table) -> ir.Table:
    """The rows with the ``margin_rate`` of their product, ``MARGIN_RATE`` where it is unknown."""
    rates = company.tables["products"].select("product_id", "margin_rate")
    joined = rows.left_join(rates, "product_id").drop("product_id_right")
    return joined.mutate(margin_rate=joined.margin_rate.fill_null(MARGIN_RATE))


def _subscribed(company: Company) -> ir.Table:
    """One row per account with any subscription."""
    held = with_margin_rate(company, company.tables["subscriptions"])
    active = held.ended_at.isnull()  # the company's tables are cut at its date: what ends later has not ended
    return held.group_by("account_id").agg(
        subscribed=active.any(),
        mrr=held.mrr.sum(where=active),
        mrr_margin=(held.mrr * held.margin_rate).sum(where=active),
        term_ends_at=held.term_ends_at.min(where=active),
        last_subscribed_at=ibis.greatest(held.started_at.max(), held.ended_at.max().fill_null(held.started_at.max())),
    )


def _ordered(company: Company) -> ir.Table:
    """One row per account with any order."""
    lines = with_margin_rate(company, company.tables["orders"])
    margin = lines.amount * lines.margin_rate
    placed = lines.status == "placed"
    recent = (lines.status != "cancelled") & (lines.ordered_at >= ibis.literal(company.as_of_at - YEAR))
    return lines.group_by("account_id").agg(
        orders_margin=margin.sum(where=recent),
        order_margin=margin.sum(where=placed) / lines.order_id.nunique(where=placed).nullif(0),
        last_order_at=lines.ordered_at.max(where=placed),
    )
