"""Whether the end of a subscription's term can be read at a past date, or has been overwritten since."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.point_in_time import days_between
from features.subscriptions.succession import MAX_GAP_DAYS, successors

LOOKBACK = timedelta(days=365)
MIN_TERMS_DUE = 20
"""Nothing is concluded from fewer terms that ended within ``LOOKBACK``."""
MAX_CONTINUED_SHARE = 0.05
"""A source that keeps terms shows more than this share of due subscriptions as continued or replaced."""


def terms_are_overwritten(company: Company) -> bool:
    """Whether the source writes a later term into a subscription that continues past its term.

    Then only those that ended still show the term at which they did, and at a past date a near term would foretell
    churn that nobody knew of. It is taken to be so where at most ``MAX_CONTINUED_SHARE`` of the subscriptions whose
    term ended within ``LOOKBACK`` continued or were replaced, and yet at least as many run that are older than the
    median term and end later: these must have continued.

    Notes:
        The test uses all that is known at the company's date: overwriting is a property of the source.
    """
    subscriptions = company.tables["subscriptions"]
    replaced = successors(company).select("subscription_id").distinct().mutate(replaced=True)
    terms = subscriptions.filter(subscriptions.term_ends_at.notnull()).left_join(replaced, "subscription_id")
    now = ibis.literal(company.as_of_at)
    due = terms.filter(terms.term_ends_at >= company.as_of_at - LOOKBACK, terms.term_ends_at < now)
    outlived = days_between(due.term_ends_at, due.ended_at) > MAX_GAP_DAYS
    continued = (due.ended_at.isnull() | outlived | due.replaced).fill_null(False)
    counts = due.agg(
        due=due.count(), continued=continued.sum(), term_days=days_between(due.started_at, due.term_ends_at).median()
    ).execute()
    n_due, n_continued = int(counts["due"].iloc[0]), int(counts["continued"].fillna(0).iloc[0])
    if n_due < MIN_TERMS_DUE or n_continued > MAX_CONTINUED_SHARE * n_due:
        return False
    older = terms.filter(
        terms.ended_at.isnull(),
        terms.term_ends_at >= now,
        days_between(terms.started_at, now) > float(counts["term_days"].iloc[0]),
    )
    return int(older.count().execute()) >= n_due


def term_ends(company: Company, rows: ir.Table) -> ir.TimestampValue:
    """``term_ends_at`` of rows of subscriptions; NULL for all where ``terms_are_overwritten``."""
    return ibis.null("timestamp") if terms_are_overwritten(company) else rows.term_ends_at
