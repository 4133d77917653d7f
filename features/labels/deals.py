"""How an open deal ends after a date."""

from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.labels.windows import MAX_LISTED, with_window_end
from features.point_in_time import days_between


def deal_won(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per open deal and date of the spine: ``opportunity_id, as_of, closed, won`` within the horizon.

    ``won`` is False for a deal that was lost and for one that is still open at the end of the window.
    """
    rows = with_window_end(company, spine.select("opportunity_id", "as_of", "as_of_at"), horizon_days, covered_until)
    deals = company.tables["opportunities"].select("opportunity_id", "closed_at", "outcome")
    joined = rows.join(deals, "opportunity_id")
    closed = (joined.closed_at >= joined.as_of_at) & (joined.closed_at < joined.end_at)
    return joined.select(
        "opportunity_id",
        "as_of",
        closed=closed.fill_null(False),
        won=(closed & (joined.outcome == "won")).fill_null(False),
    )


def deal_durations(company: Company, spine: ir.Table, covered_until: datetime) -> ir.Table:
    """One row per open deal and date of the spine: ``opportunity_id, as_of, days, won, seen_days``.

    ``days`` from the date to the deal's close, NULL while it is open (censored); ``won`` is False unless it is closed
    as won; ``seen_days`` is how long after the date the data covers. Raises ``ValueError`` that names the dates after
    which nothing is covered.
    """
    rows = spine.select("opportunity_id", "as_of", "as_of_at")
    later = rows.filter(rows.as_of_at > ibis.literal(covered_until)).select("as_of").distinct().execute()["as_of"]
    if len(later):
        raise ValueError(
            f"the data covers what happened before {covered_until} UTC; nothing is known after"
            f" {', '.join(str(day)[:10] for day in sorted(later)[:MAX_LISTED])}: ask for earlier dates"
        )
    deals = company.tables["opportunities"].select("opportunity_id", "closed_at", "outcome")
    joined = rows.join(deals, "opportunity_id")
    closed = (joined.closed_at >= joined.as_of_at) & (joined.closed_at < ibis.literal(covered_until))
    return joined.select(
        "opportunity_id",
        "as_of",
        days=ibis.ifelse(closed, days_between(joined.as_of_at, joined.closed_at), ibis.null("float64")),
        won=(closed & (joined.outcome == "won")).fill_null(False),
        seen_days=days_between(joined.as_of_at, ibis.literal(covered_until)),
    )
