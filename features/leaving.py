"""When accounts and subscriptions leave, by what the company calls leaving (``features.company.Leaving``).

Departures are instants, so that every horizon is counted from one of them: who left within 30 days has left within 90.
This file looks past a date, as labels do.
"""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.labels import at_risk, silence_days
from features.past import days_between

FOLLOWS_DAYS = 1
"""A subscription that begins so soon after another ended takes its place."""
SHRINKS_BY = 0.01
"""What an account pays has shrunk when more than this share of it is gone."""


def departures(company: Company, spine: ir.Table, horizon_days: int) -> ir.Table:
    """One row per account and date of the spine that could leave, and instant at which it would: ``account_id, as_of,
    event_at``.

    A subscriber's are the ends of its subscriptions that count as leaving; of who only orders, the first instant at
    which it had been silent for as long as nobody is who comes back, as known at that date.
    """
    risk = at_risk(company, spine, horizon_days)
    able = risk.filter(risk.at_risk).select("account_id", "as_of", "as_of_at", "relation")
    subscribers = able.filter(able.relation == "subscription").select("account_id", "as_of", "as_of_at")
    ended = subscribers.join(leaving_ends(company).select("account_id", "event_at"), "account_id")
    left = ended.filter(ended.event_at >= ended.as_of_at).select("account_id", "as_of", "event_at")
    silent = _silenced(company, able.filter(able.relation == "orders"), spine, horizon_days)
    return ibis.union(left, silent)


def leaving_ends(company: Company) -> ir.Table:
    """One row per subscription whose end counts as leaving: ``account_id, subscription_id, event_at``."""
    held = company.tables["subscriptions"].select(
        "account_id", "subscription_id", "product_id", "mrr", "started_at", "ended_at"
    )
    ended = held.filter(held.ended_at.notnull())
    others = held.select(
        "account_id",
        other_id="subscription_id",
        other_product="product_id",
        other_mrr="mrr",
        other_started="started_at",
        other_ended="ended_at",
    )
    joined = ended.left_join(others, "account_id").drop("account_id_right")
    pairs = joined.mutate(
        follows=(joined.other_started <= joined.ended_at + ibis.interval(days=FOLLOWS_DAYS))
        & (joined.other_ended.isnull() | (joined.other_ended > joined.ended_at)),
        paid=(joined.other_started < joined.ended_at)
        & (joined.other_ended.isnull() | (joined.other_ended >= joined.ended_at)),
    )
    same = pairs.follows & (pairs.other_product == pairs.product_id).fill_null(False)
    after = pairs.group_by("account_id", "subscription_id", event_at="ended_at").agg(
        active=pairs.follows.any().fill_null(False),
        renewed=same.any().fill_null(False),
        before=pairs.other_mrr.sum(where=pairs.paid).fill_null(0.0),
        remains=pairs.other_mrr.sum(where=pairs.follows).fill_null(0.0),
    )
    counts = {
        "ends": ~after.active,
        "not_renewed": ~after.renewed,
        "shrinks": after.remains < after.before * (1 - SHRINKS_BY),
    }[company.leaving.subscribers]
    return after.filter(counts).select("account_id", "subscription_id", "event_at")


def subscription_events(company: Company) -> dict[str, ir.Table]:
    """What becomes of subscriptions, one table an event: ``subscription_id, event_at``.

    *ends*: it ends and none to the same product follows; *expands* and *contracts*: one to the same product, or to
    another of its family, follows with more or less a month.
    """
    held = company.tables["subscriptions"]
    families = company.tables["products"].select("product_id", "family")
    named = held.left_join(families, "product_id").select(
        "account_id",
        "subscription_id",
        "product_id",
        "mrr",
        "started_at",
        "ended_at",
        kin=ibis.coalesce(families.family, held.product_id),
    )
    ended = named.filter(named.ended_at.notnull())
    next_ = named.select("account_id", "kin", next_id="subscription_id", next_mrr="mrr", next_started="started_at")
    joined = ended.left_join(next_, ["account_id", "kin"])
    gap = days_between(joined.ended_at, joined.next_started)
    follows = (gap >= -FOLLOWS_DAYS) & (gap <= FOLLOWS_DAYS) & (joined.next_id != joined.subscription_id)
    after = joined.group_by("subscription_id", "mrr", event_at="ended_at").agg(
        follows=follows.any().fill_null(False), next_mrr=joined.next_mrr.sum(where=follows).fill_null(0.0)
    )
    kinds = {
        "ends": ~after.follows,
        "expands": after.follows & (after.next_mrr > after.mrr * (1 + SHRINKS_BY)),
        "contracts": after.follows & (after.next_mrr < after.mrr * (1 - SHRINKS_BY)),
    }
    return {kind: after.filter(where).select("subscription_id", "event_at") for kind, where in kinds.items()}


def orders_again(company: Company) -> ir.Table:
    """One row per account and instant of a placed order: ``account_id, event_at``."""
    orders = company.tables["orders"]
    return orders.filter(orders.status == "placed").select("account_id", event_at="ordered_at").distinct()


def _silenced(company: Company, able: ir.Table, spine: ir.Table, horizon_days: int) -> ir.Table:
    """The first instant at which each account of orders had been silent for too long, at or after its date."""
    orders = company.tables["orders"]
    placed = orders.filter(orders.status == "placed").select("account_id", "ordered_at").distinct()
    each = ibis.window(group_by="account_id", order_by="ordered_at")
    last = ibis.literal(company.as_of_at)
    gaps = placed.mutate(gap=days_between(placed.ordered_at, placed.ordered_at.lead().over(each).fill_null(last)))
    joined = able.join(gaps, "account_id").join(silence_days(company, spine, horizon_days), "as_of")
    silences = joined.mutate(event_at=joined.ordered_at + (joined.silence * 86400).cast("int64").as_interval("s"))
    found = silences.filter(silences.gap >= silences.silence, silences.event_at >= silences.as_of_at)
    return found.group_by("account_id", "as_of").agg(event_at=found.event_at.min())
