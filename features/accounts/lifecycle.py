"""Whether an account is still active as of a date, and how long it may be inactive before it counts as churned."""

from dataclasses import replace
from datetime import timedelta

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.local_time import Clock
from features.order_lines import placed_order_lines
from features.point_in_time import days_between, earliest
from features.spine import spine_days

MIN_INACTIVITY_DAYS = 90
MAX_INACTIVITY_DAYS = 365
INACTIVITY_QUANTILE = 0.9
"""An account without subscriptions has churned once it is inactive for longer than this share of the gaps between
orders, within the two limits."""


def account_status(company: Company, spine: ir.Table, min_days: int = MIN_INACTIVITY_DAYS) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, as_of_at, relation, active``.

    ``relation`` is *subscription* for an account that ever had one, else *orders*. The first kind is active while a
    subscription is, the second until its last order lies further back than ``inactivity_threshold``. Only an active
    account can churn.
    """
    threshold = inactivity_threshold(company, spine, min_days)
    subscriptions = company.tables["subscriptions"]
    known = spine.join(subscriptions.select("account_id", "started_at", "ended_at", "known_at"), "account_id").filter(
        lambda t: t.known_at < t.as_of_at
    )
    running = (known.started_at < known.as_of_at) & (known.ended_at.isnull() | (known.ended_at >= known.as_of_at))
    subscribed = known.group_by("account_id", "as_of").agg(subscribed=running.any())
    placed = placed_order_lines(company.tables["orders"]).select("account_id", "ordered_at", "known_at")
    orders = spine.join(placed, "account_id").filter(lambda t: t.known_at < t.as_of_at)
    orders = orders.join(threshold, "as_of")
    recent = orders.group_by("account_id", "as_of").agg(
        recent=(days_between(orders.ordered_at, orders.as_of_at) <= orders.threshold_days).any()
    )
    rows = spine.select("account_id", "as_of", "as_of_at").left_join(subscribed, ["account_id", "as_of"])
    rows = rows.drop("account_id_right", "as_of_right").left_join(recent, ["account_id", "as_of"])
    ever_subscribed = rows.subscribed.notnull()
    return rows.select(
        "account_id",
        "as_of",
        "as_of_at",
        relation=ibis.ifelse(ever_subscribed, "subscription", "orders"),
        active=ibis.ifelse(ever_subscribed, rows.subscribed, rows.recent.fill_null(False)).fill_null(False),
    )


def inactivity_threshold(company: Company, spine: ir.Table, min_days: int = MIN_INACTIVITY_DAYS) -> ir.Table:
    """One row per date of the spine: ``as_of, threshold_days`` without an order after which an account has churned.

    The company's own ``inactivity_days`` where it states them. Else the ``INACTIVITY_QUANTILE`` of the gaps between
    order days (the company's days) that were known before the date, between ``min_days`` and ``MAX_INACTIVITY_DAYS``.
    """
    if company.churn_definition.inactivity_days is not None:
        stated = float(company.churn_definition.inactivity_days)
        return spine.select("as_of").distinct().mutate(threshold_days=ibis.literal(stated))
    placed = placed_order_lines(company.tables["orders"])
    since = earliest(placed.ordered_at) or company.as_of_at
    clock = Clock(company.timezone, since - timedelta(days=2), company.as_of_at + timedelta(days=2))
    days = placed.group_by("account_id", day=clock.day(placed.ordered_at)).agg(known_at=placed.known_at.min())
    dates = spine.select("as_of", "as_of_at").distinct()
    known = days.cross_join(dates).filter(lambda t: t.known_at < t.as_of_at)
    each_account = ibis.window(group_by=["as_of", "account_id"], order_by="day")
    gaps = known.mutate(gap=days_between(known.day.lag().over(each_account), known.day))
    typical = gaps.group_by("as_of").agg(gap_days=gaps.gap.quantile(INACTIVITY_QUANTILE).round())
    rows = dates.left_join(typical, "as_of")
    at_most = ibis.least(rows.gap_days, ibis.literal(float(MAX_INACTIVITY_DAYS)))
    limited = ibis.greatest(at_most, ibis.literal(float(min_days)))
    return rows.select("as_of", threshold_days=ibis.ifelse(rows.gap_days.isnull(), float(min_days), limited))


def current_inactivity_days(company: Company) -> int:
    """The inactivity threshold as of the company's own date, in days."""
    return int(inactivity_threshold(company, spine_days(company, [company.as_of])).threshold_days.max().execute())


def fix_inactivity_days(company: Company) -> Company:
    """The company whose threshold at all past dates is that of its own date, so that training rows and today's scores
    mean the same by churn.

    Without it the threshold of a past date is estimated from what was known then, and grows as a short history gets
    longer. Past scores are compared with outcomes under the threshold of their own date, that is without this.
    """
    definition = replace(company.churn_definition, inactivity_days=current_inactivity_days(company))
    return company.with_settings(churn_definition=definition)
