"""The read step: a source, through a mapping, as the contract's tables, cut to what was known before ``as_of``."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir

from data.calendar import RunDates
from data.contract import CONTRACT, OPPORTUNITIES, OPPORTUNITY_CHANGES
from data.errors import MappingError
from data.lake import Draft
from data.mapping.binding import bind, is_projection
from data.mapping.mapping import Mapping, Repair
from data.mapping.repairs import apply_repairs, count_repairs, original_columns
from data.point_in_time import cut_as_of
from data.reading.deal_history import deals_as_of
from data.reading.typed_rows import TypedQuery
from data.schema import Table
from data.source.source import QueryError, Source
from data.sql import quote_identifier, scan_parquet

READING_TYPES = {
    "table_name": "VARCHAR",
    "rows": "BIGINT",
    "known": "BIGINT",
    "later": "BIGINT",
    "data_until": "TIMESTAMP",
}
UNREADABLE_TYPES = {"table_name": "VARCHAR", "key": "VARCHAR", "column_name": "VARCHAR", "value": "VARCHAR"}
REPAIRED_TYPES = {
    "table_name": "VARCHAR",
    "column_name": "VARCHAR",
    "old_value": "VARCHAR",
    "new_value": "VARCHAR",
    "rows": "BIGINT",
    "reason": "VARCHAR",
}


def read(source: Source, mapping: Mapping, dates: RunDates, draft: Draft) -> None:
    """Write every contract table as it was known before ``as_of``, and three tables about the reading.

    ``reading``     one row per contract table: rows mapped, rows known, rows that become known later, and the latest
                    ``known_at`` before ``as_of``.
    ``unreadable``  one row per value that does not cast to its column's kind: table, ``key_text`` of the row, column,
                    value. The row itself is written with NULL in that column; validation rejects it.
    ``repaired``    one row per repair that the mapping states, with the number of known rows that it changed.

    Rows dated after today are written for any ``as_of``; validation rejects them. Deals have their state at ``as_of``
    (``data.reading.deal_history``). Raises ``SourceError`` for files that cannot be read, ``MappingError`` for SQL that
    does not fit.
    """
    scratch = draft.folder / ".mapped"
    scratch.mkdir()
    mapped = _map_tables(source, mapping, dates, scratch)
    reading: list[str] = []
    unreadable: list[str] = []
    repaired: list[str] = []
    for table in CONTRACT:
        typed = mapped.get(table.name)
        if typed is None:
            draft.write(table.name, source.backend.sql(_select_typed(table.types(), [])))
            reading.append(f"SELECT '{table.name}', 0, 0, 0, CAST(NULL AS TIMESTAMP)")
            continue
        rows = deals_as_of(typed, mapped.get(OPPORTUNITY_CHANGES.name)) if table is OPPORTUNITIES else typed.rows
        try:
            with source.translate_errors():
                draft.write(table.name, _cut(source.backend.sql(rows), table, dates))
        except QueryError as error:
            raise _query_failed(mapping, table, error) from None
        reading.append(_count_rows(typed, draft.path(table.name)))
        if typed.unreadable is not None:
            unreadable.append(typed.unreadable)
        if repairs := _repairs_of(mapping, table):
            repaired.append(count_repairs(typed.rows, typed.read_condition, repairs))
    for name, types, queries in (
        ("reading", READING_TYPES, reading),
        ("unreadable", UNREADABLE_TYPES, unreadable),
        ("repaired", REPAIRED_TYPES, repaired),
    ):
        draft.write(name, source.backend.sql(_select_typed(types, queries)))
    shutil.rmtree(scratch)


def _map_tables(source: Source, mapping: Mapping, dates: RunDates, scratch: Path) -> dict[str, TypedQuery]:
    """Contract table → queries over its mapped rows, for every table that the mapping has SQL for."""
    results = bind(source, mapping)
    mapped = {}
    for table in CONTRACT:
        if table.name in results:
            try:
                mapped[table.name] = _map_table(source, mapping, table, results[table.name], dates, scratch)
            except QueryError as error:
                raise _query_failed(mapping, table, error) from None
    return mapped


def _map_table(
    source: Source, mapping: Mapping, table: Table, rows: ir.Table, dates: RunDates, scratch: Path
) -> TypedQuery:
    """Queries over a table's mapped and repaired rows.

    The rows are materialized first, unless they only select columns of a file that have the contract's types.
    """
    repairs = _repairs_of(mapping, table)
    view = f"mapped_{table.name}"
    if not source.remote and not repairs and is_projection(mapping.sql[table.name]):
        typed = TypedQuery(table, view, _create_view(source, view, rows), dates)
        if not typed.needs_cast:
            return typed
    types = _create_view(source, view, source.materialize(rows, scratch / f"{table.name}.parquet"))
    if repairs:
        repaired_rows = source.backend.sql(apply_repairs(view, list(types), repairs))
        view = f"repaired_{table.name}"
        types = _create_view(source, view, repaired_rows)
    originals = original_columns(repairs)
    mapped_types = {name: raw_type for name, raw_type in types.items() if name not in originals}
    return TypedQuery(table, view, mapped_types, dates, originals)


def _create_view(source: Source, name: str, rows: ir.Table) -> dict[str, str]:
    """Create a DuckDB view of rows; returns column → DuckDB type."""
    connection: duckdb.DuckDBPyConnection = source.backend.con
    connection.execute(f"CREATE OR REPLACE VIEW {quote_identifier(name)} AS {source.backend.compile(rows)}")
    described = connection.execute(f"DESCRIBE {quote_identifier(name)}").fetchall()
    return {column: duckdb_type for column, duckdb_type, *_ in described}


def _cut(rows: ir.Table, table: Table, dates: RunDates) -> ir.Table:
    """The rows known before ``as_of`` and those dated in the future, in the contract's columns, by key."""
    # a future row passes the cut as if always known, and gets its instant back after it
    passing = rows.mutate(known_at=ibis.ifelse(rows.future, ibis.null("timestamp"), rows.known_at))
    known = cut_as_of(passing, table, ibis.literal(dates.as_of_at, "timestamp"))
    known = known.mutate(known_at=ibis.ifelse(known.future, known.happened, known.known_at))
    return known.select(*table.names).order_by(*table.key, "known_at")


