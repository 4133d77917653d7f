"""Stays of deals in their stages."""

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.point_in_time import days_between


def stage_stays(company: Company) -> ir.Table:
    """One row per stay of a deal in a stage: ``opportunity_id, kind, stage, left_at`` (NULL: still there), ``days``,
    and ``closed_at`` and ``outcome`` of the deal."""
    changes, deals = company.tables["opportunity_changes"], company.tables["opportunities"]
    stages = changes.filter(changes.field == "stage", changes.new_value.notnull())
    ordered = ibis.window(group_by="opportunity_id", order_by=["changed_at", "new_value"])
    entries = stages.select(
        "opportunity_id", stage="new_value", entered_at="changed_at", next_at=stages.changed_at.lead().over(ordered)
    )
    closings = deals.select("opportunity_id", "closed_at", "outcome", kind=deals.kind.fill_null(""))
    rows = entries.join(closings, "opportunity_id")
    rows = rows.mutate(left_at=rows.next_at.fill_null(rows.closed_at))
    until = rows.left_at.fill_null(ibis.literal(company.as_of_at))
    # A stay of 0 days is the stage in which a deal is closed.
    return rows.mutate(days=days_between(rows.entered_at, until)).filter(lambda t: t.left_at.isnull() | (t.days > 0))
