"""The database that holds the scoring table, reached by its URL: an SQLite file or a PostgreSQL database.

Whatever a driver raises leaves here as a ``StoreError`` that says how to mend it, never with a password in it.
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
EXAMPLES = "name sqlite:///folder/scores.db or postgresql://user:password@host:5432/name"

SQLITE_MENDS: dict[str, str] = {
    "unable to open database file": f"name a file, in a folder that this user may write, in {SETTING}",
    "readonly database": "let this user write the file and its folder",
    "database is locked": f"another process has been writing for over {BUSY_SECONDS} s: end it, or try again later",
    "file is not a database": f"move this file away, or name another in {SETTING}; nothing in it was touched",
    "malformed": "restore the file from a backup, or move it away: the next night makes a new one",
    "disk is full": "make room on the disk, then run again: a finished step is not repeated",
}
POSTGRESQL_MENDS: dict[str, str] = {
    "08": "see that the server runs, and that host and port are right",
    "28": f"see that user and password are right in {SETTING}",
    "3D": "make the database: createdb NAME",
    "42501": "let this user create and write: GRANT USAGE, CREATE ON SCHEMA public TO the_user",
    "25006": "this server is read-only (a replica, perhaps): name the primary",
    "53100": "make room on the server's disk, then run again: a finished step is not repeated",
    "53300": "the server has no connection free: raise max_connections, or close some",
    "57P": "the server is starting or stopping: try again",
}
"""By the start of the SQLSTATE; the longest that fits holds."""

UNREACHABLE = "see that the server runs, and that host, port, user, password and the database's name are right"
OTHERWISE = "look into the database's own log; readers still see what was published before"


@dataclass(frozen=True)
class Store:
    """An open scoring table. ``place`` names it for people, the password left out."""

    engine: Engine
    place: str

    @property
    def on_sqlite(self) -> bool:
        """Whether it is an SQLite file; a PostgreSQL database otherwise."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose statements all see one moment. Raises ``StoreError`` where the database fails."""
        with self.failing("the scoring table cannot be read"), self.engine.connect() as connection:
            if not self.on_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection in one transaction, kept when the block ends well. Raises ``StoreError`` as ``reading`` does."""
        writer = self.engine.execution_options(writes=True)
        with self.failing("the scoring table cannot be written"), writer.begin() as connection:
            yield connection

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """A block in which whatever the database raises becomes a ``StoreError`` about ``what``."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            said = (str(cause).strip() or type(cause).__name__).splitlines()[0]
            raise StoreError(f"{what}: {said}", where=self.place, remedy=_mend(cause)) from error

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def reach(url: str) -> Store:
    """The store at a URL, not yet connected to nor migrated. Raises ``StoreError`` where the URL makes no sense."""
    parsed = _parse(url)
    place = parsed.render_as_string(hide_password=True)
    # A connection outlives neither its use nor a fork: hence no pool.
    if parsed.drivername == "sqlite":
        _make_folder(parsed, place)
        engine = create_engine(parsed, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    else:
        arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "gelir"}
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=arguments)
    return Store(engine, place)


def _parse(url: str) -> URL:
    # The URL stays out of the messages: what is wrong with it may be that the password stands in a wrong place.
    mend = f"{EXAMPLES} in {SETTING}"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("the URL of the scoring table cannot be read", where=SETTING, remedy=mend) from None
    kind = parsed.drivername.partition("+")[0]
    if kind == "postgres":  # what some hosts still hand out
        kind = "postgresql"
    if kind not in ("sqlite", "postgresql"):
        raise StoreError(f"a scoring table cannot live in '{kind}'", where=SETTING, remedy=mend)
    if kind == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the URL of the scoring table names no file", where=SETTING, remedy=mend)
    return parsed.set(drivername=kind)


def _make_folder(url: URL, place: str) -> None:
    assert url.database is not None
    if url.database.startswith("file:"):  # a URI of SQLite's own, which says itself how the file is opened
        return
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the folder of the scoring table cannot be made: {error.strerror}",
            where=place,
            remedy=f"name a file in a folder that this user may write, in {SETTING}",
        ) from error


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # Python's own transactions would leave DDL outside of them: see ``_begin``
    _keep_log_aside(connection)
    connection.execute("PRAGMA foreign_keys = ON")


def _keep_log_aside(connection: sqlite3.Connection) -> None:
    """Make readers able to read while a night writes: the file's journal becomes a write-ahead log, for good.

    SQLite changes a file's journal only while no other connection is at work on it, and does not wait until none is.
    Until then both journals are safe, readers and writers only wait for each other: so whoever comes next asks again.
    """
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the low byte is the error, the rest its kind
            raise


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: one that read first, and then found another writing, could not wait.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _mend(cause: BaseException) -> str:
    if isinstance(cause, sqlite3.Error):
        return next((mend for part, mend in SQLITE_MENDS.items() if part in str(cause)), OTHERWISE)
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate
        if state is None and isinstance(cause, psycopg.OperationalError):
            return UNREACHABLE
        fitting = [start for start in POSTGRESQL_MENDS if (state or "").startswith(start)]
        return POSTGRESQL_MENDS[max(fitting, key=len)] if fitting else OTHERWISE
    return OTHERWISE
