"""What is known of an open deal as of a date: its course, its people, and how deals like it ended."""

import ibis
import ibis.expr.types as ir

from data.contract import OPPORTUNITIES
from data.point_in_time import cut_as_of
from features.accounts.subscriptions import subscription_features
from features.company import Company
from features.feature import Feature
from features.feature_table import feature_table
from features.opportunities.late_columns import columns_filled_at_close
from features.point_in_time import days_between, facts_as_of, ratio

OPPORTUNITY_FEATURES: tuple[Feature, ...] = (
    Feature("age_days", "deal", "days since the deal was created", "days"),
    Feature("age_over_cycle", "deal", "age over the usual days from creation to winning", "ratio"),
    Feature("amount", "deal", "amount", "money"),
    Feature("amount_over_usual", "deal", "amount over the usual amount of a won deal", "ratio"),
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
"""The features that are made of a column of the deal's own row, which holds what was last known of it."""
PRIOR_DEALS = 10
"""How many deals the company's own win rate weighs in the rate of an owner, an account, a stage, …"""


def opportunity_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of an ``opportunity_spine``: ``opportunity_id, as_of``, ``OPPORTUNITY_FEATURES``, categories.

    Stage, amount and expected close are read from the history of changes only (see ``opportunity_values``); so are
    owner, product, kind and source where the history tells them. What is made of a column of the deal's own row that is
    filled in as deals close (``features.opportunities.late_columns``) is NULL.
    """
    deals = facts_as_of(company, spine, "opportunities", by="opportunity_id").select(
        "opportunity_id", "as_of", "as_of_at", "account_id", "owner_id", "product_id", "kind", "source", "created_at"
    )
    told = _told(company)
    deals = _as_told(company, deals, told)
    course = _course(company, spine)
    closed = _closed(company, spine)
    typical = closed.group_by("as_of").agg(
        usual_amount=closed.amount.median(where=closed.won),
        usual_cycle=days_between(closed.created_at, closed.closed_at).median(where=closed.won),
    )
    rows = deals.left_join(course, ["opportunity_id", "as_of"]).drop("opportunity_id_right", "as_of_right")
    rows = rows.left_join(typical, "as_of").drop("as_of_right")
    age_days = days_between(rows.created_at, rows.as_of_at)
    own = rows.mutate(
        age_days=age_days,
        age_over_cycle=ratio(age_days, rows.usual_cycle),
        amount_over_usual=ratio(rows.amount, rows.usual_amount),
    )
    for by, name in (("owner_id", "owner"), ("account_id", "account"), ("kind", "kind"), ("source", "source"),
                     ("product_id", "product")):  # fmt: skip
        own = own.left_join(_rates(closed, by, name), [by, "as_of"]).drop(f"{by}_right", "as_of_right")
    own = own.left_join(_stage_rates(company, closed), ["stage", "as_of"]).drop("stage_right", "as_of_right")
    for by, name in (("owner_id", "owner"), ("account_id", "account")):
        open_deals = deals.group_by(by, "as_of").agg(**{f"{name}_deals_open": lambda t: t.count()})
        own = own.left_join(open_deals, [by, "as_of"]).drop(f"{by}_right", "as_of_right")
    families = (own.drop("as_of_at", "account_id"), _activity(company, spine), _account(company, spine))
    whole = feature_table(company, spine, "opportunity_id", families, OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES)
    hidden = [feature for column in columns_filled_at_close(company) - told for feature in FEATURES_OF_COLUMN[column]]
    emptied = {name: ibis.null(whole[name].type()) for name in sorted(hidden)}
    return whole.mutate(**emptied).order_by("as_of", "opportunity_id") if emptied else whole


def deal_values(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of the spine with any known change: ``opportunity_id, as_of, stage, amount, expected_close_at``.

    Each value is that of its latest change known before the date. Without a change it is NULL: the value on the deal's
    own row is the last one, perhaps filled in after the outcome, and that some deals have no value while others do
    would itself tell which of them had closed.
    """
    return _course(company, spine).select("opportunity_id", "as_of", "stage", "amount", "expected_close_at")


def _told(company: Company) -> frozenset[str]:
    """The columns of ``MADE_OF`` that the history of changes carries."""
    fields = company.tables["opportunity_changes"].select("field").distinct().execute()["field"]
    return frozenset(FEATURES_OF_COLUMN) & frozenset(fields)


def _as_told(company: Company, deals: ir.Table, told: frozenset[str]) -> ir.Table:
    """The deals of dates, with the columns that are told as their latest change known before the date has them.

    A deal without such a change has none once the history carries the column (the first value is a change, too); before
    that, it is as its row has it.
    """
    if not told:
        return deals
    changes = facts_as_of(company, deals, "opportunity_changes", by="opportunity_id")
    changes = changes.filter(changes.field.isin(sorted(told)))
    value = changes.new_value.fill_null("")
    latest = changes.group_by("opportunity_id", "as_of").agg(
        **{f"{name}_told": value.argmax(changes.changed_at, where=changes.field == name) for name in sorted(told)}
    )
    rows = deals.left_join(latest, ["opportunity_id", "as_of"]).drop("opportunity_id_right", "as_of_right")
    begun = company.tables["opportunity_changes"].group_by("field").agg(since=lambda t: t.known_at.min()).execute()
    since = begun.set_index("field")["since"]
    values = {
        name: ibis.ifelse(
            rows.as_of_at > ibis.literal(since[name].to_pydatetime()), rows[f"{name}_told"].nullif(""), rows[name]
        )
        for name in sorted(told)
    }
    return rows.mutate(**values).drop(*(f"{name}_told" for name in sorted(told)))


def _course(company: Company, spine: ir.Table) -> ir.Table:
    """One row per deal and date with any known change: the values of the date, and how they moved."""
    rows = facts_as_of(company, spine, "opportunity_changes", by="opportunity_id")
    value = rows.new_value.fill_null("")  # argmax skips NULL, and an emptied field must not bring back its old value

    def latest(field: str) -> ir.StringValue:
        return value.argmax(rows.changed_at, where=rows.field == field).nullif("")

    def first(field: str) -> ir.StringValue:
        return value.argmin(rows.changed_at, where=rows.field == field).nullif("")

    def moves(field: str) -> ir.IntegerValue:
        return ((rows.field == field) & rows.old_value.notnull()).sum()

    course = rows.group_by("opportunity_id", "as_of", "as_of_at").agg(
        stage=latest("stage"),
        amount=latest("amount").try_cast("float64"),
        first_amount=first("amount").try_cast("float64"),
        expected_close_at=latest("expected_close_at").try_cast("timestamp"),
        first_close_at=first("expected_close_at").try_cast("timestamp"),
        amount_changes=moves("amount"),
        expected_close_changes=moves("expected_close_at"),
        stage_changes=moves("stage"),
        days_in_stage=rows.age.min(where=rows.field == "stage"),
        changes_30=((rows.age <= 30) & rows.old_value.notnull()).sum(),
        days_since_change=rows.age.min(),
    )
    return course.mutate(
        amount_growth=ratio(course.amount, course.first_amount),
        days_to_expected_close=days_between(course.as_of_at, course.expected_close_at),
        days_pushed=days_between(course.first_close_at, course.expected_close_at),
    ).drop("as_of_at", "first_amount", "first_close_at")


def _closed(company: Company, spine: ir.Table) -> ir.Table:
    """One row per date of the spine and deal known to have been won or lost before it."""
    dates = spine.select("as_of", "as_of_at").distinct()
    deals = company.tables["opportunities"].cross_join(dates)
    known = cut_as_of(deals, OPPORTUNITIES, deals.as_of_at)
    closed = known.filter(known.outcome.notnull()).mutate(won=lambda t: t.outcome == "won")
    return _as_told(company, closed, _told(company)).cache()


def _rates(closed: ir.Table, by: str, name: str) -> ir.Table:
    """One row per value of a column and date: deals closed, and the share won, drawn towards the company's own."""
    usual = closed.group_by("as_of").agg(usual=closed.won.mean())
    counts = closed.group_by(by, "as_of").agg(wins=closed.won.sum(), deals=closed.count())
    joined = counts.join(usual, "as_of")
    return joined.select(
        by,
        "as_of",
        **{
            f"{name}_win_rate": (joined.wins + PRIOR_DEALS * joined.usual) / (joined.deals + PRIOR_DEALS),
            f"{name}_deals_closed": joined.deals,
        },
    )


def _stage_rates(company: Company, closed: ir.Table) -> ir.Table:
    """One row per stage and date: the share won of the closed deals that ever reached the stage."""
    changes = company.tables["opportunity_changes"]
    reached = (
        changes.filter(changes.field == "stage", changes.new_value.notnull())
        .group_by("opportunity_id", stage="new_value")
        .agg(reached_known_at=lambda t: t.known_at.min())
    )
    ends = closed.select("opportunity_id", "as_of", "as_of_at", "won")
    joined = ends.join(reached, "opportunity_id")
    known = joined.filter(joined.reached_known_at < joined.as_of_at).select("stage", "as_of", "won")
    return _rates(known, "stage", "stage").drop("stage_deals_closed")


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
    """One row per deal and date: what its account subscribes to and orders."""
    accounts = spine.filter(spine.account_id.notnull())
    recurring = subscription_features(company, accounts).select("account_id", "as_of", account_mrr="mrr")
    lines = facts_as_of(company, accounts, "orders")
    orders = lines.group_by("account_id", "as_of").agg(
        account_orders_365=lines.order_id.nunique(where=(lines.status == "placed") & (lines.age <= 365))
    )
    rows = accounts.select("opportunity_id", "account_id", "as_of")
    for side in (recurring, orders):
        rows = rows.left_join(side, ["account_id", "as_of"]).drop("account_id_right", "as_of_right")
    return rows.select("opportunity_id", "as_of", "account_mrr", "account_orders_365")


__all__ = [
    "OPPORTUNITY_CATEGORIES",
    "OPPORTUNITY_FEATURES",
    "opportunity_features",
    "deal_values",
]
