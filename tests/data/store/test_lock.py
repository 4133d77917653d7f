"""Two nights at once are impossible, whatever becomes of the first."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data.errors import NightRunning
from data.store.lock import night_lock
from data.store.views import open_store

ROOT = Path(__file__).parents[3]
HOLD = """
import sys
import time
from data.store.lock import night_lock
from data.store.views import open_store
with open_store(sys.argv[1]) as store, night_lock(store):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its standard input closes."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_a_second_night_names_the_holder_of_the_lock_and_runs_after_the_first_is_killed(scores_url: str) -> None:
    with open_store(scores_url) as store, held_elsewhere(scores_url) as holder:
        who = f"process {holder.pid}" if store.on_sqlite else r"the client at 127\.0\.0\.1, connected since 20"
        with pytest.raises(NightRunning, match=f"another night is running: {who}"), night_lock(store):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        for _ in range(50):  # PostgreSQL needs a moment to notice
            try:
                with night_lock(store):
                    return
            except NightRunning:
                time.sleep(0.1)
    pytest.fail("the lock outlived its process")


def test_a_second_night_of_the_same_process_is_refused(scores_url: str) -> None:
    with (
        open_store(scores_url) as store,
        night_lock(store),
        pytest.raises(NightRunning, match="another night is running"),
        night_lock(store),
    ):
        pass


def test_the_lock_is_free_when_the_night_is_over_or_has_failed(scores_url: str) -> None:
    with open_store(scores_url) as store:
        with pytest.raises(ZeroDivisionError), night_lock(store):
            raise ZeroDivisionError
        with night_lock(store):
            pass
        with night_lock(store):
            pass


def test_two_scoring_tables_do_not_hold_up_each_other(tmp_path: Path, postgres_database: str) -> None:
    with (
        open_store(f"sqlite:///{tmp_path / 'one.db'}") as one,
        open_store(f"sqlite:///{tmp_path / 'two.db'}") as two,
        open_store(postgres_database) as three,
        night_lock(one),
        night_lock(two),
        night_lock(three),
    ):
        pass


def test_a_night_whose_lock_was_cut_ends_without_another_error(postgres_database: str) -> None:
    with open_store(postgres_database) as store, night_lock(store), store.writing() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        )
