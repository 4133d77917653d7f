"""When accounts and subscriptions leave, by what the company calls leaving (``features.company.Leaving``).

Departures are instants, so that every horizon is counted from one of them: who left within 30 days has left within 90.
This file looks past a date, as labels do.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.labels.windows import at_risk, first_purchases, silence_days, windows
from features.local_time import Clock
from features.point_in_time import days_between, earliest
from features.spine import account_spine

SILENCE_DAYS = 90
"""Who only orders has not left before it was silent for so long, whatever is usual."""

FOLLOWS_DAYS = 1
"""A subscription that begins so soon after another ended takes its place."""
SHRINKS_BY = 0.01
"""What an account pays has shrunk when more than this share of it is gone."""


def churned(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, at_risk, churned`` within the horizon.

    ``at_risk`` says whether the account could leave at all (``features.labels.windows.at_risk``); ``churned`` is NULL where it
    could not. Who comes back later had left all the same.
    """
    risk = windows(company, at_risk(company, spine, SILENCE_DAYS), horizon_days, covered_until)
    left = departures(company, spine)
    joined = risk.left_join(
        left.group_by("account_id", "as_of").agg(event_at=left.event_at.min()), ["account_id", "as_of"]
    )
    came = (joined.event_at < joined.end_at).fill_null(False)
    return joined.select(
        "account_id", "as_of", "at_risk", churned=ibis.ifelse(joined.at_risk, came, ibis.null("boolean"))
    )