def _count_rows(typed: TypedQuery, written: Path) -> str:
    """A query for the table's row of ``reading``."""
    return f"""
        SELECT '{typed.table.name}', mapped, known, mapped - known, until
        FROM (SELECT count(*) AS mapped FROM {quote_identifier(typed.view)}),
            (SELECT count(*) AS known, max(known_at) FILTER (known_at < TIMESTAMP '{typed.dates.as_of_at}') AS until
             FROM {scan_parquet(written)})"""


def _repairs_of(mapping: Mapping, table: Table) -> list[Repair]:
    return [repair for repair in mapping.repairs if repair.table == table.name]


def _select_typed(types: dict[str, str], queries: Sequence[str]) -> str:
    """A query for the rows of all queries in exactly these columns and types, sorted."""
    columns = {quote_identifier(name): duckdb_type for name, duckdb_type in types.items()}
    if not queries:
        nulls = ", ".join(f"CAST(NULL AS {duckdb_type}) AS {column}" for column, duckdb_type in columns.items())
        return f"SELECT {nulls} WHERE false"
    casts = ", ".join(f"CAST({column} AS {duckdb_type}) AS {column}" for column, duckdb_type in columns.items())
    return f"SELECT {casts} FROM ({' UNION ALL '.join(queries)}) AS rows({', '.join(columns)}) ORDER BY ALL"


def _query_failed(mapping: Mapping, table: Table, error: QueryError) -> MappingError:
    line = f" line {error.line}" if error.line else ""
    return MappingError(
        f"{table.name}.sql{line} fails on the data: {error.message}",
        where=str(mapping.sql_file(table.name)),
        remedy="use TRY_CAST for values that are not always of their kind, or leave the value as it is: "
        "reading casts it, and validation rejects the rows whose values do not cast",
    )
