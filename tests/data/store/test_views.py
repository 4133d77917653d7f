"""Opening the scoring database: its errors, its migrations, and its shape, which follows data.outputs.catalogue."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Float, inspect, text

from data.errors import StoreError
from data.outputs.catalogue import OUTPUTS, PUBLISHED_SCORES, RUNS
from data.store.database import connect_store
from data.store.migrations import RECORD, SQL_FOLDER, _statements, migration_names
from data.store.publish import publish, rollback
from data.store.views import BASE_TABLES, RUN_RECORDS, TYPES, open_store, view
from tests.data.store.scored import PUBLISHED_AT, outputs, record, write

VIEWS_OF = (*OUTPUTS, RUNS, PUBLISHED_SCORES)


def message_of(url: str) -> str:
    """What opening the scoring database at a URL says when it fails."""
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "cannot be read"),
        ("scores.db", "cannot be read"),
        ("postgresql://host:port/name", "cannot be read"),
        ("mysql://user@host/name", "cannot be of the kind 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_wrong_url_is_answered_with_two_right_ones(url: str, words: str) -> None:
    message = message_of(url)
    assert words in message
    assert "sqlite:///folder/scores.db or postgresql://user:password@host:5432/name" in message


def test_an_unreachable_server_is_named_and_its_password_is_not() -> None:
    message = message_of("postgresql://gelir:s3cret@127.0.0.1:1/scores")
    assert "postgresql://gelir:***@127.0.0.1:1/scores" in message
    assert "see that the server runs" in message
    assert "s3cret" not in message


def test_a_password_in_a_broken_url_is_not_repeated() -> None:
    assert "s3cret" not in message_of("postgresql://gelir:s3cret@host:54x2/scores")


def test_a_database_that_does_not_exist_is_named(postgres_url: str) -> None:
    assert 'database "nowhere" does not exist' in message_of(postgres_url.rpartition("/")[0] + "/nowhere")


def test_a_user_without_the_right_to_create_tables_gets_the_grant_to_run(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS a_reader")
        owner.execute("CREATE ROLE a_reader LOGIN")
    message = message_of(postgres_database.replace("gelir@", "a_reader@"))
    assert "permission denied" in message
    assert "GRANT USAGE, CREATE" in message


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "scores.db"
    file.write_text("account_id;churn\n" * 100)
    assert "file is not a database" in message_of(f"sqlite:///{file}")
    assert file.read_text() == "account_id;churn\n" * 100


def test_a_folder_instead_of_the_file_is_reported(tmp_path: Path) -> None:
    assert "unable to open database file" in message_of(f"sqlite:///{tmp_path}")


def test_a_file_instead_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    assert "folder of the scoring database cannot be created" in message_of(
        f"sqlite:///{tmp_path / 'var' / 'scores.db'}"
    )


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'var' / 'deep' / 'scores.db'}") as store:
        assert view(store, "runs").empty


def test_a_read_only_scoring_table_can_be_read_and_says_that_it_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "scores.db"
    steps = write(tmp_path, "r1", outputs())
    with open_store(f"sqlite:///{file}") as store:
        publish(store, record("r1"), steps, PUBLISHED_AT)
    with open_store(f"sqlite:///file:{file}?mode=ro&uri=true") as store:
        assert len(view(store, "account_scores")) == 3
        with pytest.raises(StoreError, match=r"readonly database(.|\n)*let this user write"):
            rollback(store, "r1")


def test_a_scoring_table_of_a_newer_program_is_refused(scores_url: str) -> None:
    with open_store(scores_url) as store, store.writing() as connection:
        connection.execute(text(f"INSERT INTO {RECORD} (name) VALUES ('9999_tomorrow')"))
    assert "newer version of Gelir: it has 9999_tomorrow" in message_of(scores_url)


def test_each_migration_runs_once_though_several_open_at_once(scores_url: str) -> None:
    with ThreadPoolExecutor(4) as openers:
        for store in openers.map(open_store, [scores_url] * 4):
            store.close()
    with open_store(scores_url) as store, store.reading() as connection:
        applied = connection.execute(text(f"SELECT name FROM {RECORD} ORDER BY name")).scalars().all()
    assert tuple(applied) == migration_names()


def test_a_file_whose_journal_cannot_change_now_is_read_now_and_changed_later(tmp_path: Path) -> None:
    """Another writes it the old way: SQLite refuses the change at once, however long a connection would wait."""
    file = tmp_path / "scores.db"
    url = f"sqlite:///{file}"

    def journal_as_found() -> str:
        with closing(sqlite3.connect(file)) as looking:
            return str(looking.execute("PRAGMA journal_mode").fetchone()[0])

    open_store(url).close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN IMMEDIATE")
        with open_store(url) as store:
            assert view(store, "runs").empty
        assert journal_as_found() == "delete"
        other.execute("ROLLBACK")
    open_store(url).close()
    assert journal_as_found() == "wal"


def test_a_holdout_of_the_first_release_waits_once_migrated(scores_url: str) -> None:
    """A scoring database of the first release, with a call that its holdout withheld, is opened by this one."""
    first, *_ = migration_names()
    at_release(
        scores_url,
        first,
        "INSERT INTO next_best_actions_by_run (run_id, account_id, action, channel, act_at, expected_value, cost,"
        " runner_up, holdout) VALUES"
        " ('r1', 'A1', 'renewal_call', 'call', '2026-03-02 09:00:00', 12.5, 45, 'wait', TRUE),"
        " ('r1', 'A2', 'renewal_call', 'call', '2026-03-02 09:00:00', 12.5, 45, 'wait', FALSE)",
        "INSERT INTO campaign_targets_by_run (run_id, contact_id, campaign_id, consent_evidence, arm)"
        " VALUES ('r1', 'C1', 'K1', 'granted 2025-03-01 by webform', 'holdout')",
    )
    with open_store(scores_url) as migrated:
        rows = view(migrated, "next_best_actions").set_index("account_id").astype(object)
        columns = ["action", "channel", "expected_value", "cost", "runner_up", "runner_up_value", "withheld_action"]
        holdout, treated = (rows.loc[account, columns] for account in ("A1", "A2"))
        assert holdout.where(holdout.notna(), None).tolist() == [
            "wait", None, 0.0, 0.0, "renewal_call", 12.5, "renewal_call",
        ]  # fmt: skip
        assert treated.where(treated.notna(), None).tolist() == [
            "renewal_call", "call", 12.5, 45.0, "wait", None, None,
        ]  # fmt: skip
        assert view(migrated, "campaign_targets")["consent_status"].tolist() == ["granted"]


def test_the_renaming_migration_keeps_every_value_under_its_new_name(scores_url: str) -> None:
    """A scoring database of the release before ``0011_standard_names`` is opened by this one."""
    at_release(
        scores_url,
        "0010_renewal",
        "UPDATE run_records SET why = 'the disk was full'",
        "INSERT INTO recommendations_by_run (run_id, customer_kind, customer_id, account_id, kind, rank, place, why,"
        " why_not) VALUES ('r1', 'account', 'A1', 'A1', 'explore', 1, 2, '[\"popular\"]', '[\"withdrawn\"]')",
        "INSERT INTO scoreboard_by_run (run_id, score, month, model, said, happened, happened_low, happened_high)"
        " VALUES ('r1', 'churn', '2026-01-01', 'churn v1', 0.1, 0.2, 0.15, 0.25)",
        "INSERT INTO drift_by_run (run_id, kind, name, says, deviations, shift, missing, missing_before)"
        " VALUES ('r1', 'flow', 'orders', 'orders placed', 4.5, 0.3, 0.2, 0.1)",
        "INSERT INTO alerts_by_run (run_id, alert_id, kind, about) VALUES"
        " ('r1', 'flow:orders:2026-03-01', 'flow', 'orders'), ('r1', 'lift:churn:2026-03-01', 'lift', 'churn')",
        "INSERT INTO ledger_nights VALUES ('r1', 'acme', '2026-03-02', '2026-03-02 02:00:00', FALSE)",
        "INSERT INTO ledger_scores (run_id, score, key, value, model, horizon_days, closes_on)"
        " VALUES ('r1', 'churn', 'A1', 0.5, 'churn v1', 90, '2026-05-31')",
        "INSERT INTO ledger_forecasts (run_id, node, level, grain, period, point)"
        " VALUES ('r1', 'total', 'total', 'month', '2026-03-01', 1000)",
    )

    with open_store(scores_url) as migrated:

        def values(name: str, *columns: str) -> list[tuple[object, ...]]:
            return list(view(migrated, name)[list(columns)].itertuples(index=False, name=None))

        assert values("runs", "reason") == [("the disk was full",)]
        assert values("recommendations", "position", "reasons", "exclusion_reasons") == [
            (2, '["popular"]', '["withdrawn"]'),
        ]
        assert values("scoreboard", "predicted", "observed", "observed_low", "observed_high") == [
            (0.1, 0.2, 0.15, 0.25),
        ]
        assert values("drift", "kind", "description", "z_score", "psi", "missing_rate", "reference_missing_rate") == [
            ("volume", "orders placed", 4.5, 0.3, 0.2, 0.1),
        ]
        assert values("alerts", "alert_id", "kind", "subject") == [
            ("lift:churn:2026-03-01", "lift", "churn"), ("volume:orders:2026-03-01", "volume", "orders"),
        ]  # fmt: skip
        assert values("published_scores", "run_id", "score", "key", "value") == [("r1", "churn", "A1", 0.5)]
        with migrated.reading() as connection:
            assert connection.exec_driver_sql("SELECT point FROM forecast_ledger").scalar_one() == 1000


def at_release(url: str, last: str, *statements: str) -> None:
    """Make the scoring database at a URL as it was when ``last`` was the newest migration, with one published run."""
    store = connect_store(url)
    with store.writing() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {RECORD} (name TEXT NOT NULL PRIMARY KEY)")
        for name in migration_names()[: migration_names().index(last) + 1]:
            for statement in _statements((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")):
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql(f"INSERT INTO {RECORD} VALUES ('{name}')")
        for statement in (
            "INSERT INTO run_records (run_id, company, mapping, as_of, status, started_at)"
            " VALUES ('r1', 'acme', 'demo', '2026-03-02', 'published', '2026-03-02 01:30:00')",
            "INSERT INTO published_run VALUES (1, 'r1')",
            *statements,
        ):
            connection.exec_driver_sql(statement)
    store.close()


def test_a_migration_that_fails_leaves_nothing(scores_url: str) -> None:
    """Its last view cannot be made, since a table of that name is there: so none of its tables are made either."""
    store = connect_store(scores_url)
    with store.writing() as connection:
        connection.execute(text("CREATE TABLE model_results (note TEXT)"))
    assert "already exists" in message_of(scores_url)
    assert inspect(store.engine).get_table_names() == ["model_results"]


def test_the_migrated_database_has_the_columns_and_keys_of_the_catalogue(scores_url: str) -> None:
    """When this fails, data.outputs.catalogue was changed: add a migration with the same change to data/store/sql."""
    with open_store(scores_url) as store:
        database = inspect(store.engine)
        assert set(database.get_view_names()) == {output.name for output in VIEWS_OF}
        assert set(database.get_table_names()) == {
            *(table.name for table in BASE_TABLES.values()),
            "run_records",
            "published_run",
            "ledger_runs",
            "score_ledger",
            "forecast_ledger",
            RECORD,
        }
        for output in VIEWS_OF:
            beside = ("run_id", "as_of") if output in OUTPUTS else ()
            view_columns = [column["name"] for column in database.get_columns(output.name)]
            assert view_columns == [*output.by_name, *beside], output.name
        kinds = {**TYPES, "number": Float}  # SQLAlchemy knows SQLite's DOUBLE PRECISION as REAL
        for output, table in [*((output, BASE_TABLES[output.name]) for output in OUTPUTS), (RUNS, RUN_RECORDS)]:
            types = {column["name"]: column["type"] for column in database.get_columns(table.name)}
            computed = {"current"} if output is RUNS else set()
            assert set(types) == {*output.by_name, "run_id"} - computed, output.name
            for column in output.columns:
                if column.name not in computed:
                    assert isinstance(types[column.name], kinds[column.kind]), (output.name, column.name)
            key = database.get_pk_constraint(table.name)["constrained_columns"]
            assert key == list(dict.fromkeys(("run_id", *output.key))), output.name
