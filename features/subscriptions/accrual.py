"""Revenue that subscriptions accrue by the day: a monthly amount, spread evenly over the days of each month."""

import ibis
import ibis.expr.types as ir

from features.local_time import Clock


def accrued_revenue(rows: ir.Table, first: ir.DateValue, end: ir.DateValue, clock: Clock) -> ir.FloatingValue:
    """Revenue of each subscription row (``mrr, started_at, ended_at``) from day ``first`` until before day ``end``.

    Days are those of the clock, which must be right from the earliest ``first`` to the latest ``end``. A subscription
    accrues from the day it starts until the day before it ends.
    """
    started = ibis.greatest(clock.day(rows.started_at), first)
    ended = ibis.least(clock.day(rows.ended_at).fill_null(end), end)
    months = ibis.ifelse(ended > started, _months(ended) - _months(started), 0.0)
    return rows.mrr * months


def _months(day: ir.DateValue) -> ir.FloatingValue:
    """Months since year zero at the beginning of a day, the fraction in days of its own month.

    The months between two days are the sum, over the days between, of one over the days of the month of each.
    """
    first = day.truncate("M").cast("date")
    following = (first + ibis.interval(months=1)).cast("date")
    return day.year() * 12 + day.month() + (day.day() - 1) / following.delta(first, unit="day")
