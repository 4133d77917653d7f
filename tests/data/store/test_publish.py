"""A run is published whole or not at all, on SQLite and on PostgreSQL."""

import math
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest

from data.errors import StoreError
from data.outputs.catalogue import OUTPUTS, RUNS
from data.store.publish import publish, record_stopped, rollback
from data.store.views import BASE_TABLES, Store, open_store, published_run_id, runs, view
from tests.data.store.scored import PUBLISHED_AT, outputs, record, write


@pytest.fixture
def store(scores_url: str):
    with open_store(scores_url) as opened:
        yield opened


def publish_run(store: Store, root: Path, run_id: str, churn: float = 0.25, day: int = 2, keep: int = 30):
    steps = write(root, run_id, outputs(churn))
    return publish(store, record(run_id), steps, PUBLISHED_AT.replace(day=day), keep=keep)


def churn_seen(store: Store) -> list[float]:
    return view(store, "account_scores")["churn"].tolist()


def rows_held(store: Store, run_id: str) -> int:
    with store.reading() as connection:
        return sum(
            len(connection.execute(table.select().where(table.c.run_id == run_id)).all())
            for table in BASE_TABLES.values()
        )


def test_before_the_first_run_every_view_exists_and_is_empty(store: Store) -> None:
    assert published_run_id(store) is None
    for output in (*OUTPUTS, RUNS):
        assert view(store, output.name).empty


def test_readers_see_exactly_the_rows_that_the_run_wrote(store: Store, tmp_path: Path) -> None:
    counts = publish_run(store, tmp_path, "r1")
    written = outputs()
    assert counts == {name: len(frame) for name, frame in written.items()}
    assert published_run_id(store) == "r1"
    for output in OUTPUTS:
        seen = view(store, output.name)
        assert list(seen.columns) == [*output.by_name, "run_id", "as_of"]
        assert set(seen["run_id"]) <= {"r1"}
        expected = written[output.name].sort_values(list(output.key), ignore_index=True)
        for column in output.by_name:
            for got, wanted in zip(seen[column], expected[column], strict=True):
                assert (pd.isna(got) and pd.isna(wanted)) or got == wanted, (output.name, column)


