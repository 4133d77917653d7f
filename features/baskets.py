"""What each account bought, product by product."""

import ibis.expr.types as ir

from features.company import Company
from features.past import past


def baskets(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account, date and product ordered before it:
    ``account_id, as_of, product_id, first_at, last_at, times, quantity, amount``.

    ``times`` counts orders; ``quantity`` and ``amount`` are net of returns. Cancelled lines do not count. A product
    that only came back (its order lies before the data) is left out.
    """
    lines = past(company, spine, "orders")
    lines = lines.filter(lines.status != "cancelled")
    placed = lines.status == "placed"
    orders = lines.group_by("account_id", "as_of", "product_id", "order_id").agg(
        first_at=lines.ordered_at.min(where=placed),
        last_at=lines.ordered_at.max(where=placed),
        quantity=lines.quantity.sum(),
        amount=lines.amount.sum(),
    )
    rows = orders.group_by("account_id", "as_of", "product_id").agg(
        first_at=orders.first_at.min(),
        last_at=orders.last_at.max(),
        times=orders.first_at.count(),
        quantity=orders.quantity.sum(),
        amount=orders.amount.sum().round(2).cast("float64"),
    )
    return rows.filter(rows.times > 0).order_by("as_of", "account_id", "product_id")
