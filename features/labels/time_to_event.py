"""Lives: how many whole periods after a date a case was seen, and whether its event came in the last of them.

This file looks past a date, as labels do. It never says that something did not happen in a period that is not over: a
life ends where the data does, which is the instant before which the company's facts are known.
"""

from collections.abc import Sequence
from datetime import datetime

import ibis
import ibis.expr.types as ir

PERIOD_DAYS = 30
N_PERIODS = 6
"""Half a year in months of 30 days."""

PERIOD_SECONDS = float(PERIOD_DAYS * 86400)


def observe_durations(spine: ir.Table, events: ir.Table, by: Sequence[str], covered_until: datetime) -> ir.Table:
    """One row per row of the spine with a whole period to see: ``by, as_of, periods`` (1 to 6), ``event``.

    ``events`` hold ``by``, perhaps ``as_of``, and ``event_at``; a case's first one at or after its date counts.
    ``periods`` is the one in which it came, or the number of periods that were over by ``covered_until``. What makes
    the event impossible (a contract is followed by another: it cannot leave any more) ends no life: that the event did
    not come is known of all later periods too, and so the curve of a hazard is the share to which the event comes
    (Fine & Gray 1999), not the share to which it would come if nothing else did.
    """
    keys = [*by, "as_of"]
    on = [key for key in keys if key in events.columns]
    joined = spine.select(*keys, "as_of_at").join(events.select(*on, "event_at"), on)
    later = joined.filter(joined.event_at >= joined.as_of_at)
    first = later.group_by(*keys).agg(event_at=later.event_at.min())
    rows = spine.select(*keys, "as_of_at").left_join(first, keys)
    came = _periods(rows.as_of_at, rows.event_at).floor().cast("int64") + 1
    over = _periods(rows.as_of_at, ibis.literal(covered_until)).floor().cast("int64")
    seen = ibis.least(over, ibis.literal(N_PERIODS))
    event = (came <= seen).fill_null(False)
    made = rows.select(*keys, periods=ibis.ifelse(event, came, seen), event=event)
    return made.filter(made.periods > 0)


def _periods(earlier: ir.Value, later: ir.Value) -> ir.FloatingValue:
    seconds = later.cast("timestamp").epoch_seconds() - earlier.cast("timestamp").epoch_seconds()
    return seconds / PERIOD_SECONDS
