"""How a table is described: its grain, key and columns, and what each column may hold.

The contract (``data.contract``) and the published tables (``data.outputs``) are written in these terms. Instants are
naive UTC timestamps; days are dates in the company's time zone.
"""

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "integer", "number", "boolean", "date", "timestamp"]

DUCKDB_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True)
class Column:
    """One column of a table and the constraints on its values."""

    name: str
    kind: Kind = "text"
    required: bool = False
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    references: str | None = None
    """The table whose key this column holds."""
    revealed_by: str | None = None
    """The column with the instant that fills this one: before that instant, this column is NULL in every query."""
    after: str | None = None
    """The column of the same row that this instant may not precede."""


@dataclass(frozen=True)
class Table:
    """One table: its grain, key and columns. ``known_at`` is added to every table."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    happened_at: str | None = None
    """The column that dates a row: an instant, or a day (a day is known when it is over)."""

    by_name: dict[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    def __getitem__(self, column: str) -> Column:
        return self.by_name[column]

    @property
    def names(self) -> tuple[str, ...]:
        """Every column name, ``known_at`` last."""
        return (*self.by_name, "known_at")

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that every row must fill (the key included)."""
        return tuple(column.name for column in self.columns if column.required)

    def kind_of(self, column: str) -> Kind:
        """Kind of a column, ``known_at`` included."""
        return "timestamp" if column == "known_at" else self.by_name[column].kind

    def types(self) -> dict[str, str]:
        """DuckDB type of every column, ``known_at`` included."""
        return {**{c.name: DUCKDB_TYPES[c.kind] for c in self.columns}, "known_at": "TIMESTAMP"}
