"""The feature table of open deals: how a deal has moved, its people, and how deals like it ended."""

import ibis
import ibis.expr.types as ir

from features.accounts.subscriptions import subscription_features
from features.company import Company
from features.feature import Feature
from features.feature_table import feature_table
from features.opportunities.history import deal_course, tracked_columns, with_values_as_of
from features.opportunities.late_columns import columns_filled_at_close
from features.opportunities.win_rates import closed_deals_as_of, stage_win_rates, win_rates
from features.order_lines import is_placed
from features.point_in_time import days_between, facts_as_of, ratio

OPPORTUNITY_FEATURES: tuple[Feature, ...] = (
    Feature("age_days", "deal", "days since the deal was created", "days"),
    Feature("age_over_cycle", "deal", "age over the usual days from creation to winning", "ratio"),
    Feature("amount", "deal", "amount", "money"),
    Feature("amount_over_typical", "deal", "amount over the usual amount of a won deal", "ratio"),
    Feature("amount_growth", "deal", "amount over the first amount", "ratio"),
    Feature("amount_changes", "deal", "changes of the amount", "changes", "opportunity_changes"),
    Feature("days_to_expected_close", "deal", "days until the expected close", "days"),
    Feature("days_pushed", "deal", "days by which the expected close has moved", "days"),
    Feature("expected_close_changes", "deal", "changes of the expected close", "changes", "opportunity_changes"),
    Feature("days_in_stage", "deal", "days in its stage", "days"),
    Feature("stage_changes", "deal", "changes of stage", "changes", "opportunity_changes"),
    Feature("changes_30", "deal", "changes in the last 30 days", "changes", "opportunity_changes"),
    Feature("days_since_change", "deal", "days since anything changed", "days"),
    Feature("stage_win_rate", "likeness", "share won of the deals that ever reached its stage", "share"),
    Feature("kind_win_rate", "likeness", "share won of the deals of its kind", "share"),
    Feature("source_win_rate", "likeness", "share won of the deals of its source", "share"),
    Feature("product_win_rate", "likeness", "share won of the deals for its product", "share"),
    Feature("owner_win_rate", "people", "share won of its owner's deals", "share"),
    Feature("owner_deals_closed", "people", "deals its owner has closed", "deals", "opportunities"),
    Feature("owner_deals_open", "people", "deals its owner has open", "deals", "opportunities"),
    Feature("account_win_rate", "account", "share won of the account's deals", "share"),
    Feature("account_deals_closed", "account", "deals the account has closed", "deals", "opportunities"),
    Feature("account_deals_open", "account", "deals the account has open", "deals", "opportunities"),
    Feature("account_mrr", "account", "the account's monthly recurring revenue", "money", "subscriptions"),
    Feature("account_orders_365", "account", "orders of the account in the last year", "orders", "orders"),
    Feature("activities_since_created", "activity", "our activities since its creation", "acts", "activities"),
    Feature("meetings_since_created", "activity", "meetings since its creation", "meetings", "activities"),
    Feature("activities_14", "activity", "our activities in the last 14 days", "acts", "activities"),
    Feature("days_since_activity", "activity", "days since we last called, met or wrote", "days",
            absent="never called, met or written to since it was created"),
)  # fmt: skip
"""Numbers; NULL where unknown."""

OPPORTUNITY_CATEGORIES: tuple[Feature, ...] = (
    Feature("stage", "deal", "stage", "category"),
    Feature("kind", "deal", "kind", "category"),
    Feature("source", "deal", "source", "category"),
)

FEATURES_OF_COLUMN = {
    "owner_id": ("owner_win_rate", "owner_deals_closed", "owner_deals_open"),
    "product_id": ("product_win_rate",),
    "kind": ("kind", "kind_win_rate"),
    "source": ("source", "source_win_rate"),
}
"""The features that are computed from a column of the deal's own row, which holds its latest value."""
LIKENESS = (
    ("owner_id", "owner"),
    ("account_id", "account"),
    ("kind", "kind"),
    ("source", "source"),
    ("product_id", "product"),
)
"""Columns that make deals alike, and the name of their win rate."""