def test_values_come_back_in_their_own_types(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1")
    contact = view(store, "contact_scores").iloc[0]
    assert contact["send_at"] == datetime(2026, 3, 3, 6, 0, 0, 250000)
    assert contact["expires_at"] == date(2026, 3, 9)
    assert contact["as_of"] == date(2026, 3, 2)
    assert math.isnan(view(store, "contact_scores").iloc[1]["engagement"])
    actions = view(store, "next_best_actions")
    assert actions["holdout"].dtype == "boolean"
    assert not actions["holdout"].any()
    account = view(store, "account_scores").iloc[0]
    assert account["name"] == ""
    assert account["churn_reasons"] == '["an \\"odd\\" reason, with a comma", "Şükrü’nün sözü"]'


def test_a_view_can_be_narrowed_and_ordered(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1")
    assert view(store, "account_scores", 2)["account_id"].tolist() == ["A001", "A002"]
    assert view(store, "account_scores", where={"account_id": "A003"})["account_id"].tolist() == ["A003"]
    by_value = view(store, "next_best_actions", 1, order_by=("-expected_value",))
    assert by_value["account_id"].tolist() == ["A001"]
    with pytest.raises(StoreError, match=r"no view 'acounts'(.|\n)*account_scores"):
        view(store, "acounts")
    with pytest.raises(StoreError, match="no column chrun"):
        view(store, "account_scores", order_by=("-chrun",))


def test_the_next_run_takes_the_place_of_the_last_in_every_view(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1", churn=0.25, day=2)
    publish_run(store, tmp_path, "r2", churn=0.5, day=3)
    assert churn_seen(store) == [0.5] * 3
    assert {run for output in OUTPUTS for run in view(store, output.name)["run_id"]} == {"r2"}
    assert runs(store).set_index("run_id")["current"].to_dict() == {"r1": False, "r2": True}


def test_rolling_back_shows_the_earlier_rows_again(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1", churn=0.25, day=2)
    publish_run(store, tmp_path, "r2", churn=0.5, day=3)
    rollback(store, "r1")
    assert published_run_id(store) == "r1"
    assert churn_seen(store) == [0.25] * 3
    rollback(store, "r2")
    assert churn_seen(store) == [0.5] * 3


def test_rolling_back_to_a_run_that_is_not_there_names_those_that_are(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="publish a run first"):
        rollback(store, "r1")
    publish_run(store, tmp_path, "r1")
    record_stopped(store, record("r2"), "the source was stale")
    for missing in ("r2", "r9"):
        with pytest.raises(StoreError, match=rf"run '{missing}'(.|\n)*name one of r1"):
            rollback(store, missing)
    assert published_run_id(store) == "r1"


def test_publishing_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    steps = write(tmp_path, "r1", outputs())
    publish(store, record("r1"), steps, PUBLISHED_AT)
    before = {output.name: view(store, output.name) for output in (*OUTPUTS, RUNS)}
    publish(store, record("r1"), steps, PUBLISHED_AT.replace(hour=9))
    for name, frame in before.items():
        pd.testing.assert_frame_equal(view(store, name), frame)


def test_a_rollback_outlives_the_repetition_of_a_night_that_was_published(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1", churn=0.25, day=2)
    steps = write(tmp_path, "r2", outputs(0.5))
    publish(store, record("r2"), steps, PUBLISHED_AT.replace(day=3))
    rollback(store, "r1")
    before = runs(store)
    publish(store, record("r2"), steps, PUBLISHED_AT.replace(day=4))
    assert published_run_id(store) == "r1"
    assert churn_seen(store) == [0.25] * 3
    pd.testing.assert_frame_equal(runs(store), before)


def test_one_company_makes_no_room_of_anothers_runs(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1", day=2, keep=1)
    steps = write(tmp_path, "other", outputs())
    publish(store, replace(record("other"), company="other"), steps, PUBLISHED_AT.replace(day=3), keep=1)
    assert runs(store).set_index("run_id")["status"].to_dict() == {"r1": "published", "other": "published"}
    rollback(store, "r1")
    assert published_run_id(store) == "r1"


def test_old_rows_make_room_and_their_record_stays(store: Store, tmp_path: Path) -> None:
    for day in range(2, 6):
        publish_run(store, tmp_path, f"r{day}", day=day, keep=2)
    assert runs(store).set_index("run_id")["status"].to_dict() == {
        "r2": "retired",
        "r3": "retired",
        "r4": "published",
        "r5": "published",
    }
    assert rows_held(store, "r3") == 0
    assert rows_held(store, "r4") == rows_held(store, "r5") > 0
    with pytest.raises(StoreError, match="name one of r5, r4"):
        rollback(store, "r2")


def test_a_retired_run_can_be_published_again(store: Store, tmp_path: Path) -> None:
    steps = write(tmp_path, "r2", outputs(churn=0.125))
    publish(store, record("r2"), steps, PUBLISHED_AT, keep=1)
    publish_run(store, tmp_path, "r3", day=3, keep=1)
    assert rows_held(store, "r2") == 0
    publish(store, record("r2"), steps, PUBLISHED_AT.replace(day=4), keep=1)
    assert churn_seen(store) == [0.125] * 3


def test_a_stopped_run_is_kept_with_its_reason_and_hides_nothing(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1")
    record_stopped(store, record("r2", as_of=date(2026, 3, 3)), "accounts is empty")
    stopped = view(store, "runs", where={"run_id": "r2"}).iloc[0]
    assert (stopped["status"], stopped["reason"], stopped["current"]) == ("stopped", "accounts is empty", False)
    assert churn_seen(store) == [0.25] * 3


def test_a_published_run_that_stops_when_repeated_stays_published(store: Store, tmp_path: Path) -> None:
    publish_run(store, tmp_path, "r1")
    record_stopped(store, record("r1"), "the disk was full")
    assert runs(store)["status"].tolist() == ["published"]
    assert churn_seen(store) == [0.25] * 3


def test_a_run_that_stopped_may_publish_later(store: Store, tmp_path: Path) -> None:
    record_stopped(store, record("r1"), "accounts is empty")
    publish_run(store, tmp_path, "r1")
    run = runs(store).iloc[0]
    assert run["status"] == "published"
    assert pd.isna(run["reason"])
    assert run["published_at"] == PUBLISHED_AT
