"""A company from literal rows: what tests of features, models, actions and reports are given."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from data.calendar import first_instant
from data.contract import CONTRACT, TABLES
from data.lake import connect
from data.point_in_time import cut_as_of
from data.schema import Table
from features.company import Company, CompanySettings

Row = Mapping[str, Any]


def build_company(
    as_of: date = date(2024, 7, 1),
    *,
    timezone: str = "Europe/Istanbul",
    currency: str = "EUR",
    seed: int = 7,
    **tables: Iterable[Row],
) -> Company:
    """The company that the given rows describe, as it was known at ``as_of``; tables that are not given are empty.

    A row leaves out what it does not know. ``known_at`` defaults to the instant at which the row happened (a day's row:
    when the day is over). Instants may be written as text.
    """
    unknown = sorted(set(tables) - set(TABLES))
    if unknown:
        raise ValueError(f"no contract tables: {unknown}; the contract has {sorted(TABLES)}")
    backend = connect(threads=1)
    company = Company({}, as_of, CompanySettings(timezone, currency, seed), backend)
    before = company.as_of_at
    for table in CONTRACT:
        rows = [_row(table, row, timezone) for row in tables.get(table.name, ())]
        _create(backend.con, table, rows)
        rows_as_given = backend.table(table.name)
        company.tables[table.name] = cut_as_of(rows_as_given, table, before).cache() if rows else rows_as_given
    return company


def _row(table: Table, row: Row, timezone: str) -> dict[str, Any]:
    """A row with every column of its table."""
    unknown = sorted(set(row) - set(table.names))
    if unknown:
        raise ValueError(f"{table.name} has no columns {unknown}; it has {list(table.names)}")
    known = row.get("known_at") or (
        _happened_at(table, table.happened_at, row, timezone) if table.happened_at else None
    )
    return {**{name: row.get(name) for name in table.names}, "known_at": known}


def _happened_at(table: Table, column: str, row: Row, timezone: str) -> datetime | None:
    """The instant that dates a row."""
    value = row.get(column)
    if value is None:
        return None
    instant: datetime = pd.Timestamp(value).to_pydatetime()
    if table[column].kind == "date":
        return first_instant(instant.date() + timedelta(days=1), timezone)
    return instant


def _create(con: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """A DuckDB table with the contract's types."""
    types = table.types()
    columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
    con.execute(f'CREATE TABLE "{table.name}" ({columns})')
    if rows:
        texts = {
            name: pa.array([None if row[name] is None else str(row[name]) for row in rows], pa.string())
            for name in table.names
        }
        con.register("given_rows", pa.table(texts))
        values = ", ".join(f'CAST("{name}" AS {kind})' for name, kind in types.items())
        con.execute(f'INSERT INTO "{table.name}" SELECT {values} FROM given_rows')
        con.unregister("given_rows")
