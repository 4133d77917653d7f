"""Literal CRMs: steps of a lake with exactly the rows that a test names."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES
from data.lake import Lake, Step
from data.validation.validate import validate

DATES = RunDates(date(2024, 7, 1), date(2024, 7, 3), "UTC")
Rows = Mapping[str, Sequence[Mapping[str, Any]]]

ABOUT = {
    "reading": {
        "table_name": "VARCHAR",
        "rows": "BIGINT",
        "known": "BIGINT",
        "later": "BIGINT",
        "data_until": "TIMESTAMP",
    },
    "unreadable": {"table_name": "VARCHAR", "key": "VARCHAR", "column_name": "VARCHAR", "value": "VARCHAR"},
}


def step(root: Path, name: str, rows: Rows, run_id: str = "run") -> Step:
    """A finished step with every contract table and the given rows; columns that a row does not name are NULL.

    ``known_at`` is by default the instant of the row, as the read step leaves it.
    """
    duck = duckdb.connect()
    lake = Lake(root)
    types = {table.name: table.types() for table in CONTRACT} | {k: v for k, v in ABOUT.items() if k in rows}
    with lake.write_step(run_id, name) as draft:
        for table, columns in types.items():
            given = [dict(row) for row in rows.get(table, ())]
            happened_at = TABLES[table].happened_at if table in TABLES else None
            for row in given:
                if happened_at is not None and row.get(happened_at) is not None:
                    row.setdefault("known_at", row[happened_at])
            values = ", ".join("(" + ", ".join("?" * len(columns)) + ")" for _ in given)
            casts = ", ".join(f"CAST({column} AS {kind}) AS {column}" for column, kind in columns.items())
            source = f"(VALUES {values}) AS rows({', '.join(columns)})" if given else "(SELECT NULL) WHERE false"
            nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
            duck.execute(
                f"COPY (SELECT {casts if given else nothing} FROM {source}) TO '{draft.folder / table}.parquet'",
                [row.get(column) for row in given for column in columns],
            )
    return lake.step(run_id, name)


def validated(root: Path, rows: Rows, **options: Any) -> Step:
    """The finished ``validate`` step of a literal CRM. Any rejected share is tolerated by default."""
    crm = step(root, "read", rows)
    options = {"tolerated_shares": dict.fromkeys(TABLES, 1.0), "stale_days": 3660, **options}
    lake = Lake(root)
    with lake.write_step("run", "validate") as draft:
        validate(crm, options.pop("dates", DATES), draft, **options)
    return lake.step("run", "validate")


def rows(step: Step, table: str, *columns: str) -> list[Any]:
    """A table's rows as tuples of some columns (of one column: its values), in the order of the file."""
    selected = duckdb.sql(f"SELECT {', '.join(columns)} FROM read_parquet('{step.path(table)}')").fetchall()
    return [row[0] for row in selected] if len(columns) == 1 else selected


def reasons(step: Step) -> dict[tuple[str, str], list[str]]:
    """(Table, key) → reasons of every rejected row."""
    return {
        (table, key): json.loads(reasons)
        for table, key, reasons in rows(step, "quarantine", "table_name", "key", "reasons")
    }


ACME = {"account_id": "A", "created_at": "2024-01-01"}
ROSE = {"product_id": "P", "name": "Rose"}


def order(order_id: str, **given: Any) -> dict[str, Any]:
    """One valid order line of the account A and the product P, with the given values."""
    line = {"order_id": order_id, "line_id": "1", "account_id": "A", "product_id": "P", "quantity": 2, "amount": 10}
    return {**line, "ordered_at": "2024-06-30 12:00:00", "status": "placed", **given}


GOOD: dict[str, list[dict[str, Any]]] = {"accounts": [ACME], "products": [ROSE], "orders": [order("1")]}
"""The smallest CRM that a night can run on."""


def crm(**tables: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The smallest CRM with more rows; a table given as ``only_<table>`` has only the given rows."""
    result = {name: list(rows) for name, rows in GOOD.items()}
    for name, rows in tables.items():
        if name.startswith("only_"):
            result[name.removeprefix("only_")] = rows
        else:
            result[name] = [*result.get(name, []), *rows]
    return result
