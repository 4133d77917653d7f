"""Whether the end of a term can be read at a past date, or was moved by what happened since."""

from datetime import timedelta

import ibis
import ibis.expr.types as ir

from features.company import Company
from features.point_in_time import days_between
from features.subscriptions.succession import MAX_GAP_DAYS, successors

LOOKBACK = timedelta(days=365)
MIN_TERMS_DUE = 20
"""Fewer terms that ended within a year tell nothing."""
MAX_CONTINUED_SHARE = 0.05
"""Where contracts go on past their terms, or are replaced, more than so many of the due ones did."""


def terms_are_overwritten(company: Company) -> bool:
    """Whether the source writes a later term into a contract that goes on.

    Then only those that left still show the term at which they did, and at any past date a near term foretells what
    nobody knew. It is taken to be so where hardly any (``WENT_ON``) of the contracts whose term ended within a year
    went on or was replaced, and yet as many contracts run that are older than such a term and end later: these must
    have gone on. It is judged as ``features.opportunities.late_columns`` judges columns of deals: by all that is known at the company's date.
    """
    held = company.tables["subscriptions"]
    replaced = successors(company).select("subscription_id").distinct().mutate(replaced=True)
    terms = held.filter(held.term_ends_at.notnull()).left_join(replaced, "subscription_id")
    now = ibis.literal(company.as_of_at)
    due = terms.filter(terms.term_ends_at >= company.as_of_at - LOOKBACK, terms.term_ends_at < now)
    past_term = days_between(due.term_ends_at, due.ended_at) > MAX_GAP_DAYS
    went_on = (due.ended_at.isnull() | past_term | due.replaced).fill_null(False)
    seen = due.agg(
        due=due.count(), went_on=went_on.sum(), usual=days_between(due.started_at, due.term_ends_at).median()
    ).execute()
    count, survived = int(seen["due"].iloc[0]), int(seen["went_on"].fillna(0).iloc[0])
    if count < MIN_TERMS_DUE or survived > MAX_CONTINUED_SHARE * count:
        return False
    older = terms.filter(
        terms.ended_at.isnull(),
        terms.term_ends_at >= now,
        days_between(terms.started_at, now) > float(seen["usual"].iloc[0]),
    )
    return int(older.count().execute()) >= count


def term_ends(company: Company, rows: ir.Table) -> ir.TimestampValue:
    """``term_ends_at`` of rows of subscriptions; NULL for all where ``terms_move``."""
    return ibis.null("timestamp") if terms_are_overwritten(company) else rows.term_ends_at
