"""Deals as they were: a deal's row says how it stands now; its changes say how it stood at ``as_of``."""

from data.reading.casts import read as read_value
from data.reading.typed_rows import Typed
from data.source.source import quoted

FIELDS = ("stage", "amount", "expected_close_at")
"""The columns of a deal whose history its changes tell."""


def rewound(deals: Typed, changes: Typed | None) -> str:
    """A query like ``deals.rows``, with the fields that change as they were known before ``as_of``. One row per deal.

    In this order: the latest change known by then; else what the first change after then changed it from; else, for a
    deal that closed since, nothing, because it may have been filled in with the outcome; else the row's own value.
    """
    as_of = f"TIMESTAMP '{deals.moment.as_of_at}'"
    history = changes.rows if changes is not None else _NO_CHANGES
    wide = ", ".join(
        f"bool_or(past AND field = '{field}') AS {field}_past, "
        f"bool_or(NOT past AND field = '{field}') AS {field}_next, "
        f"max(new_value) FILTER (past AND field = '{field}') AS {field}_then, "
        f"max(old_value) FILTER (NOT past AND field = '{field}') AS {field}_before"
        for field in FIELDS
    )
    values = ", ".join(f"{_value(deals, field, as_of)} AS {quoted(field)}" for field in FIELDS)
    return f"""
        WITH history AS (
            SELECT opportunity_id, field, old_value, new_value, changed_at, known_at < {as_of} AS past
            FROM ({history}) WHERE known_at IS NOT NULL
        ), ranked AS (
            SELECT *, row_number() OVER (
                PARTITION BY opportunity_id, field, past
                ORDER BY CASE WHEN past THEN -epoch_us(changed_at) ELSE epoch_us(changed_at) END, new_value
            ) AS nth FROM history
        ), nearest AS (SELECT opportunity_id, {wide} FROM ranked WHERE nth = 1 GROUP BY opportunity_id)
        SELECT deals.* REPLACE ({values})
        FROM ({deals.rows}) AS deals LEFT JOIN nearest ON nearest.opportunity_id = deals.opportunity_id"""


def _value(deals: Typed, field: str, as_of: str) -> str:
    then, before = (
        read_value(f"nearest.{field}_{side}", "VARCHAR", deals.table[field].kind, deals.moment.timezone)
        for side in ("then", "before")
    )
    return f"""CASE
        WHEN nearest.{field}_past THEN {then}
        WHEN nearest.{field}_next THEN {before}
        WHEN deals.closed_at >= {as_of} THEN NULL
        ELSE deals.{quoted(field)} END"""


_NO_CHANGES = """
    SELECT CAST(NULL AS VARCHAR) AS opportunity_id, CAST(NULL AS VARCHAR) AS field, CAST(NULL AS VARCHAR) AS old_value,
        CAST(NULL AS VARCHAR) AS new_value, CAST(NULL AS TIMESTAMP) AS changed_at, CAST(NULL AS TIMESTAMP) AS known_at
    WHERE false"""
