"""Pieces of SQL that every room needs: quoted names and values, Parquet files, error texts of a database."""

from pathlib import Path


def quote_identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str | Path | None) -> str:
    """A text or path as an SQL literal; ``None`` as NULL."""
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def scan_parquet(path: Path, *, row_numbers: bool = False) -> str:
    """A DuckDB FROM item for a Parquet file; with ``row_numbers``, also the position of each row as file_row_number."""
    return f"read_parquet({quote_literal(path)}{', file_row_number = true' if row_numbers else ''})"


def copy_to_parquet(query: str, path: Path) -> str:
    """A DuckDB statement that writes the rows of a query to a Parquet file."""
    return f"COPY ({query}) TO {quote_literal(path)} (FORMAT parquet)"


def summarize_error(error: Exception, max_lines: int = 2) -> str:
    """The first lines of a database's error message, without its excerpt of the query."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join([line for line in lines if not line.startswith(("LINE ", "^"))][:max_lines]) or type(error).__name__
