"""Columns of deals that tell the outcome because they are filled in with it."""

import math

import ibis

from features.company import Company

CANDIDATE_COLUMNS = ("owner_id", "product_id", "kind", "source")
"""What a deal's row holds as last known, and features read, beside what its changes tell."""
MIN_SHARE_DIFFERENCE, MIN_STANDARD_ERRORS = 0.2, 3.0
"""Shares differ strongly when they do by so much, and by so many standard errors."""


def late_columns(company: Company) -> dict[str, str]:
    """Columns of deals that are written with or after the outcome, and why it is known: found by replaying what the
    company's history tells. None of them is read but as it was before each date.

    A column of the history is told late where so many (``MUCH``) of the deals that are over had it changed as they
    closed or later. Stages are left out: that a deal's stage ends with it is what a stage is for.
    """
    deals = company.tables["opportunities"]
    over = deals.filter(deals.closed_at.notnull()).select("opportunity_id", "closed_at")
    count = int(over.count().execute())
    changes = company.tables["opportunity_changes"]
    joined = changes.filter(changes.field != "stage", changes.old_value.notnull()).join(over, "opportunity_id")
    ended = joined.filter(joined.changed_at >= joined.closed_at).group_by("field")
    late = ended.agg(deals=lambda t: t.opportunity_id.nunique()).order_by(ibis.desc("deals"), "field").execute()
    told = {
        str(field): f"changed as the deal closed, or later, in {number / count:.0%} of {count} closed deals"
        for field, number in late.itertuples(index=False)
        if number / count >= MIN_SHARE_DIFFERENCE
    }
    filled = dict.fromkeys(sorted(columns_filled_at_close(company)), "filled in (or emptied) as deals close")
    return {**told, **filled}


def columns_filled_at_close(company: Company) -> frozenset[str]:
    """The columns of ``FILLED_LATE`` that are empty in a much larger, or smaller, share of closed than of open deals.

    Such a column is filled (or emptied) as deals close, so that at a past date it told which of them would. It is
    judged on all deals as known at the company's date: it is the source that fills late, whatever the date.
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
        together = (empty_closed + empty_open) / (of_closed + of_open)
        error = math.sqrt(together * (1 - together) * (1 / of_closed + 1 / of_open))
        return abs(empty_closed / of_closed - empty_open / of_open) > max(
            MIN_SHARE_DIFFERENCE, MIN_STANDARD_ERRORS * error
        )

    return frozenset(name for name in CANDIDATE_COLUMNS if differs(name))
