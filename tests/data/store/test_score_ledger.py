"""Scores are kept after their run is retired, one night a week, and their outcome is filled in once."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from data.lake import Lake
from data.store.publish import publish, rollback
from data.store.score_ledger import KEPT_SCORES, SCORE_OUTCOMES, alerts_before, scores_before
from data.store.views import Store, open_store, view
from tests.data.store.scored import outputs, record, write

MONDAY = date(2026, 3, 2)


@pytest.fixture
def store(scores_url: str):
    with open_store(scores_url) as opened:
        yield opened


def kept_scores(churn: float, as_of: date, keys: tuple[str, ...] = ("A001", "A002")) -> pd.DataFrame:
    rows = {"score": "churn", "key": list(keys), "value": churn, "low": 0.1, "high": float("nan"), "model": "churn v1"}
    return pd.DataFrame({**rows, "horizon_days": 90, "closes_on": as_of + timedelta(days=90)})


def night(
    store: Store, root: Path, name: str, as_of: date, *, churn: float = 0.25, outcomes: pd.DataFrame | None = None,
    alerts: pd.DataFrame | None = None, attempt: int = 1, keep: int = 30, company: str = "acme",
) -> None:  # fmt: skip
    """Publish a night that scored ``churn`` of two accounts and found outcomes."""
    frames = outputs(churn)
    if alerts is not None:
        frames["alerts"] = alerts
    steps = write(root, name, frames)
    with Lake(root).write_step(name, "ledger") as draft:
        draft.write(KEPT_SCORES, kept_scores(churn, as_of))
        draft.write(
            SCORE_OUTCOMES,
            pd.DataFrame(columns=["run_id", "score", "key", "outcome"]) if outcomes is None else outcomes,
        )
    at = datetime(as_of.year, as_of.month, as_of.day, 1, attempt)
    publish(store, record(name, as_of=as_of, company=company), [*steps, Lake(root).step(name, "ledger")], at, keep=keep)


def kept_values(store: Store) -> dict[str, list[float]]:
    """What is kept, by run: the value of each account."""
    rows = view(store, "published_scores")
    return {str(run): part["value"].tolist() for run, part in rows.groupby("run_id")}


def test_scores_outlive_the_rows_of_their_run(store: Store, tmp_path: Path) -> None:
    for week in range(3):
        night(store, tmp_path, f"r{week}", MONDAY + timedelta(weeks=week), churn=0.25 + week / 8, keep=1)
    assert view(store, "runs").set_index("run_id")["status"].to_dict()["r0"] == "retired"
    assert kept_values(store) == {"r0": [0.25] * 2, "r1": [0.375] * 2, "r2": [0.5] * 2}
    first = view(store, "published_scores", 1).iloc[0]
    assert (first["as_of"], first["closes_on"]) == (MONDAY, MONDAY + timedelta(days=90))
    assert pd.isna(first["high"])
    assert pd.isna(first["outcome"])


def test_one_night_of_a_week_is_kept(store: Store, tmp_path: Path) -> None:
    for day in (0, 1, 6, 7):
        night(store, tmp_path, f"r{day}", MONDAY + timedelta(days=day))
    assert list(kept_values(store)) == ["r0", "r7"]


def test_of_two_runs_for_one_date_the_later_counts(store: Store, tmp_path: Path) -> None:
    night(store, tmp_path, "first", MONDAY, churn=0.25)
    night(store, tmp_path, "again", MONDAY, churn=0.5, attempt=2)
    assert kept_values(store) == {"again": [0.5, 0.5]}


def test_a_night_that_was_rolled_back_does_not_count_until_readers_go_forth_to_it(store: Store, tmp_path: Path) -> None:
    for week in range(3):
        night(store, tmp_path, f"r{week}", MONDAY + timedelta(weeks=week))
    rollback(store, "r0")
    assert list(kept_values(store)) == ["r0"]
    rollback(store, "r1")
    assert list(kept_values(store)) == ["r0", "r1"]
    night(store, tmp_path, "r3", MONDAY + timedelta(weeks=2, days=1))
    assert list(kept_values(store)) == ["r0", "r1", "r3"], "another night takes the place of the one withdrawn"


def test_companies_that_share_a_scoring_table_are_apart(store: Store, tmp_path: Path) -> None:
    night(store, tmp_path, "ours", MONDAY)
    night(store, tmp_path, "theirs", MONDAY, company="other", attempt=2)
    night(store, tmp_path, "theirs later", MONDAY + timedelta(weeks=1), company="other")
    assert set(scores_before(store, "other", MONDAY + timedelta(weeks=3))["run_id"]) == {"theirs later"}
    rollback(store, "ours")
    assert list(kept_values(store)) == ["ours", "theirs", "theirs later"], (
        "going to another company withdraws nothing of it"
    )


def test_reports_get_scores_with_closed_windows_and_the_latest_night(store: Store, tmp_path: Path) -> None:
    for week in (0, 1, 2):
        night(store, tmp_path, f"r{week}", MONDAY + timedelta(weeks=week))
    assert set(scores_before(store, "acme", MONDAY)["run_id"]) == set()
    assert set(scores_before(store, "acme", MONDAY + timedelta(weeks=2))["run_id"]) == {"r1"}
    assert set(scores_before(store, "acme", MONDAY + timedelta(days=97))["run_id"]) == {"r0", "r1", "r2"}


def test_an_outcome_is_filled_in_once_and_hidden_from_earlier_nights(store: Store, tmp_path: Path) -> None:
    closed = MONDAY + timedelta(days=91)

    def outcomes(outcome: float) -> pd.DataFrame:
        rows = {"run_id": "r0", "score": "churn", "key": ["A001", "A002"], "outcome": [outcome, float("nan")]}
        return pd.DataFrame(rows)

    night(store, tmp_path, "r0", MONDAY)
    night(store, tmp_path, "r1", closed, outcomes=outcomes(1.0))
    night(store, tmp_path, "r2", closed + timedelta(weeks=1), outcomes=outcomes(0.0))
    kept = scores_before(store, "acme", closed + timedelta(weeks=2)).query("run_id == 'r0'")
    assert kept["outcome"].tolist()[0] == 1.0
    assert pd.isna(kept["outcome"].tolist()[1]), "its outcome is missing"
    assert kept["outcome_as_of"].tolist() == [closed] * 2
    replayed = scores_before(store, "acme", closed - timedelta(days=1)).query("run_id == 'r0'")
    assert replayed["outcome"].isna().all()
    assert replayed["outcome_as_of"].isna().all()


def test_a_night_is_given_the_alerts_of_the_night_before_its_date(store: Store, tmp_path: Path) -> None:
    def alert(first_seen: date) -> pd.DataFrame:
        alert = {"kind": "volume", "subject": "orders", "severity": "act", "evidence": "fewer", "suggestion": "look"}
        row = {**alert, "alert_id": f"volume:orders:{first_seen}", "first_seen": first_seen, "since": first_seen}
        return pd.DataFrame([row]).reindex(columns=list(outputs()["alerts"].columns))

    night(store, tmp_path, "r0", MONDAY, alerts=alert(MONDAY))
    night(store, tmp_path, "r1", MONDAY + timedelta(days=3))
    assert alerts_before(store, "acme", MONDAY).empty
    (row,) = alerts_before(store, "acme", MONDAY + timedelta(days=2)).to_dict("records")
    assert (row["alert_id"], row["first_seen"], row["run_as_of"]) == (f"volume:orders:{MONDAY}", MONDAY, MONDAY)
    assert alerts_before(store, "acme", MONDAY + timedelta(days=9)).empty, "the latest night had none"
