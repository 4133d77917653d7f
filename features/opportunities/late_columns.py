"""Columns of deals that leak the outcome, because the source fills them in with it (target leakage)."""

import math

import ibis

from features.company import Company
from features.percent import format_percent

CANDIDATE_COLUMNS = ("owner_id", "product_id", "kind", "source")
"""Columns that features read from a deal's own row, which holds their latest value."""
MIN_SHARE_DIFFERENCE = 0.2
MIN_STANDARD_ERRORS = 3.0
"""Two shares differ strongly if their difference exceeds both limits."""


def late_columns(company: Company) -> dict[str, str]:
    """By column of deals that is written with or after the outcome: the finding as text for people.

    A column of the history of changes is late where at least ``MIN_SHARE_DIFFERENCE`` of the closed deals had it
    changed as they closed, or later; the stage is left out, since it is meant to end with the outcome. Features read
    each of them only as it was before the date.
    """
    deals = company.tables["opportunities"]
    closed = deals.filter(deals.closed_at.notnull()).select("opportunity_id", "closed_at")
    n_closed = int(closed.count().execute())
    changes = company.tables["opportunity_changes"]
    joined = changes.filter(changes.field != "stage", changes.old_value.notnull()).join(closed, "opportunity_id")
    late = joined.filter(joined.changed_at >= joined.closed_at).group_by("field")
    counts = late.agg(deals=lambda t: t.opportunity_id.nunique()).order_by(ibis.desc("deals"), "field").execute()
    changed = {
        field: f"changed as the deal closed, or later, in {format_percent(n / n_closed)} of {n_closed} closed deals"
        for field, n in counts.itertuples(index=False)
        if n / n_closed >= MIN_SHARE_DIFFERENCE
    }
    filled = dict.fromkeys(sorted(columns_filled_at_close(company)), "filled in (or emptied) as deals close")
    return {**changed, **filled}


def columns_filled_at_close(company: Company) -> frozenset[str]:
    """The ``CANDIDATE_COLUMNS`` that are empty in a much larger, or smaller, share of closed than of open deals.

    Such a column is filled (or emptied) as deals close, so that at a past date it foretells which of them will.

    Notes:
        The test uses all deals as known at the company's date: when a column is filled is a property of the source.
    """
    deals = company.tables["opportunities"]
    counts = (
        deals.group_by(closed=deals.closed_at.notnull())
        .agg(deals=deals.count(), **{name: deals[name].isnull().sum() for name in CANDIDATE_COLUMNS})
        .execute()
        .set_index("closed")
    )
    if len(counts) < 2:
        return frozenset()
    of_closed, of_open = (int(counts["deals"][closed]) for closed in (True, False))

    def differs(name: str) -> bool:
        empty_closed, empty_open = (int(counts[name][closed]) for closed in (True, False))
        pooled = (empty_closed + empty_open) / (of_closed + of_open)
        error = math.sqrt(pooled * (1 - pooled) * (1 / of_closed + 1 / of_open))
        return abs(empty_closed / of_closed - empty_open / of_open) > max(
            MIN_SHARE_DIFFERENCE, MIN_STANDARD_ERRORS * error
        )

    return frozenset(name for name in CANDIDATE_COLUMNS if differs(name))
