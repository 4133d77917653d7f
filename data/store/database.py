"""The scoring database, connected by its URL: an SQLite file or a PostgreSQL database.

Every error of a driver becomes a ``StoreError`` with a remedy and without a password.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from data.errors import StoreError

BUSY_SECONDS = 30
CONNECT_SECONDS = 10

SETTING = "the setting `scores`"
URL_EXAMPLES = "name sqlite:///folder/scores.db or postgresql://user:password@host:5432/name"

SQLITE_REMEDIES: dict[str, str] = {
    "unable to open database file": f"name a file, in a folder that this user may write, in {SETTING}",
    "readonly database": "let this user write the file and its folder",
    "database is locked": f"another process has been writing for over {BUSY_SECONDS} s: end it, or try again later",
    "file is not a database": f"move this file away, or name another in {SETTING}; nothing in it was touched",
    "malformed": "restore the file from a backup, or move it away: the next night makes a new one",
    "disk is full": "make room on the disk, then run again: a finished step is not repeated",
}
POSTGRESQL_REMEDIES: dict[str, str] = {
    "08": "see that the server runs, and that host and port are right",
    "28": f"see that user and password are right in {SETTING}",
    "3D": "make the database: createdb NAME",
    "42501": "let this user create and write: GRANT USAGE, CREATE ON SCHEMA public TO the_user",
    "25006": "this server is read-only (a replica, perhaps): name the primary",
    "53100": "make room on the server's disk, then run again: a finished step is not repeated",
    "53300": "the server has no connection free: raise max_connections, or close some",
    "57P": "the server is starting or stopping: try again",
}
"""By the start of the SQLSTATE; the longest that matches applies."""

UNREACHABLE = "see that the server runs, and that host, port, user, password and the database's name are right"
DEFAULT_REMEDY = "look into the database's own log; readers still see what was published before"


@dataclass(frozen=True)
class Store:
    """An open scoring database. ``name`` is its URL without the password, for messages."""

    engine: Engine
    name: str

    @property
    def on_sqlite(self) -> bool:
        """Whether it is an SQLite file; a PostgreSQL database otherwise."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose statements all see one state. Raises ``StoreError`` where the database fails."""
        with self.failing("the scoring database cannot be read"), self.engine.connect() as connection:
            if not self.on_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in one transaction, committed when the block ends normally. Raises ``StoreError``."""
        writer = self.engine.execution_options(writes=True)
        with self.failing("the scoring database cannot be written"), writer.begin() as connection:
            yield connection

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """A block in which errors of the database become a ``StoreError`` that begins with ``what``."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            message = (str(cause).strip() or type(cause).__name__).splitlines()[0]
            raise StoreError(f"{what}: {message}", where=self.name, remedy=_remedy(cause)) from error

    def close(self) -> None:
        """Close the connections to the database."""
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def connect_store(url: str) -> Store:
    """The store at a URL, not yet connected or migrated. Raises ``StoreError`` where the URL cannot be used."""
    parsed = _parse(url)
    name = parsed.render_as_string(hide_password=True)
    # No pool: a connection must outlive neither its use nor a fork.
    if parsed.drivername == "sqlite":
        _create_folder(parsed, name)
        engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "gelir"}
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=arguments)
    return Store(engine, name)


def _parse(url: str) -> URL:
    # The URL stays out of the messages: its error may be a password in the wrong place.
    remedy = f"{URL_EXAMPLES} in {SETTING}"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("the URL of the scoring database cannot be read", where=SETTING, remedy=remedy) from None
    kind = parsed.drivername.partition("+")[0]
    if kind == "postgres":  # the scheme that some hosts still use
        kind = "postgresql"
    if kind not in ("sqlite", "postgresql"):
        raise StoreError(f"a scoring database cannot be of the kind '{kind}'", where=SETTING, remedy=remedy)
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the URL of the scoring database names no file", where=SETTING, remedy=remedy)
    return parsed.set(drivername=kind)


def _create_folder(url: URL, name: str) -> None:
    if url.database is None or url.database.startswith("file:"):  # SQLite's own URI says how the file is opened
        return
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the scoring database cannot be created: {error.strerror}",
            where=name,
            remedy=f"name a file in a folder that this user may write, in {SETTING}",
        ) from error


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's implicit transactions would not include DDL: see ``_begin``
    _enable_write_ahead_log(connection)
    connection.execute("PRAGMA foreign_keys = ON")


def _enable_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch the file's journal to a write-ahead log, permanently, so that readers can read while a night writes.

    SQLite switches only while no other connection uses the file, and does not wait. Both journals are safe, only slower
    together, so that the next connection tries again.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the low byte is the error, the rest its kind
            raise


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: one that had read before could not wait for another writer.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _remedy(cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error):
        return next((remedy for part, remedy in SQLITE_REMEDIES.items() if part in str(cause)), DEFAULT_REMEDY)
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate
        if state is None and isinstance(cause, psycopg.OperationalError):
            return UNREACHABLE
        fitting = [start for start in POSTGRESQL_REMEDIES if (state or "").startswith(start)]
        return POSTGRESQL_REMEDIES[max(fitting, key=len)] if fitting else DEFAULT_REMEDY
    return DEFAULT_REMEDY
