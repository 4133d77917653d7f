"""Products that an account owns, and what keeps it from being offered more: open deals, open escalations."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.opportunities.late_columns import columns_filled_at_close
from features.order_lines import is_placed, net_order_lines, placed_order_lines
from features.point_in_time import days_between, facts_as_of, with_product

OWNERSHIP_DAYS = 365
"""How long a product that was ordered, not subscribed to, counts as owned."""
MIN_CONSUMED_SHARE = 0.25
"""A product is consumed, and never owned by ordering it, when this share of its buyers bought it again."""
PRIOR_BUYERS = 20
"""How many buyers the company's own share of repeat purchases weighs in a product's."""


def owned_products(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account, date and product that it ever owned: ``account_id, as_of, product_id, family, tier, since,
    active, how``.

    ``active`` says whether the account has it at that date: an active subscription; or an order within
    ``OWNERSHIP_DAYS``, not all of it returned, of a product that is not ``consumed``. ``since`` is when it was first
    bought; ``how`` is *subscription* where any was known, else *order*.
    """
    subscriptions = facts_as_of(company, spine, "subscriptions")
    subscriptions = subscriptions.filter(subscriptions.product_id.notnull())
    subscribed = subscriptions.group_by("account_id", "as_of", "as_of_at", "product_id").agg(
        since=subscriptions.started_at.min(), active=subscriptions.ended_at.isnull().any(), subscribed=True
    )
    lines = facts_as_of(company, spine, "orders")
    lines = net_order_lines(lines)
    recent = lines.age <= OWNERSHIP_DAYS
    bought = lines.group_by("account_id", "as_of", "as_of_at", "product_id").agg(
        since=lines.ordered_at.min(where=is_placed(lines)),
        units=lines.quantity.fill_null(1.0).sum(where=recent).fill_null(0.0),
        placed=(is_placed(lines) & recent).any(),
    )
    bought = bought.filter(bought.since.notnull())
    rules = repeat_purchase_shares(company, spine).select("as_of", "product_id", "consumed")
    bought = bought.left_join(rules, ["as_of", "product_id"]).drop("as_of_right", "product_id_right")
    bought = bought.select(
        "account_id",
        "as_of",
        "as_of_at",
        "product_id",
        "since",
        active=bought.placed & (bought.units > 0) & ~bought.consumed.fill_null(False),
        subscribed=False,
    )
    owned = ibis.union(subscribed, bought)
    rows = owned.group_by("account_id", "as_of", "as_of_at", "product_id").agg(
        since=owned.since.min(), active=owned.active.any(), subscribed=owned.subscribed.any()
    )
    joined = with_product(company, rows, "family", "tier")
    return joined.select(
        "account_id",
        "as_of",
        "product_id",
        "family",
        "tier",
        "since",
        "active",
        how=ibis.ifelse(joined.subscribed, "subscription", "order"),
    ).order_by("as_of", "account_id", "product_id")


def repeat_purchase_shares(company: Company, spine: ir.Table) -> ir.Table:
    """One row per date and product ordered before it: ``as_of, product_id, buyers, repeat_share, consumed``.

    ``repeat_share`` is the share of its buyers (first order more than ``OWNERSHIP_DAYS`` ago, so that they had as long)
    who bought it again within ``OWNERSHIP_DAYS`` on another day, shrunk to the company's own share. A recurring product
    is never consumed.
    """
    dates = spine.select("as_of", "as_of_at").distinct()
    orders = company.tables["orders"]
    days = (
        placed_order_lines(orders)
        .select("account_id", "product_id", "known_at", day=lambda t: t.ordered_at.truncate("D"))
        .group_by("account_id", "product_id", "day")
        .agg(known_at=lambda t: t.known_at.min())
    )
    known_days = days.cross_join(dates).filter(lambda t: t.known_at < t.as_of_at)
    firsts = _first_two(known_days)
    old = days_between(firsts.first_day, firsts.as_of_at) > OWNERSHIP_DAYS
    again = (days_between(firsts.first_day, firsts.second_day) <= OWNERSHIP_DAYS).fill_null(False)
    counts = firsts.group_by("as_of", "as_of_at", "product_id").agg(buyers=old.sum(), again=(old & again).sum())
    totals = counts.group_by("as_of").agg(all_buyers=counts.buyers.sum(), all_again=counts.again.sum())
    joined = counts.join(totals, "as_of")
    overall = (joined.all_again / joined.all_buyers.nullif(0)).fill_null(0.0)
    shares = joined.select(
        "as_of",
        "as_of_at",
        "product_id",
        "buyers",
        repeat_share=(joined.again + PRIOR_BUYERS * overall) / (joined.buyers + PRIOR_BUYERS),
    )
    rows = with_product(company, shares, "recurring")
    return rows.select(
        "as_of",
        "product_id",
        "buyers",
        "repeat_share",
        consumed=(rows.repeat_share >= MIN_CONSUMED_SHARE) & ~rows.recurring.fill_null(False),
    )


def _first_two(known_days: ir.Table) -> ir.Table:
    """One row per date, account and product: the first two days on which it was ordered."""
    ranked = known_days.mutate(
        rank=ibis.row_number().over(ibis.window(group_by=["as_of", "account_id", "product_id"], order_by="day"))
    )
    return ranked.group_by("as_of", "as_of_at", "account_id", "product_id").agg(
        first_day=ranked.day.min(), second_day=ranked.day.min(where=ranked.rank == 1)
    )


def products_in_open_deals(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account, date and product of a deal that is open at the date: ``account_id, as_of, product_id,
    since``. None where the source names a deal's product only as it closes.
    """
    deals = facts_as_of(company, spine, "opportunities")
    deals = deals.filter(deals.product_id.notnull(), deals.closed_at.isnull())
    if "product_id" in columns_filled_at_close(company):
        deals = deals.filter(ibis.literal(False))
    rows = deals.group_by("account_id", "as_of", "product_id").agg(since=deals.created_at.min())
    return rows.order_by("as_of", "account_id", "product_id")


def open_escalations(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with an escalated ticket that is open at the date: ``account_id, as_of, since``."""
    tickets = facts_as_of(company, spine, "tickets")
    tickets = tickets.filter(tickets.escalated.fill_null(False), tickets.closed_at.isnull())
    rows = tickets.group_by("account_id", "as_of").agg(since=tickets.opened_at.min())
    return rows.order_by("as_of", "account_id")
