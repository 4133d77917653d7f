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
from data.source.file_formats import SUFFIXES, broken, open_file, suffix_of
from data.source.source import QueryError, Shape, plain_name, plain_names, quoted

INITCAP = """
    CREATE OR REPLACE TEMP MACRO initcap(words) AS array_to_string(list_transform(
        regexp_extract_all(words, '[a-zA-Z0-9]+|[^a-zA-Z0-9]+'), lambda word: upper(word[1]) || lower(word[2:])), '')"""
"""What PostgreSQL calls so and DuckDB lacks: every word capitalised."""


class FolderSource:
    """A folder of files. Files are opened when they are needed: a broken file that no mapping reads costs nothing."""

    def __init__(self, folder: Path) -> None:
        self.place = str(folder)
        self.remote = False
        self.files = _files(folder)
        self.backend = connect()
        self._raw: duckdb.DuckDBPyConnection = self.backend.con
        self._raw.execute("SET TimeZone = 'UTC'")
        self._raw.execute(INITCAP)
        self._opened: dict[str, tuple[str, dict[str, str]]] = {}

    @property
    def tables(self) -> dict[str, str]:
        return {name: path.name for name, path in self.files.items()}

    def columns(self, table: str) -> dict[str, str]:
        return self._open(table)[1]

    def offer(self, shape: Shape) -> None:
        chosen = ", ".join(
            f"{quoted(there)} AS {quoted(plain)}" if there is not None else f"CAST(NULL AS VARCHAR) AS {quoted(plain)}"
            for plain, there in shape.columns.items()
        )
        origin = f"FROM {self._open(shape.origin)[0]}" if shape.origin is not None else "WHERE false"
        self._raw.execute(f"CREATE OR REPLACE VIEW {quoted(shape.name)} AS SELECT {chosen or 'NULL'} {origin}")

    def query(self, sql: str) -> ir.Table:
        text = sql.strip().removesuffix(";")
        with self.explaining(text):
            return self.backend.sql(text)

    def stage(self, rows: ir.Table, path: Path) -> ir.Table:
        with self.explaining():
            rows.to_parquet(path)
        return self.backend.read_parquet(path)

    @contextmanager
    def explaining(self, sql: str = "") -> Iterator[None]:
        """DuckDB's complaints become ours: about a file, a ``SourceError``; about a query, a ``QueryError``."""
        try:
            yield
        except duckdb.Error as error:
            raise self._judged(error, sql) from None

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            with path.open("rb") as content:
                digest.update(name.encode() + hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def _open(self, table: str) -> tuple[str, dict[str, str]]:
        """What stands for a table in a FROM, and its columns. Looks into the file, once."""
        if table not in self._opened:
            relation, columns = open_file(self.backend, self.files[table])
            self._opened[table] = relation, plain_names(columns)
        return self._opened[table]

    def _judged(self, error: duckdb.Error, sql: str) -> SourceError | QueryError:
        """Whose fault a complaint is: that of a line of a text file, of a damaged file, or else of the query."""
        message = str(error)
        line, file = re.search(r"CSV Error on Line: (\d+)", message), re.search(r"file = (.+)", message)
        if line is not None and file is not None:
            return broken(
                Path(file.group(1).strip()),
                f"line {line.group(1)} does not fit the header: {message.splitlines()[2]}",
                "export it again: it was cut short, or a value with a delimiter or quote in it is not quoted",
            )
        damaged = [] if isinstance(error, duckdb.ProgrammingError) else self._damaged()
        if damaged:
            return SourceError(
                f"files that are damaged inside: {', '.join(path.name for path in damaged)} ({_gist(message)})",
                where=", ".join(str(path.resolve()) for path in damaged),
                remedy="export them again: they were cut short, or changed after they were written",
            )
        return QueryError(_gist(message), _line(message, sql) if sql else None)

    def _damaged(self) -> list[Path]:
        """The Parquet files in use of which some value cannot be read: all of each is read to tell."""
        damaged = []
        for table, (relation, _) in self._opened.items():
            if relation.startswith("read_parquet"):
                try:
                    self._raw.execute(f"SELECT bit_xor(hash(every)) FROM {relation} AS every").fetchall()
                except duckdb.Error:
                    damaged.append(self.files[table])
        return damaged


def _files(folder: Path) -> dict[str, Path]:
    """Plain name of each table → its file. Raises ``SourceError``."""
    if not folder.is_dir():
        beside = folder.parent.iterdir() if folder.parent.is_dir() else ()
        near = ", ".join(sorted(path.name for path in beside if path.is_dir())[:10])
        raise SourceError(
            "the source folder is a file" if folder.exists() else "the source folder does not exist",
            where=str(folder.resolve()),
            remedy="give the folder that holds the CRM's files" + (f"; beside it there are: {near}" if near else ""),
        )
    files: dict[str, Path] = {}
    twice = []
    for path in sorted(folder.iterdir()):
        suffix = suffix_of(path)
        if suffix is None or not path.is_file():
            continue
        name = plain_name(path.name[: -len(suffix)])
        if name in files:
            twice.append(f"{files[name].name} and {path.name}")
        files.setdefault(name, path)
    if twice:
        raise SourceError(
            f"two files stand for one table: {'; '.join(twice)}", where=str(folder), remedy="keep one of the two"
        )
    if not files:
        raise SourceError(
            f"the source folder holds no {', '.join(SUFFIXES)} file",
            where=str(folder.resolve()),
            remedy="export the CRM's tables into it, one file per table",
        )
    return files


def _gist(message: str) -> str:
    """An engine's complaint without its picture of the query."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return " ".join([line for line in lines if not line.startswith(("LINE ", "^"))][:2])


def _line(message: str, sql: str) -> int | None:
    """The line of the query that a complaint is about: as it says, or where the name that it quotes first stands."""
    said = re.search(r"^LINE (\d+):", message, re.MULTILINE)
    if said:
        return int(said.group(1))
    named = re.search(r'"([^"]+)"|name (\w+)', message)
    if named is None:
        return None
    name = next(group for group in named.groups() if group).lower()
    for number, line in enumerate(sql.splitlines(), 1):
        if re.search(rf"\b{re.escape(name)}\b", line.split("--")[0].lower()):
            return number
    return None
