"""The lake: one folder of Parquet tables for each finished step of a run.

A step writes its tables into a folder of a temporary name, which takes its own name when the step is done. So a folder
that is there is whole, a killed run leaves no half step behind, and nothing is changed after it is written.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class Step:
    """A handle on one finished step of a run: all that passes between steps."""

    run_id: str
    name: str
    folder: Path

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that the step wrote, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.parquet")))

    def path(self, table: str) -> Path:
        """The Parquet file of a table. Raises ``FileNotFoundError`` that names what is there instead."""
        path = self.folder / f"{table}.parquet"
        if not path.exists():
            raise FileNotFoundError(
                f"step '{self.name}' of run {self.run_id} wrote no table '{table}'; it wrote {self.tables}"
            )
        return path

    def rows(self, table: str) -> int:
        """How many rows a table holds, by the file's own account."""
        return int(pq.read_metadata(self.path(table)).num_rows)

    def frame(self, table: str) -> pd.DataFrame:
        """A table as a frame: for small outputs."""
        return pd.read_parquet(self.path(table))


class Draft:
    """A step that is being written. ``folder`` may also hold files that are not tables (a report, a picture)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, table: str, rows: pd.DataFrame | ir.Table) -> None:
        """Write a table, from a frame or an Ibis expression on DuckDB."""
        path = self.folder / f"{table}.parquet"
        if isinstance(rows, pd.DataFrame):
            rows.to_parquet(path, index=False)
        else:
            rows.to_parquet(path)


class Lake:
    """All steps of all runs below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def finished(self, run_id: str, name: str) -> Step | None:
        """The step, when it was finished before; ``None`` otherwise."""
        folder = self.root / run_id / name
        return Step(run_id, name, folder) if folder.is_dir() else None

    def step(self, run_id: str, name: str) -> Step:
        """A finished step. Raises ``FileNotFoundError`` when it is not."""
        finished = self.finished(run_id, name)
        if finished is None:
            raise FileNotFoundError(f"run {run_id} has not finished its step '{name}' (looked in {self.root / run_id})")
        return finished

    @contextmanager
    def writing(self, run_id: str, name: str) -> Iterator[Draft]:
        """A draft that becomes the step when the block ends well, and is thrown away when it does not."""
        folder = self.root / run_id / name
        if folder.exists():
            raise FileExistsError(
                f"step '{name}' of run {run_id} is finished already; finished steps are never rewritten"
            )
        draft = folder.with_name(f".{name}.writing")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            yield Draft(draft)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        os.replace(draft, folder)

    def forget(self, run_id: str) -> None:
        """Remove a run with all its steps."""
        shutil.rmtree(self.root / run_id)


def connect(*, threads: int | None = None, memory_limit: str | None = None) -> Backend:
    """A new in-memory DuckDB, spoken to through Ibis: never a shared database file, hence never a lock."""
    backend = ibis.duckdb.connect()
    raw: duckdb.DuckDBPyConnection = backend.con
    raw.execute("SET enable_progress_bar = false")
    if threads is not None:
        raw.execute(f"SET threads = {int(threads)}")
    if memory_limit is not None:
        raw.execute("SET memory_limit = ?", [memory_limit])
    return backend


def scan(backend: Backend, step: Step) -> dict[str, ir.Table]:
    """Every table of a step as an Ibis table on the given DuckDB, read where it lies."""
    return {table: backend.read_parquet(step.path(table), table_name=f"{step.name}_{table}") for table in step.tables}
