"""A source that is a PostgreSQL database: the mapping's SQL is translated and runs there."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import ibis
import ibis.expr.types as ir
import psycopg
import sqlglot
import sqlglot.expressions as sge

from data.errors import SourceError
from data.lake import connect
from data.source.names import mask_password, snake_case_names
from data.source.source import QueryError, SourceKind, TableView
from data.sql import quote_identifier, summarize_error

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
TABLES_OF_SCHEMA = """
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname"""
"""Tables, partitioned and foreign ones, views and materialized views of a schema."""
CONNECT_TIMEOUT_SECONDS = 10
MAX_ERROR_LINES = 3


class PostgresSource:
    """The tables and views of one schema, named by ``?schema=crm`` at the end of the URL; by default ``public``.

    A role that may only read is enough, as long as it may create temporary views (PostgreSQL's default).
    """

    def __init__(self, url: str) -> None:
        self.location = mask_password(url)
        self.remote = True
        self.backend = connect()
        self.backend.con.execute("SET TimeZone = 'UTC'")
        connection_arguments, self.schema = _parse_url(url)
        try:
            self._server: Any = ibis.postgres.connect(
                **connection_arguments,
                schema=self.schema,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
            )
            weakref.finalize(self, self._server.disconnect)
            names = [name for (name,) in self._server.con.execute(TABLES_OF_SCHEMA, [self.schema]).fetchall()]
        except (psycopg.Error, ValueError) as error:
            raise SourceError(
                f"the database cannot be reached: {summarize_error(error, MAX_ERROR_LINES)}",
                where=self.location,
                remedy="check that it runs, and the host, port, name, user and password of the URL",
            ) from error
        if not names:
            raise SourceError(
                f"the database has no table in the schema '{self.schema}' that this user may see",
                where=self.location,
                remedy="name the schema with ?schema=<name> at the end of the URL, or grant SELECT on its tables",
            )
        self._names = snake_case_names(names)
        self._views: dict[str, sge.Query] = {}

    @property
    def tables(self) -> dict[str, str]:
        return self._names

    def columns(self, table: str) -> dict[str, str]:
        with self.translate_errors():
            return snake_case_names(self._server.get_schema(self._names[table], database=self.schema).names)

    def register(self, view: TableView) -> None:
        selected = ", ".join(
            f"{'CAST(NULL AS TEXT)' if original is None else quote_identifier(original)} AS {quote_identifier(name)}"
            for name, original in view.columns.items()
        )
        if view.source_table is None:
            rows = "WHERE false"
        else:
            rows = f"FROM {quote_identifier(self.schema)}.{quote_identifier(self._names[view.source_table])}"
        self._views[view.name] = sqlglot.parse_one(
            f"SELECT {selected or 'NULL'} {rows}", read="postgres", into=sge.Select
        )

    def query(self, sql: str) -> ir.Table:
        parsed = sqlglot.parse_one(sql, read="duckdb")
        common_tables = {cte.alias.lower() for cte in parsed.find_all(sge.CTE)}
        for table in list(parsed.find_all(sge.Table)):
            view = self._views.get(table.name.lower())
            if view is not None and table.name.lower() not in common_tables:
                table.replace(view.copy().subquery(sge.to_identifier(table.alias or table.name, quoted=True)))
        with self.translate_errors():
            return self._server.sql(parsed.sql(dialect="postgres"), dialect="postgres")

    def materialize(self, rows: ir.Table, path: Path) -> ir.Table:
        """As text, by COPY: fast, and it keeps values that Python or Arrow cannot represent (an infinite date)."""
        csv_path = path.with_suffix(".csv")
        copy_out = f"COPY ({self._server.compile(rows)}) TO STDOUT (FORMAT csv, HEADER true)"
        with (
            self.translate_errors(),
            csv_path.open("wb") as out,
            self._server.con.cursor() as cursor,
            cursor.copy(copy_out) as blocks,
        ):
            for block in blocks:
                out.write(block)
        types = dict.fromkeys(rows.columns, "VARCHAR")
        text_rows = self.backend.read_csv(
            csv_path, auto_detect=False, header=True, delim=",", quote='"', escape='"', columns=types
        )
        text_rows.to_parquet(path)
        csv_path.unlink()
        return self.backend.read_parquet(path)

    @contextmanager
    def translate_errors(self, sql: str = "") -> Iterator[None]:
        """Raise a lost connection or a missing right as ``SourceError``, any other database error as ``QueryError``."""
        try:
            yield
        except psycopg.OperationalError as error:
            raise SourceError(
                f"the database stopped answering: {summarize_error(error, MAX_ERROR_LINES)}",
                where=self.location,
                remedy="check that it runs, then start the night again",
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise SourceError(
                f"the database refuses: {summarize_error(error, MAX_ERROR_LINES)}",
                where=self.location,
                remedy="grant this user SELECT on the table",
            ) from None
        except psycopg.Error as error:
            raise QueryError(summarize_error(error, MAX_ERROR_LINES)) from None

    def fingerprint(self) -> str:
        return self.location


POSTGRES = SourceKind(
    "postgresql://user:password@host:port/database",
    accepts=lambda address: address.split("://", 1)[0] in SCHEMES and "://" in address,
    open=PostgresSource,
)


def _parse_url(url: str) -> tuple[dict[str, Any], str]:
    """Connection arguments, and the schema to read."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    arguments: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": parts.path.removeprefix("/") or None,
    }
    schema = options.get("schema", ["public"])[0]
    return {name: value for name, value in arguments.items() if value is not None}, schema
