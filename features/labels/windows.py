"""The window after each date of a spine, and whether an event lies in it.

A window that the data does not cover yet is refused: one that ends after ``covered_until``, the instant before which
the company's facts are known (its own ``as_of_at``).
"""

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from data.calendar import first_instant
from features.company import Company

MAX_LISTED = 5
"""How many offending dates an error lists."""


def with_window_end(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """The spine with the end of each row's window: its day ``end_on`` and that day's first instant ``end_at``.

    Raises ``ValueError`` that names the dates whose window is not covered.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1, not {horizon_days}")
    days = [day.date() for day in pd.to_datetime(spine.select("as_of").distinct().order_by("as_of").execute().as_of)]
    ends = {day: day + timedelta(days=horizon_days) for day in days}
    open_windows = [day for day, end in ends.items() if first_instant(end, company.timezone) > covered_until]
    if open_windows:
        listed = ", ".join(map(str, open_windows[:MAX_LISTED])) + (" …" if len(open_windows) > MAX_LISTED else "")
        raise ValueError(
            f"the data covers what happened before {covered_until} UTC; the {horizon_days} days after"
            f" {listed} are not over by then: ask for earlier dates (features.spine.past_dates gives them) or a"
            " shorter horizon"
        )
    table = ibis.memtable(
        pa.table(
            {
                "as_of": pa.array(days, pa.date32()),
                "end_on": pa.array(list(ends.values()), pa.date32()),
                "end_at": pa.array([first_instant(end, company.timezone) for end in ends.values()], pa.timestamp("us")),
            }
        )
    )
    return spine.join(table, "as_of").select(*spine.columns, "end_on", "end_at")


def occurs_in_window(windows: ir.Table, events: ir.Table, key: str, column: str) -> ir.Table:
    """One row per row of ``windows``: ``key, as_of``, and in ``column`` whether an event lies in its window.

    ``windows`` come from ``with_window_end``; ``events`` hold ``key, event_at``.
    """
    pairs = windows.join(events.select(key, "event_at"), key)
    inside = pairs.filter(pairs.event_at >= pairs.as_of_at, pairs.event_at < pairs.end_at)
    occurring = inside.select(key, "as_of").distinct().mutate(occurs=True)
    marked = windows.left_join(occurring, [key, "as_of"])
    return marked.select(key, "as_of", **{column: marked.occurs.fill_null(False)})
