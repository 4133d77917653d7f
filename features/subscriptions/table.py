"""The feature table of subscriptions: contract, age, term, and share of what the account pays."""

from collections.abc import Sequence
from datetime import date

import ibis
import ibis.expr.types as ir

from data.contract import SUBSCRIPTIONS
from data.point_in_time import cut_as_of
from features.company import Company
from features.feature import Feature
from features.point_in_time import days_between, ratio, with_product
from features.spine import spine_days
from features.subscriptions.term_dates import term_ends

SUBSCRIPTION_FEATURES: tuple[Feature, ...] = (
    Feature("contract_mrr", "contract", "what the subscription brings a month", "money"),
    Feature("contract_seats", "contract", "seats of the subscription", "seats"),
    Feature("contract_age", "contract", "days since the subscription began", "days"),
    Feature(
        "contract_days_to_term",
        "contract",
        "days until the subscription's term ends",
        "days",
        absent="no term of the subscription ends",
    ),
    Feature("contract_term", "contract", "days of the subscription's term", "days", absent="it has no term"),
    Feature("contract_renews_itself", "contract", "whether the subscription renews itself", "share"),
    Feature("contract_share", "contract", "share of what the account pays that the subscription is", "share"),
    Feature("contract_tier", "contract", "tier of the subscription's product", "count", absent="it has no tier"),
)
SUBSCRIPTION_CATEGORIES: tuple[Feature, ...] = (
    Feature("contract_family", "contract", "family of the subscription's product", "category"),
)


def subscription_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """One row per subscription of a known account that was active at each date: ``subscription_id, account_id, as_of,
    as_of_at``."""
    subscriptions = company.tables["subscriptions"].cross_join(spine_days(company, dates))
    known = cut_as_of(subscriptions, SUBSCRIPTIONS, subscriptions.as_of_at)
    active = known.filter(known.started_at < known.as_of_at, known.ended_at.isnull())
    named = active.semi_join(company.tables["accounts"], "account_id")
    return (
        named.select("subscription_id", "account_id", "as_of", "as_of_at").order_by("as_of", "subscription_id").cache()
    )


def subscription_table(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of a ``subscription_spine``: ``subscription_id, account_id, as_of``, features and categories."""
    subscriptions = company.tables["subscriptions"].select(
        "subscription_id", "product_id", "seats", "mrr", "started_at", "term_ends_at", "auto_renew"
    )
    rows = spine.select("subscription_id", "account_id", "as_of", "as_of_at").join(subscriptions, "subscription_id")
    rows = with_product(company, rows, "family", "tier")
    term = term_ends(company, rows)
    days_to_term = days_between(rows.as_of_at, term)
    paid = rows.mrr.sum().over(ibis.window(group_by=["account_id", "as_of"]))
    return rows.select(
        "subscription_id",
        "account_id",
        "as_of",
        contract_mrr=rows.mrr.cast("float64"),
        contract_seats=rows.seats.cast("float64"),
        contract_age=days_between(rows.started_at, rows.as_of_at),
        contract_days_to_term=ibis.ifelse(days_to_term >= 0, days_to_term, ibis.null("float64")),
        contract_term=days_between(rows.started_at, term),
        contract_renews_itself=rows.auto_renew.cast("float64"),
        contract_share=ratio(rows.mrr, paid),
        contract_tier=rows.tier.cast("float64"),
        contract_family=rows.family,
    ).order_by("as_of", "subscription_id")
