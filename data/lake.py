"""The lake: one folder of Parquet tables for each finished step of a run.

A step writes into a folder with a temporary name, which is renamed when the step is complete. So every step folder is
complete, a killed run leaves no partial step, and no file changes after it was written.
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
    """A handle on one finished step of a run. Only handles pass between steps."""

    run_id: str
    name: str
    folder: Path

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that the step wrote, sorted."""
        return tuple(sorted(path.stem for path in self.folder.glob("*.parquet")))

    def path(self, table: str) -> Path:
        """The Parquet file of a table. Raises ``FileNotFoundError`` that lists the tables of the step."""
        path = self.folder / f"{table}.parquet"
        if not path.exists():
            raise FileNotFoundError(
                f"step '{self.name}' of run {self.run_id} wrote no table '{table}'; it wrote {self.tables}"
            )
        return path

    def rows(self, table: str) -> int:
        """Number of rows of a table, from the file's metadata."""
        return int(pq.read_metadata(self.path(table)).num_rows)

    def frame(self, table: str) -> pd.DataFrame:
        """A table as a frame, for small tables."""
        return pd.read_parquet(self.path(table))


class Draft:
    """A step that is being written. ``folder`` may also hold files that are not tables (a report, a figure)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, table: str) -> Path:
        """The Parquet file of a table, whether it exists or not."""
        return self.folder / f"{table}.parquet"

    def write(self, table: str, rows: pd.DataFrame | ir.Table) -> None:
        """Write a table, from a frame or an Ibis expression on DuckDB."""
        path = self.path(table)
        if isinstance(rows, pd.DataFrame):
            rows.to_parquet(path, index=False)
        else:
            rows.to_parquet(path)


class Lake:
    """All steps of all runs, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find_step(self, run_id: str, name: str) -> Step | None:
        """The step if it is finished, otherwise ``None``."""
        folder = self.root / run_id / name
        return Step(run_id, name, folder) if folder.is_dir() else None

    def step(self, run_id: str, name: str) -> Step:
        """The step. Raises ``FileNotFoundError`` if it is not finished."""
        finished = self.find_step(run_id, name)
        if finished is None:
            raise FileNotFoundError(f"run {run_id} has not finished its step '{name}' (looked in {self.root / run_id})")
        return finished

    @contextmanager
    def write_step(self, run_id: str, name: str) -> Iterator[Draft]:
        """A draft that becomes the step if the block succeeds, and is deleted if it raises."""
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

    def remove_run(self, run_id: str) -> None:
        """Delete a run with all its steps."""
        shutil.rmtree(self.root / run_id)


def hard_link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` the same file as ``source`` where the file system can. Finished steps never change."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def connect(*, threads: int | None = None, memory_limit: str | None = None) -> Backend:
    """A new in-memory DuckDB behind Ibis. Never a database file, so that no process waits for a lock."""
    backend = ibis.duckdb.connect()
    raw: duckdb.DuckDBPyConnection = backend.con
    raw.execute("SET enable_progress_bar = false")
    if threads is not None:
        raw.execute(f"SET threads = {int(threads)}")
    if memory_limit is not None:
        raw.execute("SET memory_limit = ?", [memory_limit])
    return backend


def scan(backend: Backend, step: Step) -> dict[str, ir.Table]:
    """Table name → Ibis table on the DuckDB, for every table of a step. Reads the Parquet files lazily."""
    return {table: backend.read_parquet(step.path(table), table_name=f"{step.name}_{table}") for table in step.tables}
