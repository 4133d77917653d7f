"""Values of deals as of a date, read from the history of changes: a deal's own row only says how it is now."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.point_in_time import days_between, facts_as_of, ratio

TRACKED_COLUMNS = ("kind", "owner_id", "product_id", "source")
"""Columns of a deal's row that are read as of a date where the source keeps a history of them."""


def deal_values(company: Company, spine: ir.Table) -> ir.Table:
    """One row per row of the spine with any known change: ``opportunity_id, as_of, stage, amount, expected_close_at``.

    Each value is that of its latest change known before the date; NULL without a change. The value on the deal's own
    row is no substitute: it may have been filled in with the outcome, and that some deals have a value while others do
    not would tell which of them had closed.
    """
    return deal_course(company, spine).select("opportunity_id", "as_of", "stage", "amount", "expected_close_at")


def deal_course(company: Company, spine: ir.Table) -> ir.Table:
    """One row per deal and date with any known change: ``deal_values``, and how often, how recently and how far stage,
    amount and expected close have moved."""
    rows = facts_as_of(company, spine, "opportunity_changes", by="opportunity_id")

    def moves(field: str) -> ir.IntegerValue:
        return ((rows.field == field) & rows.old_value.notnull()).sum()

    course = rows.group_by("opportunity_id", "as_of", "as_of_at").agg(
        stage=latest_value(rows, "stage").nullif(""),
        amount=latest_value(rows, "amount").nullif("").try_cast("float64"),
        first_amount=_first_value(rows, "amount").nullif("").try_cast("float64"),
        expected_close_at=latest_value(rows, "expected_close_at").nullif("").try_cast("timestamp"),
        first_close_at=_first_value(rows, "expected_close_at").nullif("").try_cast("timestamp"),
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


def latest_value(changes: ir.Table, field: str) -> ir.StringValue:
    """The value that the latest change of a field set, as an aggregate of changes; empty where it emptied the field."""
    value = changes.new_value.fill_null("")  # argmax skips NULL, and an emptied field must not get back its old value
    return value.argmax(changes.changed_at, where=changes.field == field)


def _first_value(changes: ir.Table, field: str) -> ir.StringValue:
    return changes.new_value.fill_null("").argmin(changes.changed_at, where=changes.field == field)


def tracked_columns(company: Company) -> frozenset[str]:
    """The ``TRACKED_COLUMNS`` of which the source keeps a history of changes."""
    fields = company.tables["opportunity_changes"].select("field").distinct().execute()["field"]
    return frozenset(TRACKED_COLUMNS) & frozenset(fields)


def with_values_as_of(company: Company, deals: ir.Table, columns: frozenset[str]) -> ir.Table:
    """Deals of dates, with ``columns`` (``tracked_columns``) as their latest change known before the date set them.

    From the source's first change of a column on, a deal without one has no value (the first value is a change, too);
    before, the deal has the value of its own row.
    """
    if not columns:
        return deals
    names = sorted(columns)
    changes = facts_as_of(company, deals, "opportunity_changes", by="opportunity_id")
    changes = changes.filter(changes.field.isin(names))
    latest = changes.group_by("opportunity_id", "as_of").agg(
        **{f"{name}_latest": latest_value(changes, name) for name in names}
    )
    rows = deals.left_join(latest, ["opportunity_id", "as_of"]).drop("opportunity_id_right", "as_of_right")
    firsts = company.tables["opportunity_changes"].group_by("field").agg(since=lambda t: t.known_at.min()).execute()
    since = firsts.set_index("field")["since"]
    values = {
        name: ibis.ifelse(
            rows.as_of_at > ibis.literal(since[name].to_pydatetime()), rows[f"{name}_latest"].nullif(""), rows[name]
        )
        for name in names
    }
    return rows.mutate(**values).drop(*(f"{name}_latest" for name in names))
