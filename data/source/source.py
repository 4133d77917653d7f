"""A source: the place where a CRM's tables lie, as a mapping's SQL sees them.

Whatever the place, its tables and columns appear under plain names: snake_case, so that ``StageName``, ``Stage Name``
and ``stage_name`` are one column however a loader landed it. What can be read is text, unless the place knows better
types (Parquet, a database); reading casts it to the contract's.
"""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from data.errors import SourceError


@dataclass(frozen=True)
class Shape:
    """One table of a source as a query is to see it: plain column names, each with its name there, if it is there."""

    name: str
    origin: str | None
    """The plain name under which the source has the table; ``None`` when it lacks it, and it counts as empty."""
    columns: dict[str, str | None]


class Source(Protocol):
    """A place that can be queried in DuckDB's dialect. ``place`` says where, without secrets."""

    place: str
    remote: bool
    """Whether ``query`` gives rows of another engine, which only ``stage`` brings here."""
    backend: Backend
    """The DuckDB in which staged rows arrive, and in which those of ``query`` lie where they are not remote."""

    @property
    def tables(self) -> dict[str, str]:
        """Plain name of every table there, and what it is called there."""

    def columns(self, table: str) -> dict[str, str]:
        """Plain name of every column of a table, and what it is called there. Raises ``SourceError``."""

    def offer(self, shape: Shape) -> None:
        """Let queries see a table in this shape."""

    def query(self, sql: str) -> ir.Table:
        """The rows of a query over the offered tables, lazily. Raises ``SourceError`` or ``QueryError``."""

    def stage(self, rows: ir.Table, path: Path) -> ir.Table:
        """The same rows once they were written to a Parquet file: reading them again costs no query."""

    def explaining(self, sql: str = "") -> AbstractContextManager[None]:
        """A block in which the engine's complaints become ``SourceError`` or ``QueryError``."""

    def fingerprint(self) -> str:
        """Changes when the content does, as far as the place can tell cheaply."""


class QueryError(Exception):
    """A query does not fit the source; ``line`` counts in the text that was given, where it is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def open_source(url_or_folder: str | Path) -> Source:
    """The source in a folder of files, or in a database given by URL. Raises ``SourceError``."""
    place = str(url_or_folder)
    if "://" not in place:
        from data.source.folder import FolderSource

        return FolderSource(Path(place))
    scheme = place.split("://", 1)[0]
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        from data.source.postgres import PostgresSource

        return PostgresSource(place)
    raise SourceError(
        f"sources of the kind '{scheme}://' cannot be read",
        where=without_password(place),
        remedy="give a folder of CSV, Parquet or Excel files, or postgresql://user:password@host:port/database; "
        "tables of other databases can be exported to Parquet",
    )


def fingerprint(source: Source) -> str:
    """Changes when a source's content does: a hash of the files' content; for a database, of its URL only."""
    return source.fingerprint()


def plain_name(name: str) -> str:
    """A name in snake_case: ``OpportunityFieldHistory``, ``Customer ID`` → ``opportunity_field_history``, …"""
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


def plain_names(names: Iterable[str]) -> dict[str, str]:
    """Plain name → name, in order. Where two become one, the later ones get a number."""
    plain: dict[str, str] = {}
    for name in names:
        base = plain_name(name) or "column"
        key, number = base, 1
        while key in plain:
            number += 1
            key = f"{base}_{number}"
        plain[key] = name
    return plain


def without_password(url: str) -> str:
    """A URL that may be shown: its password is starred out."""
    return re.sub(r"(://[^:/@\s]*):[^@/\s]*@", r"\1:***@", re.sub(r"(password=)[^&\s]+", r"\1***", url))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
