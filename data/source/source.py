"""The protocol of a source: the tables of a CRM, in files or a database, as a mapping's SQL queries them.

Tables and columns appear in snake_case, so that ``StageName``, ``Stage Name`` and ``stage_name`` are one column.
Values are text unless the source has types of its own (Parquet, a database); reading casts them to the contract's.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend


@dataclass(frozen=True)
class TableView:
    """One table of a source as queries see it."""

    name: str
    source_table: str | None
    """The table's snake_case name in the source; ``None`` if the source lacks it (the view is then empty)."""
    columns: dict[str, str | None]
    """Column name in queries → original name in the source; ``None`` if the source lacks it (the column is NULL)."""


class Source(Protocol):
    """A source that is queried in DuckDB's dialect."""

    location: str
    """Folder or URL of the source, without secrets."""
    remote: bool
    """Whether ``query`` returns rows of another engine, which only ``materialize`` brings into ``backend``."""
    backend: Backend
    """The DuckDB that holds materialized rows, and the rows of ``query`` where these are not remote."""

    @property
    def tables(self) -> dict[str, str]:
        """Snake_case name of every table → its original name."""

    def columns(self, table: str) -> dict[str, str]:
        """Snake_case name of every column of a table → its original name. Raises ``SourceError``."""

    def register(self, view: TableView) -> None:
        """Make a table available to queries under the names of the view."""

    def query(self, sql: str) -> ir.Table:
        """The rows of a query over the registered tables, lazily. Raises ``SourceError`` or ``QueryError``."""

    def materialize(self, rows: ir.Table, path: Path) -> ir.Table:
        """The rows after they were written to a Parquet file, so that the query runs only once."""

    def translate_errors(self, sql: str = "") -> AbstractContextManager[None]:
        """A block in which errors of the engine are raised as ``SourceError`` or ``QueryError``."""

    def fingerprint(self) -> str:
        """A text that changes when the content does: a hash of the files; for a database, its URL only."""


@dataclass(frozen=True)
class SourceKind:
    """One kind of source, as the registry lists it."""

    address_format: str
    """What a person gives to name a source of this kind, for messages."""
    accepts: Callable[[str], bool]
    """Whether an address (a folder or URL) is of this kind."""
    open: Callable[[str], Source]
    """The source at an address. Raises ``SourceError``."""


class QueryError(Exception):
    """A query does not fit the source. ``line`` counts in the query's text; ``None`` if unknown."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
