"""Nights that are killed, that meet another one, or whose source goes away for a moment."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psycopg
import pytest
from sqlalchemy import create_engine

from data.errors import NightRunning
from data.store.views import view
from tests.command_line import CommandResult, ended, gelir, spawned
from tests.flows import small_crm
from tests.flows.conftest import Night

PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Interrupted:
    """What was seen of a night that was killed after its third step, and started again while another one tried."""

    run: Path
    left: dict[Path, int]
    seen_after_the_kill: list[set[str]]
    seen_while_resuming: list[set[str]]
    other: CommandResult
    resumed: CommandResult
    first_pid: int


@pytest.fixture(scope="module")
def interrupted(small_night: Night, prefect_api: str) -> Interrupted:
    words = ("nightly", "--as-of", str(small_night.as_of), "--attempt", "2")
    killed = spawned(small_night.folder, *words, PREFECT_API_URL=prefect_api)
    try:
        wait_until(lambda: bool(finished_steps(small_night, "resolve")), killed)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    (resolved,) = finished_steps(small_night, "resolve")
    run = resolved.parent
    assert not (run / "decide").exists()
    left, seen = modification_times(run, "read", "validate", "resolve"), published_run_ids(small_night)

    lock = small_night.folder / "var" / "scores.db.lock"
    again = spawned(small_night.folder, *words, PREFECT_API_URL=prefect_api)
    try:
        wait_until(lambda: lock.read_text() == str(again.pid), again)
        other = gelir(small_night.folder, "nightly", "--as-of", str(small_night.as_of), "--attempt", "3")
        meanwhile = published_run_ids(small_night)
        resumed = ended(again)
    finally:
        again.kill()
    return Interrupted(run, left, seen, meanwhile, other, resumed, again.pid)


def test_a_killed_night_started_again_resumes_after_its_last_finished_step_and_publishes(
    interrupted: Interrupted, small_night: Night
) -> None:
    result, run = interrupted.resumed, interrupted.run
    assert result.code == 0, result.err
    assert modification_times(run, "read", "validate", "resolve") == interrupted.left
    for step in ("read", "validate", "resolve"):
        assert re.search(rf"{step} +reused", result.err)
    assert re.search(r"decide +done in", result.err)
    assert not list(run.glob(".*"))
    assert published_run_ids(small_night) == [{run.name}] * 2
    assert gelir(small_night.folder, "rollback", small_night.run_id).code == 0
    assert published_run_ids(small_night) == [{small_night.run_id}] * 2


def test_readers_see_the_old_run_until_the_new_one_is_complete(interrupted: Interrupted, small_night: Night) -> None:
    assert interrupted.seen_after_the_kill == [{small_night.run_id}] * 2
    assert interrupted.seen_while_resuming == [{small_night.run_id}] * 2


def test_a_second_night_at_once_gets_one_message(interrupted: Interrupted) -> None:
    other = interrupted.other
    assert other.code == NightRunning.exit_code
    assert other.err.count("NightRunning") == 1
    assert f"process {interrupted.first_pid} holds the lock" in " ".join(other.err.split())
    assert "Traceback" not in other.err


def test_a_database_that_is_away_for_a_moment_is_tried_again(
    prefect_api: str, postgres_url: str, postgres_database: str, tmp_path: Path
) -> None:
    from prefect import flow

    from flows.run import Run
    from flows.settings import load_settings
    from flows.tasks import read

    small_crm.small_crm(tmp_path / "crm")
    engine = create_engine(postgres_database.replace("postgresql://", "postgresql+psycopg://"))
    for file in (tmp_path / "crm").iterdir():
        pd.read_csv(file, dtype=str).to_sql(file.stem, engine, index=False)
    engine.dispose()
    mapping = small_crm.mapping(tmp_path / "custom")
    run = Run.begin(small_crm.AS_OF, load_settings(tmp_path, source=postgres_database, mapping=str(mapping)))

    def allow(connections: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            name = postgres_database.rpartition("/")[2]
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {connections}")

    allow("false")
    back = threading.Timer(1, allow, ["true"])
    back.start()
    try:
        again = read.with_options(retry_delay_seconds=2)
        step = flow(lambda: again(run), name="reading")()
    finally:
        back.join()
    assert step.rows("accounts") == small_crm.CUSTOMERS


def finished_steps(night: Night, step: str) -> list[Path]:
    """The folders of a finished step, of all runs of a night's folder but its first."""
    return [path for path in night.settings.lake.glob(f"*/{step}") if path.parent.name != night.run_id]


def published_run_ids(night: Night) -> list[set[str]]:
    """The runs whose rows are in two of the views."""
    with night.store() as store:
        return [set(view(store, name)["run_id"]) for name in ("account_scores", "next_best_actions")]


def modification_times(run: Path, *names: str) -> dict[Path, int]:
    """When each file of some steps was last changed."""
    return {path: path.stat().st_mtime_ns for name in names for path in (run / name).rglob("*") if path.is_file()}


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return as soon as something holds; fail when the process ended or patience did."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return
        if process.poll() is not None:
            pytest.fail(f"the night ended too early: {process.communicate()}")
        time.sleep(0.005)
    pytest.fail("the expected state was not reached")
