"""The margin of each account: the money at stake, or to be won back, when an action is chosen."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.order_lines import is_net, is_placed

DEFAULT_MARGIN_RATE = 0.5
"""Margin rate of a product without one: an assumption."""
YEAR = timedelta(days=365)


def account_margins(company: Company) -> pd.DataFrame:
    """One row per account, ordered by it; money in the reporting currency:

    - ``account_id, name, owner_id``
    - ``subscribed``: whether any subscription is active; ``mrr`` of those; ``mrr_margin``: its margin a month
    - ``term_ends_at``: the earliest term end of those; in the past where no newer term is recorded
    - ``orders_margin``: margin of the orders of the last 365 days, net of returns
    - ``order_margin``: mean margin of an order
    - ``last_sale_at``: last order, or start or end of a subscription
    """
    accounts = company.tables["accounts"].select("account_id", "name", "owner_id")
    rows = accounts.left_join(_subscriptions(company), "account_id").drop("account_id_right")
    rows = rows.left_join(_orders(company), "account_id").drop("account_id_right")
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
    """The rows with the ``margin_rate`` of their product, ``DEFAULT_MARGIN_RATE`` where it is unknown."""
    rates = company.tables["products"].select("product_id", "margin_rate")
    joined = rows.left_join(rates, "product_id").drop("product_id_right")
    return joined.mutate(margin_rate=joined.margin_rate.fill_null(DEFAULT_MARGIN_RATE))


def _subscriptions(company: Company) -> ir.Table:
    """One row per account that ever subscribed."""
    subscriptions = with_margin_rate(company, company.tables["subscriptions"])
    active = subscriptions.ended_at.isnull()  # tables are cut at as_of: an end after it is not known yet
    return subscriptions.group_by("account_id").agg(
        subscribed=active.any(),
        mrr=subscriptions.mrr.sum(where=active),
        mrr_margin=(subscriptions.mrr * subscriptions.margin_rate).sum(where=active),
        term_ends_at=subscriptions.term_ends_at.min(where=active),
        last_subscribed_at=ibis.greatest(
            subscriptions.started_at.max(), subscriptions.ended_at.max().fill_null(subscriptions.started_at.max())
        ),
    )


def _orders(company: Company) -> ir.Table:
    """One row per account that ever ordered."""
    lines = with_margin_rate(company, company.tables["orders"])
    margin = lines.amount * lines.margin_rate
    placed = is_placed(lines)
    recent = is_net(lines) & (lines.ordered_at >= ibis.literal(company.as_of_at - YEAR))
    return lines.group_by("account_id").agg(
        orders_margin=margin.sum(where=recent),
        order_margin=margin.sum(where=placed) / lines.order_id.nunique(where=placed).nullif(0),
        last_order_at=lines.ordered_at.max(where=placed),
    )
