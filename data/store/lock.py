"""The lock of a night, held until it ends and freed when its process dies.

On PostgreSQL it is an advisory lock of one connection (which needs a direct URL: a pooler shares connections between
clients). On SQLite it locks a file beside the database, which works on one machine, as SQLite itself does.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from data.errors import NightRunning, StoreError
from data.store.database import Store

NIGHT_LOCK_KEY = 0x47454C4952_02
"""PostgreSQL's advisory lock of the night, in the database that holds the scoring database."""

HOLDER = """
SELECT 'the client at ' || coalesce(host(client_addr), 'the server itself')
    || ', connected since ' || to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
FROM pg_stat_activity
JOIN pg_locks USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32) + objid::bigint = :key
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@contextmanager
def night_lock(store: Store) -> Iterator[None]:
    """A block that one night at a time may enter, per scoring database. Raises ``NightRunning`` at once otherwise."""
    with _file_lock(store) if store.on_sqlite else _advisory_lock(store):
        yield


@contextmanager
def _file_lock(store: Store) -> Iterator[None]:
    with store.reading() as connection:
        database = connection.exec_driver_sql("PRAGMA database_list").one()[2]
    path = Path(f"{database}.lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(
            f"the night's lock file cannot be created: {error.strerror}",
            where=str(path),
            remedy="let this user write the folder",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise _running(f"process {holder}", str(path)) from None
        # The file stays after the night: if it were removed, two nights could lock two files of one name.
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


@contextmanager
def _advisory_lock(store: Store) -> Iterator[None]:
    with store.failing("the night's lock cannot be taken"):
        connection = store.engine.connect()
    with connection:
        with store.failing("the night's lock cannot be taken"):
            connection.execution_options(
                isolation_level="AUTOCOMMIT"
            )  # a night is not one transaction: vacuum must be able to run
            # If this machine fails, the server notices within minutes, and the next night can run.
            connection.exec_driver_sql("SET tcp_keepalives_idle = 60")
            connection.exec_driver_sql("SET tcp_keepalives_interval = 20")
            connection.exec_driver_sql("SET tcp_keepalives_count = 3")
            acquired = connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": NIGHT_LOCK_KEY}
            ).scalar_one()
            if not acquired:
                holder = connection.execute(text(HOLDER), {"key": NIGHT_LOCK_KEY}).scalar()
                raise _running(holder or "another client", store.name)
        yield


def _running(holder: str, where: str) -> NightRunning:
    return NightRunning(
        f"another night is running: {holder} holds the lock",
        where=where,
        remedy="wait until it is done, or end that process: the lock ends with it",
    )
