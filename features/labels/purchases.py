"""What a customer buys after a date: again, new to it, or which products."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.labels.windows import occurs_in_window, with_window_end
from features.order_lines import placed_order_lines
from features.products.purchases import new_product_purchases, order_events


def ordered_again(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of``, whether it ``ordered`` within the horizon."""
    windows = with_window_end(company, spine, horizon_days, covered_until)
    return occurs_in_window(windows, order_events(company), "account_id", "ordered")


def bought_new_product(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of``, whether it ``bought`` a product that was new to
    it within the horizon."""
    windows = with_window_end(company, spine, horizon_days, covered_until)
    return occurs_in_window(windows, new_product_purchases(company), "account_id", "bought")


def products_bought(
    company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime, by: str = "account_id"
) -> ir.Table:
    """One row per customer and date of the spine and product ordered or newly subscribed to within the horizon:
    ``by, as_of, product_id``. Customers are accounts or, ``by`` *contact_id*, people, who have no subscriptions."""
    rows = with_window_end(company, spine.select(by, "as_of", "as_of_at").distinct(), horizon_days, covered_until)
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    purchases = placed_order_lines(orders).select(by, "product_id", bought_at="ordered_at")
    if by == "account_id":
        subscribed = subscriptions.filter(subscriptions.product_id.notnull())
        purchases = ibis.union(purchases, subscribed.select(by, "product_id", bought_at="started_at"))
    pairs = rows.join(purchases, by)
    inside = pairs.filter(pairs.bought_at >= pairs.as_of_at, pairs.bought_at < pairs.end_at)
    return inside.select(by, "as_of", "product_id").distinct().order_by("as_of", by, "product_id")
