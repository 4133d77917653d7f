"""What each customer bought, product by product, and which products people showed interest in."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.point_in_time import age, keys, past

ANSWERS = ("clicked", "replied", "attended", "form_submitted")
"""What a person does who is interested; a sent or opened mail tells nothing of its product."""


def purchases(company: Company, spine: ir.Table, by: str = "account_id") -> ir.Table:
    """One row per customer, date and instant at which it ordered or newly subscribed to a product before the date:
    ``by, as_of, product_id, at``. Customers are accounts or, ``by`` *contact_id*, the people whom orders name.

    Cancelled and returned lines are none. A subscription is its account's, not one person's.
    """
    lines = past(company, spine, "orders", by)
    bought = lines.filter(lines.status == "placed").select(by, "as_of", "product_id", at="ordered_at")
    if by == "account_id":
        held = past(company, spine, "subscriptions")
        begun = held.filter(held.product_id.notnull()).select(by, "as_of", "product_id", at="started_at")
        bought = ibis.union(bought, begun)
    return bought.distinct().order_by("as_of", by, "product_id", "at")


def answered(company: Company, spine: ir.Table, by: str = "account_id") -> ir.Table:
    """One row per customer, date and product whose campaign somebody answered before it:
    ``by, as_of, product_id, answered_days`` since the last time. ``spine`` has the customers' dates.

    An account answers through any of its people. What a machine did does not count.
    """
    touches, campaigns = company.tables["touches"], company.tables["campaigns"]
    told = touches.filter(touches.kind.isin(ANSWERS), ~touches.machine.fill_null(False))
    of_product = campaigns.filter(campaigns.product_id.notnull())
    told = told.join(of_product.select("campaign_id", "product_id", campaign_known_at="known_at"), "campaign_id")
    people = company.tables["contacts"].select("contact_id", "account_id", person_known_at="known_at")
    told = told.join(people, "contact_id")
    known = ("known_at", "campaign_known_at", "person_known_at")
    seen = told.select(by, "product_id", "happened_at", *known).join(keys(spine, by), by)
    seen = seen.filter(*(seen[name].isnull() | (seen[name] < seen.as_of_at) for name in known))
    seen = seen.mutate(age=age(seen, "happened_at"))
    return (
        seen.group_by(by, "as_of", "product_id").agg(answered_days=seen.age.min()).order_by("as_of", by, "product_id")
    )
