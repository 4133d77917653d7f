"""Killed anywhere while publishing, readers see all of the old run or all of the new one."""

import json
import subprocess
import sys
from pathlib import Path

from data.store.publish import publish
from data.store.views import BASE_TABLES, Store, open_store, runs, view
from tests.data.store.scored import PUBLISHED_AT, outputs, record, write

ROOT = Path(__file__).parents[3]

DRIVER = """
import json, os, signal, sys
from pathlib import Path
from sqlalchemy import event
from data.lake import Lake
from data.store.publish import publish
from data.store.views import open_store, view
from tests.data.store.scored import PUBLISHED_AT, STEPS, record

url, lake = sys.argv[1], Lake(Path(sys.argv[2]))
steps = [lake.step("new", name) for name in STEPS]

def publish_until(kind, number):
    store, seen = open_store(url), 0
    def count(*_):
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(store.engine, kind, count)
    publish(store, record("new"), steps, PUBLISHED_AT.replace(day=3))

for kind, number in json.loads(sys.argv[3]):
    child = os.fork()
    if child == 0:
        publish_until(kind, number)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    with open_store(url) as store:
        accounts, actions = view(store, "account_scores"), view(store, "next_best_actions")
        shown, churn = {*accounts["run_id"], *actions["run_id"]}, accounts["churn"].tolist()
    print(json.dumps([kind, number, os.WIFSIGNALED(status), sorted(shown), churn]), flush=True)
"""
"""Publishes the run "new" in a process that SIGKILL ends before its n-th commit, or its n-th statement, for each point
given; then tells what readers see. What happens in between is the product's own code, untouched."""

POINTS = [
    ("before_cursor_execute", 5),  # while older rows of the run are removed
    ("before_cursor_execute", 20),  # while rows are written
    ("commit", 2),  # all rows are written, and not committed
    ("commit", 4),  # the pointer has moved, and is not committed
    ("commit", 3),  # rows are audited
]


def test_readers_never_see_a_part_of_a_run_that_was_killed(scores_url: str, tmp_path: Path) -> None:
    with open_store(scores_url) as store:
        publish(store, record("old"), write(tmp_path, "old", outputs(churn=0.25)), PUBLISHED_AT)
        new = write(tmp_path, "new", outputs(churn=0.5))
        done = subprocess.run(
            [sys.executable, "-c", DRIVER, scores_url, str(tmp_path), json.dumps(POINTS)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        observed = [json.loads(line) for line in done.stdout.splitlines()]
        assert observed == [[kind, number, True, ["old"], [0.25] * 3] for kind, number in POINTS]
        assert rows_of(store, "new") == 3
        assert runs(store)["run_id"].tolist() == ["old"]
        publish(store, record("next"), write(tmp_path, "next", outputs(churn=0.125)), PUBLISHED_AT.replace(day=3))
        assert rows_of(store, "new") == 0  # what the killed run left behind is gone
        publish(store, record("new"), new, PUBLISHED_AT.replace(day=4))
        assert view(store, "account_scores")["churn"].tolist() == [0.5] * 3


def test_plain_sql_of_another_program_sees_the_old_run_while_the_new_one_is_written(
    scores_url: str, tmp_path: Path
) -> None:
    with open_store(scores_url) as store:
        publish(store, record("old"), write(tmp_path, "old", outputs(churn=0.25)), PUBLISHED_AT)
        with store.writing() as connection:
            for table in BASE_TABLES.values():
                connection.execute(table.update().values(run_id="new"))
            query = "SELECT run_id, as_of, count(*), sum(churn) FROM account_scores GROUP BY run_id, as_of"
            if store.on_sqlite:
                program = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
                place = scores_url.removeprefix("sqlite:///")
            else:
                program = "import psycopg, sys; print(psycopg.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
                place = scores_url
            reader = [sys.executable, "-W", "ignore", "-c", program, place, query]
            seen = subprocess.run(reader, check=True, capture_output=True, text=True).stdout
        assert "'old'" in seen
        assert "3, 0.75)" in seen
        assert view(store, "account_scores").empty


def rows_of(store: Store, run_id: str) -> int:
    """Rows of accounts that are kept of a run, published or not."""
    table = BASE_TABLES["account_scores"]
    with store.reading() as connection:
        return len(connection.execute(table.select().where(table.c.run_id == run_id)).all())
