"""A source that is a folder of files: each CSV, TSV, Parquet or Excel file is a table named by its file."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis.expr.types as ir

from data.errors import SourceError
from data.lake import connect
from data.source.file_formats import SUFFIXES, file_error, open_file, suffix_of
from data.source.names import snake_case, snake_case_names
from data.source.source import QueryError, SourceKind, TableView
from data.sql import quote_identifier, summarize_error

MAX_NEIGHBORS = 10
"""Folders that an error names beside a missing one."""

INITCAP = """
    CREATE OR REPLACE TEMP MACRO initcap(words) AS array_to_string(list_transform(
        regexp_extract_all(words, '[a-zA-Z0-9]+|[^a-zA-Z0-9]+'), lambda word: upper(word[1]) || lower(word[2:])), '')"""
"""PostgreSQL's ``initcap``, which DuckDB lacks: every word capitalized."""


class FolderSource:
    """A folder of files. Each is opened when first needed: a broken file that no mapping reads raises nothing."""

    def __init__(self, folder: Path) -> None:
        self.location = str(folder)
        self.remote = False
        self.files = _files_by_table(folder)
        self.backend = connect()
        self._connection: duckdb.DuckDBPyConnection = self.backend.con
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(INITCAP)
        self._opened: dict[str, tuple[str, dict[str, str]]] = {}

    @property
    def tables(self) -> dict[str, str]:
        return {name: path.name for name, path in self.files.items()}

    def columns(self, table: str) -> dict[str, str]:
        return self._open(table)[1]

    def register(self, view: TableView) -> None:
        selected = ", ".join(
            f"{'CAST(NULL AS VARCHAR)' if original is None else quote_identifier(original)} AS {quote_identifier(name)}"
            for name, original in view.columns.items()
        )
        rows = f"FROM {self._open(view.source_table)[0]}" if view.source_table is not None else "WHERE false"
        self._connection.execute(
            f"CREATE OR REPLACE VIEW {quote_identifier(view.name)} AS SELECT {selected or 'NULL'} {rows}"
        )

    def query(self, sql: str) -> ir.Table:
        text = sql.strip().removesuffix(";")
        with self.translate_errors(text):
            return self.backend.sql(text)

    def materialize(self, rows: ir.Table, path: Path) -> ir.Table:
        with self.translate_errors():
            rows.to_parquet(path)
        return self.backend.read_parquet(path)

    @contextmanager
    def translate_errors(self, sql: str = "") -> Iterator[None]:
        """Raise errors of DuckDB as ``SourceError`` if a file is at fault, otherwise as ``QueryError``."""
        try:
            yield
        except duckdb.Error as error:
            raise self._translate(error, sql) from None

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            with path.open("rb") as content:
                digest.update(name.encode() + hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def _open(self, table: str) -> tuple[str, dict[str, str]]:
        """FROM item of a table, and its columns as ``columns`` returns them. Opens the file once."""
        if table not in self._opened:
            relation, columns = open_file(self.backend, self.files[table])
            self._opened[table] = relation, snake_case_names(columns)
        return self._opened[table]

    def _translate(self, error: duckdb.Error, sql: str) -> SourceError | QueryError:
        """The error of a line of a text file, of a damaged file, or else of the query."""
        message = str(error)
        line, file = re.search(r"CSV Error on Line: (\d+)", message), re.search(r"file = (.+)", message)
        if line is not None and file is not None:
            return file_error(
                Path(file.group(1).strip()),
                f"line {line.group(1)} does not fit the header: {message.splitlines()[2]}",
                "export it again: it was cut short, or a value with a delimiter or quote in it is not quoted",
            )
        damaged = [] if isinstance(error, duckdb.ProgrammingError) else self._damaged_files()
        if damaged:
            return SourceError(
                f"files that are damaged inside: {', '.join(path.name for path in damaged)} ({summarize_error(error)})",
                where=", ".join(str(path.resolve()) for path in damaged),
                remedy="export them again: they were cut short, or changed after they were written",
            )
        return QueryError(summarize_error(error), _error_line(message, sql) if sql else None)

    def _damaged_files(self) -> list[Path]:
        """The opened Parquet files with unreadable values. Reads each of them completely."""
        damaged = []
        for table, (relation, _) in self._opened.items():
            if relation.startswith("read_parquet"):
                try:
                    self._connection.execute(f"SELECT bit_xor(hash(file)) FROM {relation} AS file").fetchall()
                except duckdb.Error:
                    damaged.append(self.files[table])
        return damaged


FOLDER = SourceKind(
    "a folder of CSV, Parquet or Excel files",
    accepts=lambda address: "://" not in address,
    open=lambda address: FolderSource(Path(address)),
)


def _files_by_table(folder: Path) -> dict[str, Path]:
    """Snake_case name of each table → its file. Raises ``SourceError``."""
    if not folder.is_dir():
        raise _no_folder(folder)
    files: dict[str, Path] = {}
    duplicates = []
    for path in sorted(folder.iterdir()):
        suffix = suffix_of(path)
        if suffix is None or not path.is_file():
            continue
        name = snake_case(path.name[: -len(suffix)])
        if name in files:
            duplicates.append(f"{files[name].name} and {path.name}")
        files.setdefault(name, path)
    if duplicates:
        raise SourceError(
            f"two files for one table: {'; '.join(duplicates)}", where=str(folder), remedy="keep one of the two"
        )
    if not files:
        raise SourceError(
            f"the source folder has no {', '.join(SUFFIXES)} file",
            where=str(folder.resolve()),
            remedy="export the CRM's tables into it, one file per table",
        )
    return files


def _no_folder(folder: Path) -> SourceError:
    """The error for a folder that is missing or a file; it names the folders beside it."""
    siblings = folder.parent.iterdir() if folder.parent.is_dir() else ()
    names = ", ".join(sorted(path.name for path in siblings if path.is_dir())[:MAX_NEIGHBORS])
    return SourceError(
        "the source folder is a file" if folder.exists() else "the source folder does not exist",
        where=str(folder.resolve()),
        remedy="give the folder with the CRM's files" + (f"; folders beside it: {names}" if names else ""),
    )


def _error_line(message: str, sql: str) -> int | None:
    """The line of the query that an error message names, or the first with the name that it quotes; else ``None``."""
    line = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    if line:
        return int(line.group(1))
    quoted = re.search(r'"([^"]+)"|name (\w+)', message)
    if quoted is None:
        return None
    name = next(group for group in quoted.groups() if group).lower()
    for number, text in enumerate(sql.splitlines(), 1):
        if re.search(rf"\b{re.escape(name)}\b", text.split("--")[0].lower()):
            return number
    return None