def departures(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date of the spine that could leave, and instant at which it would: ``account_id, as_of,
    event_at``.

    A subscriber's are the ends of its subscriptions that count as leaving; of who only orders, the first instant at
    which it had been silent for as long as nobody is who comes back, as known at that date.
    """
    risk = at_risk(company, spine, SILENCE_DAYS)
    able = risk.filter(risk.at_risk).select("account_id", "as_of", "as_of_at", "relation")
    subscribers = able.filter(able.relation == "subscription").select("account_id", "as_of", "as_of_at")
    ended = subscribers.join(leaving_ends(company).select("account_id", "event_at"), "account_id")
    left = ended.filter(ended.event_at >= ended.as_of_at).select("account_id", "as_of", "event_at")
    silent = _silenced(company, able.filter(able.relation == "orders"), spine)
    return ibis.union(left, silent)


def as_today(company: Company) -> Company:
    """The company that means by leaving, at all past dates, what it does on its own date.

    How long a silence counts as leaving is learnt from the past, and grows with it while a history is short. What is
    learnt from past dates must be what is told tonight; what was told on a past night is held against what counted
    then.
    """
    tonight = account_spine(company, [company.as_of])
    days = silence_days(company, tonight, SILENCE_DAYS).silence.max().execute()
    silence = SILENCE_DAYS if pd.isna(days) else int(days)
    return replace(company, churn_definition=replace(company.churn_definition, inactivity_days=silence))


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
    }[company.churn_definition.event]
    return after.filter(counts).select("account_id", "subscription_id", "event_at")


def successors(company: Company) -> ir.Table:
    """One row per subscription that ended and one that took its place: ``subscription_id, mrr, next_id, next_mrr``,
    ``brings`` (of what the next one brings, the part that is this one's, where it took the place of several: by what
    they brought) and what both share, ``account_id`` and ``kin``: the family, without one the product.

    One takes another's place that begins on the day on which it ended, or ``FOLLOWS_DAYS`` before or after.
    """
    held = company.tables["subscriptions"]
    families = company.tables["products"].select("product_id", "family")
    named = held.left_join(families, "product_id").select(
        "account_id",
        "subscription_id",
        "mrr",
        "started_at",
        "ended_at",
        kin=ibis.coalesce(families.family, held.product_id, ibis.literal("")),
    )
    ended = named.filter(named.ended_at.notnull()).drop("started_at")
    following = named.select("account_id", "kin", next_id="subscription_id", next_mrr="mrr", next_at="started_at")
    joined = ended.join(following, ["account_id", "kin"])
    clock = _clock(company)
    ended_on, next_on = clock.day(joined.ended_at), clock.day(joined.next_at)
    gap = next_on.delta(ended_on, unit="day")
    follows = (gap >= -FOLLOWS_DAYS) & (gap <= FOLLOWS_DAYS) & (joined.next_id != joined.subscription_id)
    pairs = joined.filter(follows)
    of_next = ibis.window(group_by=["account_id", "next_id"])
    replaced = pairs.mrr.sum().over(of_next)
    share = ibis.ifelse(replaced > 0, pairs.mrr.fill_null(0.0) / replaced, 1 / pairs.count().over(of_next))
    return pairs.select(
        "account_id", "kin", "subscription_id", "mrr", "next_id", "next_mrr", brings=pairs.next_mrr * share
    )


def _clock(company: Company) -> Clock:
    """The clock of the zone from the first subscription to the company's date."""
    began = earliest(company.tables["subscriptions"].started_at) or company.as_of_at
    return Clock(company.timezone, began - timedelta(days=2), company.as_of_at + timedelta(days=2))


def subscription_ends(company: Company) -> ir.Table:
    """One row per subscription that ended: ``subscription_id, event_at``, and whether it then ``ends`` (none to its
    product or family follows), or ``expands`` (one follows that brings more a month)."""
    held, pairs = company.tables["subscriptions"], successors(company)
    ended = held.filter(held.ended_at.notnull()).select("subscription_id", "mrr", event_at="ended_at")
    brings = pairs.group_by("subscription_id").agg(follows=True, brings=pairs.brings.sum().fill_null(0.0))
    after = ended.left_join(brings, "subscription_id")
    return after.select(
        "subscription_id",
        "event_at",
        ends=~after.follows.fill_null(False),
        expands=(after.brings > after.mrr * (1 + SHRINKS_BY)).fill_null(False),
    )


def subscription_ended(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of, ended`` within the horizon, and none
    followed."""
    ends = subscription_ends(company)
    return _came(company, spine, ends.filter(ends.ends), "subscription_id", "ended", horizon_days, covered_until)


def subscription_grew(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of, grew``: one that brings more followed
    within the horizon."""
    ends = subscription_ends(company)
    return _came(company, spine, ends.filter(ends.expands), "subscription_id", "grew", horizon_days, covered_until)


def renewed(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per subscription and date of the spine: ``subscription_id, as_of, renewed``: it went on, or another took
    its place, until the horizon's end."""
    came = subscription_ended(company, spine, horizon_days, covered_until)
    return came.select("subscription_id", "as_of", renewed=~came.ended)


def ordered_again(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, ordered`` within the horizon."""
    return _came(company, spine, orders_again(company), "account_id", "ordered", horizon_days, covered_until)


def bought_new(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, bought`` a product that was new to it within the
    horizon."""
    return _came(company, spine, new_purchases(company), "account_id", "bought", horizon_days, covered_until)


def new_purchases(company: Company) -> ir.Table:
    """One row per account and product that was new to it when it first bought it: ``account_id, product_id, event_at``.

    A lower tier of a family of which it had a higher one before is no new product.
    """
    firsts = first_purchases(company)
    tiers = company.tables["products"].select("product_id", "family", "tier")
    bought = firsts.left_join(tiers, "product_id").drop("product_id_right")
    had = bought.select("account_id", "family", had_tier="tier", had_at="first_at")
    joined = bought.left_join(had, ["account_id", "family"])
    higher = (joined.had_at < joined.first_at) & (joined.had_tier > joined.tier)
    judged = joined.group_by("account_id", "product_id", event_at="first_at").agg(lower=higher.any().fill_null(False))
    return judged.filter(~judged.lower).select("account_id", "product_id", "event_at")


def orders_again(company: Company) -> ir.Table:
    """One row per account and instant of a placed order: ``account_id, event_at``."""
    orders = company.tables["orders"]
    return orders.filter(orders.status == "placed").select("account_id", event_at="ordered_at").distinct()


def _came(
    company: Company, spine: ir.Table, events: ir.Table, by: str, name: str, horizon_days: int, covered_until: datetime
) -> ir.Table:
    """One row per case and date of the spine: ``by, as_of`` and whether an event of it lies within the horizon."""
    rows = windows(company, spine.select(by, "as_of", "as_of_at"), horizon_days, covered_until)
    joined = rows.join(events.select(by, "event_at"), by)
    within = joined.filter(joined.event_at >= joined.as_of_at, joined.event_at < joined.end_at)
    found = within.select(by, "as_of").distinct().mutate(came=True)
    marked = rows.left_join(found, [by, "as_of"])
    return marked.select(by, "as_of", **{name: marked.came.fill_null(False)})


def _silenced(company: Company, able: ir.Table, spine: ir.Table) -> ir.Table:
    """The first instant at which each account of orders had been silent for too long, at or after its date."""
    orders = company.tables["orders"]
    placed = orders.filter(orders.status == "placed").select("account_id", "ordered_at").distinct()
    each = ibis.window(group_by="account_id", order_by="ordered_at")
    last = ibis.literal(company.as_of_at)
    gaps = placed.mutate(gap=days_between(placed.ordered_at, placed.ordered_at.lead().over(each).fill_null(last)))
    joined = able.join(gaps, "account_id").join(silence_days(company, spine, SILENCE_DAYS), "as_of")
    silences = joined.mutate(event_at=joined.ordered_at + (joined.silence * 86400).cast("int64").as_interval("s"))
    found = silences.filter(silences.gap >= silences.silence, silences.event_at >= silences.as_of_at)
    return found.group_by("account_id", "as_of").agg(event_at=found.event_at.min())
