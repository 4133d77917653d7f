"""Time to an event after a date, in whole periods and right-censored where the data ends.

The rows of a discrete-time survival model: a subject, the number of periods observed, and whether the event ended them.
"""

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir

from features.point_in_time import DAY

PERIOD_DAYS = 30
N_PERIODS = 6
"""Half a year in months of 30 days."""

PERIOD_SECONDS = PERIOD_DAYS * DAY


def observe_durations(spine: ir.Table, events: ir.Table, by: Sequence[str], covered_until: datetime) -> ir.Table:
    """One row per row of the spine with at least one whole period observed: ``by, as_of, periods`` (1 to
    ``N_PERIODS``), ``event``.

    ``events`` hold ``by``, perhaps ``as_of``, and ``event_at``; the first at or after the date counts. ``periods`` is
    the period in which it happened, else the number of periods that were over by ``covered_until``: a period that is
    not over says nothing.

    Notes:
        What makes the event impossible (a subscription is replaced by another and cannot churn any more) does not
        censor: that the event did not happen is known of all later periods too. So a hazard of these rows leads to the
        cumulative incidence of the event (subdistribution hazard, Fine & Gray 1999), not to the share to which it would
        happen if nothing else did.
    """
    keys = [*by, "as_of"]
    on = [key for key in keys if key in events.columns]
    joined = spine.select(*keys, "as_of_at").join(events.select(*on, "event_at"), on)
    later = joined.filter(joined.event_at >= joined.as_of_at)
    first = later.group_by(*keys).agg(event_at=later.event_at.min())
    rows = spine.select(*keys, "as_of_at").left_join(first, keys)
    event_period = _periods_between(rows.as_of_at, rows.event_at).floor().cast("int64") + 1
    covered = _periods_between(rows.as_of_at, ibis.literal(covered_until)).floor().cast("int64")
    observed = ibis.least(covered, ibis.literal(N_PERIODS))
    event = (event_period <= observed).fill_null(False)
    durations = rows.select(*keys, periods=ibis.ifelse(event, event_period, observed), event=event)
    return durations.filter(durations.periods > 0)


def _periods_between(earlier: ir.Value, later: ir.Value) -> ir.FloatingValue:
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / PERIOD_SECONDS
