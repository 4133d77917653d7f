"""The read step: a source, through a mapping, as the contract's tables, cut to what was known before ``as_of``."""

import shutil
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir

from data.calendar import RunDates
from data.contract import CONTRACT, OPPORTUNITIES, OPPORTUNITY_CHANGES
from data.errors import MappingError
from data.lake import Draft
from data.mapping.binding import fit, is_bare
from data.mapping.mapping import Mapping, Repair
from data.mapping.repairs import before, counts, repaired
from data.point_in_time import as_known
from data.reading.deal_history import rewound
from data.reading.typed_rows import Typed
from data.schema import Table
from data.source.source import QueryError, Source
from data.sql import quote_identifier

READING = {"table_name": "VARCHAR", "rows": "BIGINT", "known": "BIGINT", "later": "BIGINT", "data_until": "TIMESTAMP"}
UNREADABLE = {"table_name": "VARCHAR", "key": "VARCHAR", "column_name": "VARCHAR", "value": "VARCHAR"}
REPAIRED = {
    "table_name": "VARCHAR",
    "column_name": "VARCHAR",
    "old_value": "VARCHAR",
    "new_value": "VARCHAR",
    "rows": "BIGINT",
    "reason": "VARCHAR",
}


def read(source: Source, mapping: Mapping, moment: RunDates, draft: Draft) -> None:
    """Write every contract table as it was known before ``moment.as_of_at``, and three tables about the reading.

    ``reading``     one row per contract table: rows mapped, rows known, rows that become known later, and the latest
                    ``known_at`` before ``as_of``.
    ``unreadable``  one row per value that is not of its column's kind: table, ``key_of`` the row, column, value. The
                    row itself goes on with an empty value, for validation to keep out.
    ``repaired``    one row per repair that the mapping states, with the number of known rows that it changed.

    A row that happened after today goes on whatever ``as_of`` says, for validation to keep out. Deals stand as they
    stood at ``as_of`` (``data.reading.deal_history``). Raises ``SourceError`` for what cannot be read and ``MappingError`` for what
    does not fit.
    """
    results = fit(source, mapping)
    scratch = draft.folder / ".mapped"
    scratch.mkdir()
    mapped: dict[str, Typed] = {}
    for table in CONTRACT:
        if table.name in results:
            try:
                mapped[table.name] = _typed(source, mapping, table, results[table.name], moment, scratch)
            except QueryError as error:
                raise _failed(mapping, table, error) from None
    reading: list[str] = []
    unreadable: list[str] = []
    changes: list[str] = []
    for table in CONTRACT:
        typed = mapped.get(table.name)
        if typed is None:
            draft.write(table.name, source.backend.sql(_as(table.types(), None)))
            reading.append(f"SELECT '{table.name}', 0, 0, 0, CAST(NULL AS TIMESTAMP)")
            continue
        rows = rewound(typed, mapped.get(OPPORTUNITY_CHANGES.name)) if table is OPPORTUNITIES else typed.rows
        try:
            with source.translate_errors():
                draft.write(table.name, _cut(source.backend.sql(rows), table, moment))
        except QueryError as error:
            raise _failed(mapping, table, error) from None
        reading.append(_counts(typed, draft.folder))
        unreadable += [typed.unreadable] if typed.unreadable else []
        changes += [counts(typed.rows, typed.known, repairs)] if (repairs := _repairs(mapping, table)) else []
    for name, types, parts in (
        ("reading", READING, reading),
        ("unreadable", UNREADABLE, unreadable),
        ("repaired", REPAIRED, changes),
    ):
        draft.write(name, source.backend.sql(_as(types, " UNION ALL ".join(parts) or None)))
    shutil.rmtree(scratch)


def _typed(source: Source, mapping: Mapping, table: Table, rows: ir.Table, moment: RunDates, scratch: Path) -> Typed:
    """The table's mapped and repaired rows, ready to be typed.

    Written down first, unless they are a plain look at a file with the contract's types, so that no work is done twice.
    """
    repairs = _repairs(mapping, table)
    name = f"mapped_{table.name}"
    if not source.remote and not repairs and is_bare(mapping.sql[table.name]):
        typed = Typed(table, name, _view(source, name, rows), moment)
        if not typed.foreign:
            return typed
    types = _view(source, name, source.materialize(rows, scratch / f"{table.name}.parquet"))
    if repairs:
        mended = source.backend.sql(repaired(name, list(types), repairs))
        name = f"repaired_{table.name}"
        types = _view(source, name, mended)
    beside = before(repairs)
    return Typed(table, name, {column: kind for column, kind in types.items() if column not in beside}, moment, beside)


def _view(source: Source, name: str, rows: ir.Table) -> dict[str, str]:
    """Give rows a name in DuckDB; their columns and types there."""
    raw: duckdb.DuckDBPyConnection = source.backend.con
    raw.execute(f"CREATE OR REPLACE VIEW {quote_identifier(name)} AS {source.backend.compile(rows)}")
    return {column: kind for column, kind, *_ in raw.execute(f"DESCRIBE {quote_identifier(name)}").fetchall()}


def _cut(rows: ir.Table, table: Table, moment: RunDates) -> ir.Table:
    """The rows known before ``as_of`` and those dated in the future, in the contract's columns, by key."""
    # a future row passes the cut as if always known, and gets its instant back after it
    passing = rows.mutate(known_at=ibis.ifelse(rows.future, ibis.null("timestamp"), rows.known_at))
    known = as_known(passing, table, ibis.literal(moment.as_of_at, "timestamp"))
    known = known.mutate(known_at=ibis.ifelse(known.future, known.happened, known.known_at))
    return known.select(*table.names).order_by(*table.key, "known_at")


def _counts(typed: Typed, folder: Path) -> str:
    """A query for the table's row of ``reading``."""
    written = str(folder / f"{typed.table.name}.parquet").replace("'", "''")
    return f"""
        SELECT '{typed.table.name}', mapped, known, mapped - known, until
        FROM (SELECT count(*) AS mapped FROM {quote_identifier(typed.view)}),
            (SELECT count(*) AS known, max(known_at) FILTER (known_at < TIMESTAMP '{typed.moment.as_of_at}') AS until
             FROM read_parquet('{written}'))"""


def _repairs(mapping: Mapping, table: Table) -> list[Repair]:
    return [repair for repair in mapping.repairs if repair.table == table.name]


def _as(types: dict[str, str], query: str | None) -> str:
    """A query for rows of exactly these columns and types, in order; for no rows, where there is no query."""
    names = ", ".join(quote_identifier(name) for name in types)
    if query is None:
        return f"SELECT {', '.join(f'CAST(NULL AS {kind}) AS {quote_identifier(c)}' for c, kind in types.items())} WHERE false"
    casts = ", ".join(f"CAST({quote_identifier(c)} AS {kind}) AS {quote_identifier(c)}" for c, kind in types.items())
    return f"SELECT {casts} FROM ({query}) AS rows({names}) ORDER BY ALL"


def _failed(mapping: Mapping, table: Table, error: QueryError) -> MappingError:
    line = f" line {error.line}" if error.line else ""
    return MappingError(
        f"{table.name}.sql{line} fails on the data: {error.message}",
        where=str(mapping.file(table.name)),
        remedy="use TRY_CAST for values that are not always of their kind, or leave the value as it is: "
        "reading casts it, and keeps the rows aside that it cannot read",
    )