def opportunity_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of an ``opportunity_spine``: ``opportunity_id, as_of``, ``OPPORTUNITY_FEATURES``, categories.

    Stage, amount and expected close are read from the history of changes only (see ``deal_values``); so are owner,
    product, kind and source where the history holds them. Features of a column of the deal's own row that is filled in
    as deals close (``features.opportunities.late_columns``) are NULL.
    """
    tracked = tracked_columns(company)
    deals = facts_as_of(company, spine, "opportunities", by="opportunity_id").select(
        "opportunity_id", "as_of", "as_of_at", "account_id", "owner_id", "product_id", "kind", "source", "created_at"
    )
    deals = with_values_as_of(company, deals, tracked)
    closed = closed_deals_as_of(company, spine)
    own = _with_course(deals, deal_course(company, spine), closed)
    own = _with_likeness(company, own, deals, closed)
    families = (own.drop("as_of_at", "account_id"), _activity(company, spine), _account(company, spine))
    rows = feature_table(company, spine, "opportunity_id", families, OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES)
    hidden = [
        feature for column in columns_filled_at_close(company) - tracked for feature in FEATURES_OF_COLUMN[column]
    ]
    emptied = {name: ibis.null(rows[name].type()) for name in sorted(hidden)}
    return rows.mutate(**emptied).order_by("as_of", "opportunity_id") if emptied else rows


def _with_course(deals: ir.Table, course: ir.Table, closed: ir.Table) -> ir.Table:
    """The deals with their ``deal_course``, age, and amount, both also relative to the won deals of the date."""
    typical = closed.group_by("as_of").agg(
        typical_amount=closed.amount.median(where=closed.won),
        typical_days=days_between(closed.created_at, closed.closed_at).median(where=closed.won),
    )
    rows = deals.left_join(course, ["opportunity_id", "as_of"]).drop("opportunity_id_right", "as_of_right")
    rows = rows.left_join(typical, "as_of").drop("as_of_right")
    age_days = days_between(rows.created_at, rows.as_of_at)
    return rows.mutate(
        age_days=age_days,
        age_over_cycle=ratio(age_days, rows.typical_days),
        amount_over_typical=ratio(rows.amount, rows.typical_amount),
    )


def _with_likeness(company: Company, rows: ir.Table, deals: ir.Table, closed: ir.Table) -> ir.Table:
    """The rows with the win rates of ``LIKENESS`` and of the stage, and how many deals owner and account have open."""
    for by, name in LIKENESS:
        rows = rows.left_join(win_rates(closed, by, name), [by, "as_of"]).drop(f"{by}_right", "as_of_right")
    rows = rows.left_join(stage_win_rates(company, closed), ["stage", "as_of"]).drop("stage_right", "as_of_right")
    for by, name in LIKENESS[:2]:
        open_deals = deals.group_by(by, "as_of").agg(**{f"{name}_deals_open": lambda t: t.count()})
        rows = rows.left_join(open_deals, [by, "as_of"]).drop(f"{by}_right", "as_of_right")
    return rows


def _activity(company: Company, spine: ir.Table) -> ir.Table:
    """One row per deal and date with any known activity with its account since it was created."""
    known = facts_as_of(company, spine.filter(spine.account_id.notnull()), "activities").select(
        "account_id", "as_of", "kind", "happened_at", "age"
    )
    created = company.tables["opportunities"].select("opportunity_id", "created_at")
    deals = spine.select("opportunity_id", "account_id", "as_of").join(created, "opportunity_id")
    rows = deals.select("opportunity_id", "account_id", "as_of", "created_at").join(known, ["account_id", "as_of"])
    rows = rows.filter(rows.happened_at >= rows.created_at, rows.kind != "note")
    return rows.group_by("opportunity_id", "as_of").agg(
        activities_since_created=rows.count(),
        meetings_since_created=(rows.kind == "meeting").sum(),
        activities_14=(rows.age <= 14).sum(),
        days_since_activity=rows.age.min(),
    )


def _account(company: Company, spine: ir.Table) -> ir.Table:
    """One row per deal and date: what its account subscribes to and orders (``account_mrr, account_orders_365``)."""
    accounts = spine.filter(spine.account_id.notnull())
    recurring = subscription_features(company, accounts).select("account_id", "as_of", account_mrr="mrr")
    lines = facts_as_of(company, accounts, "orders")
    orders = lines.group_by("account_id", "as_of").agg(
        account_orders_365=lines.order_id.nunique(where=is_placed(lines) & (lines.age <= 365))
    )
    rows = accounts.select("opportunity_id", "account_id", "as_of")
    for side in (recurring, orders):
        rows = rows.left_join(side, ["account_id", "as_of"]).drop("account_id_right", "as_of_right")
    return rows.select("opportunity_id", "as_of", "account_mrr", "account_orders_365")
