"""The night through Prefect, on the demo company."""

import sqlite3
from pathlib import Path

from data.outputs.catalogue import OUTPUTS
from data.store.views import published_run_id, runs, view
from models.registry import MODELS
from models.training.tracking import Tracking
from tests.command_line import gelir
from tests.flows.conftest import Night

MAY_BE_EMPTY = {"repaired", "scoreboard", "reliability", "alerts", "bridge", "forecast_accuracy"}
"""The demo company needs no repairs; of a first night's scores no window has closed, nothing was foreseen before it,
and all may be as usual."""


def test_the_night_ends_published_and_every_view_is_filled(demo_night: Night) -> None:
    with demo_night.store() as store:
        assert published_run_id(store) == demo_night.run_id
        (run,) = runs(store).to_dict("records")
        filled = {output.name for output in OUTPUTS if not view(store, output.name, limit=1).empty}
        shown = {name for output in OUTPUTS for name in view(store, output.name)["run_id"].unique()}
    assert (run["status"], run["current"], run["as_of"]) == ("published", True, demo_night.as_of)
    assert run["rows_read"] > 10_000
    assert 0 < run["rows_quarantined"] < 0.03 * run["rows_read"]
    assert Path(run["validation_report"]).is_file()
    assert filled | MAY_BE_EMPTY == {output.name for output in OUTPUTS}
    assert shown == {demo_night.run_id}


def test_every_customer_has_a_score_and_one_action(demo_night: Night) -> None:
    with demo_night.store() as store:
        scored, chosen = view(store, "account_scores"), view(store, "next_best_actions")
    assert chosen["account_id"].is_unique
    assert set(chosen["account_id"]) == set(scored["account_id"])
    assert chosen["action"].nunique() > 2
    assert (scored["churn"].notna() | scored["churn_abstained"].notna()).all()


def test_the_night_ends_with_a_summary_on_one_screen_and_commands_for_details(demo_night: Night) -> None:
    result = demo_night.result
    for words in (demo_night.run_id, "gelir show next_best_actions", "mlflow ui", "SELECT * FROM next_best_actions"):
        assert words in " ".join(result.out.split())
    for model in MODELS:
        assert model.name in result.out
    assert len(result.out.splitlines()) <= 40
    assert "Traceback" not in result.err


def test_the_same_night_again_changes_nothing(demo_night: Night) -> None:
    before = stored_state(demo_night)
    again = gelir(demo_night.folder, "nightly", "--as-of", str(demo_night.as_of))
    assert again.code == 0, again.err
    assert stored_state(demo_night) == before
    assert "reused" in again.err


def stored_state(night: Night) -> dict[str, object]:
    """All that a night leaves: rows of the scoring database, versions of models, files of the lake and their times."""
    settings = night.settings
    tracking = Tracking(settings.path(settings.mlruns), "demo")
    champions = {model.name: tracking.champion(model.name) for model in MODELS}
    return {
        "rows": rows(night.folder / "var" / "scores.db"),
        "versions": rows(night.folder / "mlruns" / "mlflow.db", ("model_versions", "registered_models", "runs")),
        "champions": {name: champion and champion.version for name, champion in champions.items()},
        "lake": {path: path.stat().st_mtime_ns for path in settings.lake.rglob("*") if path.is_file()},
    }


def rows(database: Path, tables: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the named tables of an SQLite file, or of all its tables."""
    connection = sqlite3.connect(database)
    try:
        there = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables or there}
    finally:
        connection.close()
