"""Migrations: the ordered SQL files of ``data/store/sql``, each applied once, in one transaction with its record.

Each file runs on every supported database. A file that was released is never edited: another one follows it.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from data.errors import StoreError

SQL_FOLDER = Path(__file__).with_name("sql")
RECORD = "schema_migrations"
MIGRATION_LOCK_KEY = 0x47454C4952_01
"""PostgreSQL's advisory lock of a migration; the bytes spell GELIR."""


def migration_names() -> tuple[str, ...]:
    """Every migration, in the order in which they are applied."""
    return tuple(sorted(path.stem for path in SQL_FOLDER.glob("*.sql")))


def migrate(engine: Engine, location: str) -> tuple[str, ...]:
    """Names of the migrations applied now, in order; empty, and nothing is written, when the database is up to date.

    ``place`` is the database in messages. Raises ``StoreError`` where a newer program has migrated it.
    """
    with engine.connect() as connection:
        pending = _pending(connection, location)
    return tuple(name for name in pending if _apply(engine, name, location))


def _pending(connection: Connection, place: str) -> tuple[str, ...]:
    applied: set[str] = set()
    if inspect(connection).has_table(RECORD):
        applied = set(connection.execute(text(f"SELECT name FROM {RECORD}")).scalars())
    newer = sorted(applied - set(migration_names()))
    if newer:
        raise StoreError(
            f"the scoring database was migrated by a newer version of Gelir: it has {', '.join(newer)}",
            where=place,
            remedy="run the newer version, or name another scoring database in the setting `scores`",
        )
    return tuple(name for name in migration_names() if name not in applied)


def _apply(engine: Engine, name: str, place: str) -> bool:
    """Whether the migration was applied here; another process may have been faster."""
    statements = _statements((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK_KEY})
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {RECORD} (name TEXT NOT NULL PRIMARY KEY)"))
        if name not in _pending(connection, place):
            return False
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.execute(text(f"INSERT INTO {RECORD} (name) VALUES (:name)"), {"name": name})
        return True


def _statements(script: str) -> tuple[str, ...]:
    """The statements of a script, each ending with a semicolon at the end of a line, without comment lines."""
    lines = [line for line in script.splitlines() if not line.lstrip().startswith("--")]
    parts = "\n".join(lines).split(";\n")
    return tuple(statement for part in parts if (statement := part.strip().removesuffix(";").strip()))
