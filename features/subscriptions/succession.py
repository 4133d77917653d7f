"""Which subscription replaced which, and what the end of one means for it and for its account."""

from datetime import timedelta
from typing import Literal

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.local_time import Clock
from features.point_in_time import earliest

Scope = Literal["product", "family", "any"]

MAX_GAP_DAYS = 1
"""Days between the end of a subscription and the start of its successor, in either direction."""
MIN_MRR_CHANGE = 0.01
"""Smallest relative change of recurring revenue that counts as one."""


def successors(company: Company, scope: Scope = "family") -> ir.Table:
    """One row per subscription that ended and successor: ``account_id, scope_key, subscription_id, mrr, successor_id,
    successor_mrr, attributed_mrr``.

    A successor is of the same account, of the same ``scope`` (the product; its family, or the product where it has
    none; or anything), and begins within ``MAX_GAP_DAYS`` of the end, by the company's days. ``attributed_mrr`` is the
    part of ``successor_mrr`` that falls to this subscription: one that replaced several is shared in proportion to
    their ``mrr``.
    """
    named = subscriptions_with_scope(company, scope)
    ended = named.filter(named.ended_at.notnull()).drop("started_at")
    following = named.select(
        "account_id", "scope_key", successor_id="subscription_id", successor_mrr="mrr", begins_at="started_at"
    )
    joined = ended.join(following, ["account_id", "scope_key"])
    clock = _clock(company)
    gap = clock.day(joined.begins_at).delta(clock.day(joined.ended_at), unit="day")
    near = (gap >= -MAX_GAP_DAYS) & (gap <= MAX_GAP_DAYS) & (joined.successor_id != joined.subscription_id)
    pairs = joined.filter(near)
    same_successor = ibis.window(group_by=["account_id", "successor_id"])
    replaced_mrr = pairs.mrr.sum().over(same_successor)
    equal_share = 1 / pairs.count().over(same_successor)
    share = ibis.ifelse(replaced_mrr > 0, pairs.mrr.fill_null(0.0) / replaced_mrr, equal_share)
    return pairs.select(
        "account_id",
        "scope_key",
        "subscription_id",
        "mrr",
        "successor_id",
        "successor_mrr",
        attributed_mrr=pairs.successor_mrr * share,
    )


def subscription_end_events(company: Company) -> ir.Table:
    """One row per subscription that ended: ``subscription_id, event_at``, and whether it then ``ends`` (it has no
    successor in its family) or ``expands`` (its successors bring more a month)."""
    subscriptions, pairs = company.tables["subscriptions"], successors(company)
    ended = subscriptions.filter(subscriptions.ended_at.notnull())
    ended = ended.select("subscription_id", "mrr", event_at="ended_at")
    following = pairs.group_by("subscription_id").agg(replaced=True, next_mrr=pairs.attributed_mrr.sum().fill_null(0.0))
    rows = ended.left_join(following, "subscription_id")
    return rows.select(
        "subscription_id",
        "event_at",
        ends=~rows.replaced.fill_null(False),
        expands=(rows.next_mrr > rows.mrr * (1 + MIN_MRR_CHANGE)).fill_null(False),
    )


def account_churn_ends(company: Company) -> ir.Table:
    """One row per subscription whose end is churn of its account: ``account_id, subscription_id, event_at``.

    By the company's ``churn_definition.event``: *ends*, the account has no subscription left; *not_renewed*, the
    subscription has no successor in its family; *shrinks*, what is left brings less a month than before. Left is what
    goes on past the end, and every successor of any product.

    Notes:
        *not_renewed* and ``subscription_end_events`` are one rule. Earlier versions asked for the same product here:
        moving to another tier was churn of the account and expansion of the subscription at once, and another
        subscription of that product that merely ran on counted as the renewal.
    """
    if company.churn_definition.event == "not_renewed":
        ends = subscription_end_events(company)
        subscriptions = company.tables["subscriptions"].select("subscription_id", "account_id")
        return (
            ends.filter(ends.ends)
            .join(subscriptions, "subscription_id")
            .select("account_id", "subscription_id", "event_at")
        )
    left = _mrr_around_ends(company)
    counts = {"ends": ~left.any_left, "shrinks": left.mrr_left < left.mrr_before * (1 - MIN_MRR_CHANGE)}
    return left.filter(counts[company.churn_definition.event]).select("account_id", "subscription_id", "event_at")


def _mrr_around_ends(company: Company) -> ir.Table:
    """One row per subscription that ended: ``account_id, subscription_id, event_at``, the account's ``mrr_before`` the
    end and ``mrr_left`` after it, and whether it has any subscription left (``any_left``)."""
    columns = ("account_id", "subscription_id", "mrr", "started_at", "ended_at")
    subscriptions = company.tables["subscriptions"].select(*columns)
    ended = subscriptions.filter(subscriptions.ended_at.notnull()).drop("mrr", "started_at")
    others = subscriptions.select(
        "account_id",
        successor_id="subscription_id",
        other_mrr="mrr",
        other_started="started_at",
        other_ended="ended_at",
    )
    rows = ended.left_join(others, "account_id").drop("account_id_right")
    following = successors(company, "any").select("subscription_id", "successor_id", follows=True)
    rows = rows.left_join(following, ["subscription_id", "successor_id"])
    goes_on = rows.other_ended.isnull() | (rows.other_ended > rows.ended_at)
    is_left = ((rows.other_started <= rows.ended_at) | rows.follows.fill_null(False)) & goes_on
    paid_before = (rows.other_started < rows.ended_at) & (
        rows.other_ended.isnull() | (rows.other_ended >= rows.ended_at)
    )
    return rows.group_by("account_id", "subscription_id", event_at="ended_at").agg(
        any_left=is_left.any().fill_null(False),
        mrr_before=rows.other_mrr.sum(where=paid_before).fill_null(0.0),
        mrr_left=rows.other_mrr.sum(where=is_left).fill_null(0.0),
    )


def subscriptions_with_scope(company: Company, scope: Scope) -> ir.Table:
    """One row per subscription: ``account_id, subscription_id, mrr, started_at, ended_at, term_ends_at, auto_renew``,
    and the ``scope_key`` that it shares with those that may succeed it."""
    subscriptions = company.tables["subscriptions"]
    families = company.tables["products"].select("product_id", "family")
    rows = subscriptions.left_join(families, "product_id")
    nothing = ibis.literal("")
    key = {
        "product": ibis.coalesce(subscriptions.product_id, nothing),
        "family": ibis.coalesce(families.family, subscriptions.product_id, nothing),
        "any": nothing,
    }[scope]
    columns = ("account_id", "subscription_id", "mrr", "started_at", "ended_at", "term_ends_at", "auto_renew")
    return rows.select(*columns, scope_key=key)


def _clock(company: Company) -> Clock:
    """The clock of the company's zone, from its first subscription to its date."""
    first = earliest(company.tables["subscriptions"].started_at) or company.as_of_at
    return Clock(company.timezone, first - timedelta(days=2), company.as_of_at + timedelta(days=2))
