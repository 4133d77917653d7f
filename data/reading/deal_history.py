"""Deals as they stood at ``as_of``: a deal's row has its present state, its changes have the earlier ones."""

from data.reading.casts import cast_value
from data.reading.typed_rows import TypedQuery
from data.sql import quote_identifier

RESTORED_COLUMNS = ("stage", "amount", "expected_close_at")
"""Columns of a deal whose value at ``as_of`` is restored from its changes."""

NO_CHANGES = """
    SELECT CAST(NULL AS VARCHAR) AS opportunity_id, CAST(NULL AS VARCHAR) AS field, CAST(NULL AS VARCHAR) AS old_value,
        CAST(NULL AS VARCHAR) AS new_value, CAST(NULL AS TIMESTAMP) AS changed_at, CAST(NULL AS TIMESTAMP) AS known_at
    WHERE false"""


def deals_as_of(deals: TypedQuery, changes: TypedQuery | None) -> str:
    """A query like ``deals.rows`` with ``RESTORED_COLUMNS`` as they were known before ``as_of``. One row per deal.

    A value is, in this order: the new value of the latest change known before ``as_of``; the old value of the first
    change after it; NULL for a deal that closed since (it may have been filled with the outcome); the row's own value.
    """
    as_of = f"TIMESTAMP '{deals.dates.as_of_at}'"
    history = changes.rows if changes is not None else NO_CHANGES
    # of each field: whether there is a change before and after as_of, and the values nearest to it
    nearest_values = ", ".join(
        f"bool_or(past AND field = '{field}') AS {field}_has_past, "
        f"bool_or(NOT past AND field = '{field}') AS {field}_has_next, "
        f"max(new_value) FILTER (past AND field = '{field}') AS {field}_latest, "
        f"max(old_value) FILTER (NOT past AND field = '{field}') AS {field}_before_next"
        for field in RESTORED_COLUMNS
    )
    values = ", ".join(
        f"{_restored_value(deals, field, as_of)} AS {quote_identifier(field)}" for field in RESTORED_COLUMNS
    )
    return f"""
        WITH history AS (
            SELECT opportunity_id, field, old_value, new_value, changed_at, known_at < {as_of} AS past
            FROM ({history}) WHERE known_at IS NOT NULL
        ), ranked AS (
            SELECT *, row_number() OVER (
                PARTITION BY opportunity_id, field, past
                ORDER BY CASE WHEN past THEN -epoch_us(changed_at) ELSE epoch_us(changed_at) END, new_value
            ) AS distance FROM history
        ), nearest AS (SELECT opportunity_id, {nearest_values} FROM ranked WHERE distance = 1 GROUP BY opportunity_id)
        SELECT deals.* REPLACE ({values})
        FROM ({deals.rows}) AS deals LEFT JOIN nearest ON nearest.opportunity_id = deals.opportunity_id"""


def _restored_value(deals: TypedQuery, field: str, as_of: str) -> str:
    latest, before_next = (
        cast_value(f"nearest.{field}_{name}", "VARCHAR", deals.table[field].kind, deals.dates.timezone)
        for name in ("latest", "before_next")
    )
    return f"""CASE
        WHEN nearest.{field}_has_past THEN {latest}
        WHEN nearest.{field}_has_next THEN {before_next}
        WHEN deals.closed_at >= {as_of} THEN NULL
        ELSE deals.{quote_identifier(field)} END"""
