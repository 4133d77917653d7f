"""Replayed scores are compared with those that were published."""

from datetime import datetime
from pathlib import Path

import pandas as pd

from data.lake import Lake, Step
from data.outputs.score_tables import ACCOUNT_SCORES, RECOMMENDATIONS
from data.store.publish import publish
from data.store.replay_diff import compare
from data.store.views import Store, open_store, rows_of_run, runs
from tests.data.store.scored import outputs, record, write


def compared(store: Store, folder: Path, run_id: str, scores: Step) -> pd.DataFrame:
    lake = Lake(folder / "compared")
    replay = f"{scores.run_id} of {run_id}"
    with lake.write_step(replay, "compare") as draft:
        compare(store, run_id, scores, draft)
    return lake.step(replay, "compare").frame("compared").set_index("table_name")


def scoring_step(steps: list[Step]) -> Step:
    (step,) = (step for step in steps if "account_scores" in step.tables)
    return step


def test_equal_scores_differ_in_no_row_and_changed_ones_in_all(scores_url: str, tmp_path: Path) -> None:
    with open_store(scores_url) as store:
        publish(store, record("old"), write(tmp_path, "old", outputs(churn=0.1 + 0.2)), datetime(2026, 3, 3))
        publish(store, record("new"), write(tmp_path, "new", outputs(churn=0.5)), datetime(2026, 3, 4))
        same = scoring_step(write(tmp_path, "same", outputs(churn=0.1 + 0.2)))
        found = compared(store, tmp_path, "old", same)
        rows = len(rows_of_run(store, ACCOUNT_SCORES.name, "old"))
        assert rows > 0
        assert (found["differing"] == 0).all()
        assert found.loc["account_scores", ["published", "replayed"]].tolist() == [rows, rows]
        other = compared(store, tmp_path, "new", same)
        assert other.loc["account_scores", "differing"] == rows
        assert other.loc["recommendations", "differing"] == 0
        assert list(rows_of_run(store, RECOMMENDATIONS.name, "old")) == [c.name for c in RECOMMENDATIONS.columns]


def test_removed_rows_count_as_missing_and_versions_stay(scores_url: str, tmp_path: Path) -> None:
    with open_store(scores_url) as store:
        for day, name in enumerate(["old", "new"], 3):
            run = record(name, model_versions='{"churn": "1"}', started_at=datetime(2026, 3, day))
            publish(store, run, write(tmp_path, name, outputs()), datetime(2026, 3, day, 2), keep=1)
        records = runs(store).set_index("run_id")
        found = compared(store, tmp_path, "old", scoring_step(write(tmp_path, "again", outputs())))
    assert records.loc["old", ["status", "model_versions"]].tolist() == ["retired", '{"churn": "1"}']
    assert pd.isna(found.loc["account_scores", "published"])
    assert pd.isna(found.loc["account_scores", "differing"])
