"""What a subscription earns by the day: its monthly amount, spread evenly over the days of each month."""

import ibis
import ibis.expr.types as ir

from features.clock import local


def earned(rows: ir.Table, first: ir.DateValue, end: ir.DateValue, timezone: str) -> ir.FloatingValue:
    """What each subscription row (``mrr, started_at, ended_at``) earned from day ``first`` until before day ``end``.

    Days are the company's. A subscription earns from the day it starts until the day before it ends.
    """
    started = ibis.greatest(local_day(rows.started_at, timezone), first)
    ended = ibis.least(local_day(rows.ended_at, timezone).fill_null(end), end)
    months = ibis.ifelse(ended > started, _months(ended) - _months(started), 0.0)
    return rows.mrr * months


def local_day(instant: ir.TimestampValue, timezone: str) -> ir.DateValue:
    """The company's day of a naive UTC instant."""
    return local(instant, timezone).date()


def _months(day: ir.DateValue) -> ir.FloatingValue:
    """Months since year zero at the beginning of a day, the fraction in days of its own month.

    The months between two days are the sum, over the days between, of one over the days of the month of each.
    """
    first = day.truncate("M")
    following = (first + ibis.interval(months=1)).cast("date")
    length = following.delta(first.cast("date"), unit="day")
    return day.year() * 12 + day.month() + (day.day() - 1) / length
