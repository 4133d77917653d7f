"""Win rates as of a date, by owner, account, kind, source, product and stage, shrunk to the company's own."""

import ibis.expr.types as ir

from data.contract import OPPORTUNITIES
from data.point_in_time import cut_as_of
from features.company import Company
from features.opportunities.history import tracked_columns, with_values_as_of

PRIOR_DEALS = 10
"""How many deals the company's own win rate counts for in the rate of an owner, an account, a stage, …"""


def closed_deals_as_of(company: Company, spine: ir.Table) -> ir.Table:
    """One row per date of the spine and deal known to have been won or lost before it: its columns, and ``won``."""
    dates = spine.select("as_of", "as_of_at").distinct()
    deals = company.tables["opportunities"].cross_join(dates)
    known = cut_as_of(deals, OPPORTUNITIES, deals.as_of_at)
    closed = known.filter(known.outcome.notnull()).mutate(won=lambda t: t.outcome == "won")
    return with_values_as_of(company, closed, tracked_columns(company)).cache()


def win_rates(closed: ir.Table, by: str, name: str) -> ir.Table:
    """One row per value of the column ``by`` and date: ``{name}_deals_closed``, and ``{name}_win_rate``, shrunk."""
    overall = closed.group_by("as_of").agg(overall=closed.won.mean())
    counts = closed.group_by(by, "as_of").agg(wins=closed.won.sum(), deals=closed.count())
    joined = counts.join(overall, "as_of")
    return joined.select(
        by,
        "as_of",
        **{
            f"{name}_win_rate": (joined.wins + PRIOR_DEALS * joined.overall) / (joined.deals + PRIOR_DEALS),
            f"{name}_deals_closed": joined.deals,
        },
    )


def stage_win_rates(company: Company, closed: ir.Table) -> ir.Table:
    """One row per stage and date: ``stage_win_rate`` of the closed deals that ever reached the stage."""
    changes = company.tables["opportunity_changes"]
    reached = (
        changes.filter(changes.field == "stage", changes.new_value.notnull())
        .group_by("opportunity_id", stage="new_value")
        .agg(reached_known_at=lambda t: t.known_at.min())
    )
    outcomes = closed.select("opportunity_id", "as_of", "as_of_at", "won")
    joined = outcomes.join(reached, "opportunity_id")
    known = joined.filter(joined.reached_known_at < joined.as_of_at).select("stage", "as_of", "won")
    return win_rates(known, "stage", "stage").drop("stage_deals_closed")
