"""A source that is a PostgreSQL database: the mapping's SQL runs there, translated, and its rows stream here."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import psycopg
import sqlglot
import sqlglot.expressions as sge

from data.errors import SourceError
from data.lake import connect
from data.source.source import QueryError, Shape, plain_names, quoted, without_password

TABLES_OF = """
    SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = %s AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY relname"""
"""Tables, partitioned and foreign ones, views and materialised views of a schema."""
SECONDS_TO_CONNECT = 10


class PostgresSource:
    """The tables and views of one schema: ``?schema=crm`` at the end of the URL names it; ``public`` otherwise.

    A role that may only read is enough, as long as it may make temporary views (PostgreSQL's default).
    """

    def __init__(self, url: str) -> None:
        self.place = without_password(url)
        self.remote = True
        self.backend = connect()
        self.backend.con.execute("SET TimeZone = 'UTC'")
        given, self.schema = _address(url)
        try:
            self._there: Any = ibis.postgres.connect(
                **given, schema=self.schema, autocommit=True, connect_timeout=SECONDS_TO_CONNECT
            )
            weakref.finalize(self, self._there.disconnect)
            there = [name for (name,) in self._there.con.execute(TABLES_OF, [self.schema]).fetchall()]
        except (psycopg.Error, ValueError) as error:
            raise SourceError(
                f"the database cannot be reached: {_gist(error)}",
                where=self.place,
                remedy="see that it runs and that host, port, name, user and password of the URL are right",
            ) from error
        if not there:
            raise SourceError(
                f"the database has no table in the schema '{self.schema}' that this user may see",
                where=self.place,
                remedy="name the schema with ?schema=<name> at the end of the URL, or grant SELECT on its tables",
            )
        self._names = plain_names(there)
        self._offered: dict[str, sge.Query] = {}

    @property
    def tables(self) -> dict[str, str]:
        return self._names

    def columns(self, table: str) -> dict[str, str]:
        with self.explaining():
            return plain_names(self._there.get_schema(self._names[table], database=self.schema).names)

    def offer(self, shape: Shape) -> None:
        chosen = ", ".join(
            f"{quoted(there)} AS {quoted(plain)}" if there is not None else f"CAST(NULL AS TEXT) AS {quoted(plain)}"
            for plain, there in shape.columns.items()
        )
        origin = (
            f" FROM {quoted(self.schema)}.{quoted(self._names[shape.origin])}"
            if shape.origin is not None
            else " WHERE false"
        )
        query = sqlglot.parse_one(f"SELECT {chosen or 'NULL'}{origin}", read="postgres")
        assert isinstance(query, sge.Query)
        self._offered[shape.name] = query

    def query(self, sql: str) -> ir.Table:
        parsed = sqlglot.parse_one(sql, read="duckdb")
        own = {cte.alias.lower() for cte in parsed.find_all(sge.CTE)}
        for table in list(parsed.find_all(sge.Table)):
            shape = self._offered.get(table.name.lower())
            if shape is not None and table.name.lower() not in own:
                table.replace(shape.copy().subquery(sge.to_identifier(table.alias or table.name, quoted=True)))
        with self.explaining():
            return self._there.sql(parsed.sql(dialect="postgres"), dialect="postgres")

    def stage(self, rows: ir.Table, path: Path) -> ir.Table:
        """As text, by COPY: fast, and no value is lost that Python or Arrow cannot hold (an infinite date)."""
        text = path.with_suffix(".csv")
        copying = f"COPY ({self._there.compile(rows)}) TO STDOUT (FORMAT csv, HEADER true)"
        with (
            self.explaining(),
            text.open("wb") as out,
            self._there.con.cursor() as cursor,
            cursor.copy(copying) as blocks,
        ):
            for block in blocks:
                out.write(block)
        types = dict.fromkeys(rows.columns, "VARCHAR")
        read = self.backend.read_csv(
            text, auto_detect=False, header=True, delim=",", quote='"', escape='"', columns=types
        )
        read.to_parquet(path)
        text.unlink()
        return self.backend.read_parquet(path)

    @contextmanager
    def explaining(self, sql: str = "") -> Iterator[None]:
        """PostgreSQL's complaints become ours: lost connections ``SourceError``, anything else ``QueryError``."""
        try:
            yield
        except psycopg.OperationalError as error:
            raise SourceError(
                f"the database stopped answering: {_gist(error)}",
                where=self.place,
                remedy="see that it runs, then start the night again",
            ) from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise SourceError(
                f"the database refuses: {_gist(error)}", where=self.place, remedy="grant this user SELECT on the table"
            ) from None
        except psycopg.Error as error:
            raise QueryError(_gist(error)) from None

    def fingerprint(self) -> str:
        return self.place


def _address(url: str) -> tuple[dict[str, Any], str]:
    """What to connect with, and the schema to look into."""
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(url)
    options = parse_qs(parts.query)
    given: dict[str, Any] = {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": parts.path.removeprefix("/") or None,
    }
    return {name: value for name, value in given.items() if value is not None}, options.get("schema", ["public"])[0]


def _gist(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line for line in lines[:3] if not line.startswith(("LINE ", "^"))) or type(error).__name__
