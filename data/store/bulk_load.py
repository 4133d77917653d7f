"""Load the rows of one Parquet file into the base table of an output, in the caller's transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from sqlalchemy import Connection, Table

from data.errors import StoreError
from data.schema import DUCKDB_TYPES
from data.schema import Table as Output
from data.sql import scan_parquet

BATCH_ROWS = 50_000
MAX_BAD_KEYS_SHOWN = 3


def is_list(column: str) -> bool:
    """Whether a column of an output holds JSON lists, by its name."""
    return column in ("reasons", "send_windows") or column.endswith("_reasons")


def count_rows(parquet: Path) -> int:
    """The number of rows of a Parquet file, from its metadata."""
    return int(pq.read_metadata(parquet).num_rows)


@contextmanager
def parquet_reader() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with which ``load`` reads Parquet; one serves all outputs."""
    duck = duckdb.connect()
    try:
        duck.execute("SET enable_progress_bar = false")
        duck.execute("SET TimeZone = 'UTC'")  # instants are naive UTC; those with a zone are converted
        yield duck
    finally:
        duck.close()


def load_table(
    connection: Connection, duck: duckdb.DuckDBPyConnection, parquet: Path, output: Output, base: Table, run_id: str
) -> None:
    """Write every row under the run's id, cast to the output's types, NaN as NULL.

    Raises ``StoreError`` for missing or unknown columns, values of a wrong type, missing or duplicate keys, and lists
    that are not JSON.
    """
    _check_columns(parquet, output)
    if not count_rows(parquet):
        return
    typed = f"(SELECT {_casts(output)} FROM {scan_parquet(parquet)})"
    try:
        _check_rows(duck, typed, parquet, output)
        names = ["run_id", *output.by_name]
        batches = duck.execute(f"SELECT ?::VARCHAR AS run_id, * FROM {typed}", [run_id]).to_arrow_reader(BATCH_ROWS)
        if connection.dialect.name == "postgresql":
            _copy(connection, base, names, batches)
        else:
            _insert(connection, base, names, batches)
    except duckdb.ConversionException as error:
        raise StoreError(
            f"{output.name} holds a value of the wrong type: {str(error).splitlines()[0]}",
            where=str(parquet),
            remedy="correct the step that writes it",
        ) from error


def _casts(output: Output) -> str:
    """The select list that casts every column to its type, NaN to NULL."""
    parts = []
    for column in output.columns:
        value = f'CAST("{column.name}" AS {DUCKDB_TYPES[column.kind]})'
        if column.kind == "number":
            value = f"CASE WHEN NOT isnan({value}) THEN {value} END"
        if column.kind == "text":
            value = f"replace({value}, chr(0), '')"  # PostgreSQL holds no NUL
        parts.append(f'{value} AS "{column.name}"')
    return ", ".join(parts)


def _check_columns(parquet: Path, output: Output) -> None:
    there = set(pq.read_schema(parquet).names)
    wanted = set(output.by_name)
    wrong = [f"lacks {name}" for name in sorted(wanted - there)] + [f"has {name}" for name in sorted(there - wanted)]
    if wrong:
        raise StoreError(
            f"{output.name} does not have its columns: it {', '.join(wrong)}",
            where=str(parquet),
            remedy="write exactly the columns of data.outputs.catalogue; a new one needs a migration in data/store/sql",
        )


def _check_rows(duck: duckdb.DuckDBPyConnection, typed: str, parquet: Path, output: Output) -> None:
    """Look at keys and lists in one pass."""
    key = ", ".join(f'"{name}"' for name in output.key)
    missing = " OR ".join(f'"{name}" IS NULL' for name in output.key)
    lists = [name for name in output.by_name if is_list(name)]
    counts = [
        f"count(*) - count(DISTINCT ({key}))",
        f"count(*) FILTER (WHERE {missing})",
        *(f'count("{name}") FILTER (WHERE {_is_no_list(name)})' for name in lists),
    ]
    repeated, without, *no_lists = duck.execute(f"SELECT {', '.join(counts)} FROM {typed}").fetchone() or (0, 0)
    if repeated or without:
        wrong = f"SELECT {key}, count(*) FROM {typed} GROUP BY {key} HAVING count(*) > 1 OR {missing}"
        found = duck.execute(f"{wrong} ORDER BY ALL LIMIT {MAX_BAD_KEYS_SHOWN}").fetchall()
        examples = "; ".join(f"{', '.join(map(str, row[:-1]))} ({row[-1]:,} rows)" for row in found)
        raise StoreError(
            f"{output.name} has keys ({', '.join(output.key)}) missing or there more than once, such as {examples}",
            where=str(parquet),
            remedy=f"correct the step that writes it: {output.grain}",
        )
    if any(no_lists):
        columns = ", ".join(f"{name} in {count:,} rows" for name, count in zip(lists, no_lists, strict=True) if count)
        raise StoreError(
            f"{output.name} has columns that must hold JSON lists and do not: {columns}",
            where=str(parquet),
            remedy="write them with json.dumps: readers parse them",
        )


def _is_no_list(column: str) -> str:
    return f"""coalesce(json_type(CASE WHEN json_valid("{column}") THEN "{column}" END), '') <> 'ARRAY'"""


def _copy(connection: Connection, base: Table, names: Sequence[str], batches: pa.RecordBatchReader) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    cursor = connection.connection.cursor()
    # Every value is quoted and no NULL is: an empty text stays one.
    options = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with cursor.copy(f"COPY {base.name} ({columns}) FROM STDIN (FORMAT csv)") as copy:
        for batch in batches:
            sink = pa.BufferOutputStream()
            pa_csv.write_csv(batch, sink, options)
            copy.write(sink.getvalue().to_pybytes())


def _insert(connection: Connection, base: Table, names: Sequence[str], batches: pa.RecordBatchReader) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    statement = f"INSERT INTO {base.name} ({columns}) VALUES ({', '.join('?' * len(names))})"
    for batch in batches:
        rows = list(zip(*(_values(column) for column in batch.columns), strict=True))
        if rows:
            connection.exec_driver_sql(statement, rows)


def _values(column: pa.Array) -> list[object]:
    """A column as SQLite keeps it: days and instants as ISO texts, as SQLAlchemy reads them back."""
    if pa.types.is_timestamp(column.type):
        return list(pc.strftime(column, "%Y-%m-%d %H:%M:%S").to_pylist())
    if pa.types.is_date(column.type):
        return list(column.cast(pa.string()).to_pylist())
    return list(column.to_pylist())
