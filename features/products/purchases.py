"""What each customer bought, product by product, and which products people showed interest in."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.order_lines import placed_order_lines
from features.point_in_time import age_days, facts_as_of, spine_keys
from features.responses import INTEREST_RESPONSES, is_human_response


def purchase_events(company: Company, spine: ir.Table, by: str = "account_id") -> ir.Table:
    """One row per customer, date and instant at which it ordered or newly subscribed to a product before the date:
    ``by, as_of, product_id, at``.

    Customers are accounts or, ``by`` *contact_id*, the people whom orders name; a subscription belongs to its account
    only. Cancelled and returned lines are left out.
    """
    lines = placed_order_lines(facts_as_of(company, spine, "orders", by))
    purchases = lines.select(by, "as_of", "product_id", at="ordered_at")
    if by == "account_id":
        subscriptions = facts_as_of(company, spine, "subscriptions")
        subscriptions = subscriptions.filter(subscriptions.product_id.notnull())
        purchases = ibis.union(purchases, subscriptions.select(by, "as_of", "product_id", at="started_at"))
    return purchases.distinct().order_by("as_of", by, "product_id", "at")


def campaign_responses(company: Company, spine: ir.Table, by: str = "account_id") -> ir.Table:
    """One row per customer, date and product whose campaign a person responded to before the date: ``by, as_of,
    product_id, answered_days`` since the last response.

    The spine holds ``by, as_of, as_of_at``. Any contact of an account responds for it.
    """
    touches, campaigns = company.tables["touches"], company.tables["campaigns"]
    responses = touches.filter(is_human_response(touches, INTEREST_RESPONSES))
    of_product = campaigns.filter(campaigns.product_id.notnull())
    responses = responses.join(
        of_product.select("campaign_id", "product_id", campaign_known_at="known_at"), "campaign_id"
    )
    people = company.tables["contacts"].select("contact_id", "account_id", person_known_at="known_at")
    responses = responses.join(people, "contact_id")
    known = ("known_at", "campaign_known_at", "person_known_at")
    rows = responses.select(by, "product_id", "happened_at", *known).join(spine_keys(spine, by), by)
    rows = rows.filter(*(rows[name].isnull() | (rows[name] < rows.as_of_at) for name in known))
    rows = rows.mutate(age=age_days(rows, "happened_at"))
    return (
        rows.group_by(by, "as_of", "product_id").agg(answered_days=rows.age.min()).order_by("as_of", by, "product_id")
    )


def first_purchases(company: Company) -> ir.Table:
    """One row per account and product that it ever ordered or subscribed to: ``account_id, product_id, first_at``."""
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    purchases = ibis.union(
        placed_order_lines(orders).select("account_id", "product_id", first_at="ordered_at"),
        subscriptions.filter(subscriptions.product_id.notnull()).select(
            "account_id", "product_id", first_at="started_at"
        ),
    )
    return purchases.group_by("account_id", "product_id").agg(first_at=lambda t: t.first_at.min())


def new_product_purchases(company: Company) -> ir.Table:
    """One row per account and product that was new to it at its first purchase: ``account_id, product_id, event_at``.

    A lower tier of a family of which the account bought a higher one before is not new.
    """
    firsts = first_purchases(company)
    tiers = company.tables["products"].select("product_id", "family", "tier")
    purchases = firsts.left_join(tiers, "product_id").drop("product_id_right")
    earlier = purchases.select("account_id", "family", earlier_tier="tier", earlier_at="first_at")
    pairs = purchases.left_join(earlier, ["account_id", "family"])
    is_lower = (pairs.earlier_at < pairs.first_at) & (pairs.earlier_tier > pairs.tier)
    rows = pairs.group_by("account_id", "product_id", event_at="first_at").agg(is_lower=is_lower.any().fill_null(False))
    return rows.filter(~rows.is_lower).select("account_id", "product_id", "event_at")


def order_events(company: Company) -> ir.Table:
    """One row per account and instant of a placed order: ``account_id, event_at``."""
    return placed_order_lines(company.tables["orders"]).select("account_id", event_at="ordered_at").distinct()
