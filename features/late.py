"""Columns of deals that tell the outcome because they are filled in with it."""

import math

from features.company import Company

FILLED_LATE = ("owner_id", "product_id", "kind", "source")
"""What a deal's row holds as last known, and features read, beside what its changes tell."""
MUCH, CHANCE = 0.2, 3.0
"""Shares differ strongly when they do by so much, and by so many standard errors."""


def filled_at_the_end(company: Company) -> frozenset[str]:
    """The columns of ``FILLED_LATE`` that are empty in a much larger, or smaller, share of closed than of open deals.

    Such a column is filled (or emptied) as deals close, so that at a past date it told which of them would. It is
    judged on all deals as known at the company's date: it is the source that fills late, whatever the date.
    """
    deals = company.tables["opportunities"]
    counts = (
        deals.group_by(closed=deals.closed_at.notnull())
        .agg(deals=deals.count(), **{name: deals[name].isnull().sum() for name in FILLED_LATE})
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
        return abs(empty_closed / of_closed - empty_open / of_open) > max(MUCH, CHANCE * error)

    return frozenset(name for name in FILLED_LATE if differs(name))
