"""The scoring database as readers see it: its views, its runs, and the published run.

Every output has a base table ``<name>_by_run`` with the rows of all runs that are kept, and a view ``<name>`` with the
rows of the published one (``data/store/sql``). One statement, or one transaction, sees exactly one run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, MetaData, Table, Text, select
from sqlalchemy.types import TypeEngine

from data.errors import StoreError
from data.outputs.catalogue import OUTPUTS, PUBLISHED_SCORES, RUNS
from data.schema import Kind
from data.schema import Table as Output
from data.store.database import Store as Store
from data.store.database import connect_store
from data.store.migrations import migrate

TYPES: dict[Kind, type[TypeEngine[Any]]] = {
    "text": Text,
    "integer": BigInteger,
    "number": Double,
    "boolean": Boolean,
    "date": Date,
    "timestamp": DateTime,
}
FRAME_TYPES: dict[Kind, str] = {
    "text": "str",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "timestamp": "datetime64[us]",
}
"""The dtype of a column of a frame, by its kind; dates stay objects."""

_METADATA = MetaData()


def _columns(output: Output, *, without: tuple[str, ...] = ()) -> list[Column[Any]]:
    return [Column(column.name, TYPES[column.kind]) for column in output.columns if column.name not in without]


BASE_TABLES: dict[str, Table] = {
    output.name: Table(f"{output.name}_by_run", _METADATA, Column("run_id", Text), *_columns(output))
    for output in OUTPUTS
}
"""For each output, the table that holds the rows of every run kept."""

VIEWS: dict[str, Table] = {
    **{
        output.name: Table(output.name, _METADATA, *_columns(output), Column("run_id", Text), Column("as_of", Date))
        for output in OUTPUTS
    },
    **{table.name: Table(table.name, _METADATA, *_columns(table)) for table in (RUNS, PUBLISHED_SCORES)},
}
"""The views: outputs of the published run, all runs, and past scores with their outcomes."""

RUN_RECORDS = Table("run_records", _METADATA, *_columns(RUNS, without=("current",)))
POINTER = Table("published_run", _METADATA, Column("only_row", BigInteger), Column("run_id", Text))

_BY_NAME: dict[str, Output] = {output.name: output for output in (*OUTPUTS, RUNS, PUBLISHED_SCORES)}


def open_store(url: str) -> Store:
    """The scoring database at ``sqlite:///path`` or ``postgresql://user@host/name``, created or migrated if needed.

    Raises ``StoreError`` where the URL cannot be used, or the database cannot be connected, read or migrated.
    """
    store = connect_store(url)
    with store.failing("the scoring database cannot be opened"):
        migrate(store.engine, store.name)
    return store


def view(
    store: Store,
    name: str,
    limit: int | None = None,
    *,
    where: Mapping[str, object] | None = None,
    order_by: Sequence[str] = (),
) -> pd.DataFrame:
    """Rows of a view, in the order of its key, with equal types on all databases; empty before the first run.

    ``where`` keeps the rows whose columns equal the given values. ``order_by`` names columns to sort by before the key;
    ``-column`` sorts the largest first. Raises ``StoreError`` for a view or column that does not exist.
    """
    source = VIEWS.get(name)
    if source is None:
        raise StoreError(f"there is no view '{name}'", where=store.name, remedy=f"name one of {', '.join(VIEWS)}")
    conditions = dict(where or {})
    columns = source.c.keys()
    unknown = sorted({*conditions, *(column.removeprefix("-") for column in order_by)} - set(columns))
    if unknown:
        raise StoreError(
            f"the view '{name}' has no column {', '.join(unknown)}",
            where=store.name,
            remedy=f"name some of {', '.join(columns)}",
        )
    order = [
        (source.c[column.removeprefix("-")].desc() if column.startswith("-") else source.c[column].asc()).nulls_last()
        for column in order_by
    ]
    query = select(source).order_by(*order, *(source.c[column] for column in _BY_NAME[name].key)).limit(limit)
    for column, value in conditions.items():
        query = query.where(source.c[column] == value)
    with store.reading() as connection:
        found = connection.execute(query).all()
    return _frame(_BY_NAME[name], columns, found)


def rows_of_run(store: Store, name: str, run_id: str) -> pd.DataFrame:
    """The rows of an output that a run published, current or not; empty where they were removed."""
    columns = [column.name for column in _BY_NAME[name].columns]
    query = select(*(BASE_TABLES[name].c[column] for column in columns)).where(BASE_TABLES[name].c.run_id == run_id)
    with store.reading() as connection:
        found = connection.execute(query).all()
    return _frame(_BY_NAME[name], columns, found)


def runs(store: Store) -> pd.DataFrame:
    """One row per run that published or stopped, the latest started first: ``data.outputs.catalogue.RUNS``."""
    return view(store, RUNS.name, order_by=("-started_at",))


def published_run_id(store: Store) -> str | None:
    """The id of the run that readers see; ``None`` before the first was published."""
    with store.reading() as connection:
        return connection.execute(select(POINTER.c.run_id)).scalar_one_or_none()


def _frame(output: Output, columns: Sequence[str], found: Sequence[Any]) -> pd.DataFrame:
    frame = pd.DataFrame([tuple(row) for row in found], columns=list(columns), dtype=object)
    kinds: dict[str, Kind] = {"run_id": "text", **{column.name: column.kind for column in output.columns}}
    typed = {name: FRAME_TYPES[kind] for name, kind in kinds.items() if kind in FRAME_TYPES and name in frame}
    return frame.astype(typed)
