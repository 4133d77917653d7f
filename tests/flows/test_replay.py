"""An earlier night, scored again with the versions that it used; versions shown and chosen on the command line."""

import json

from data.errors import StoreError, TrackingError
from data.lake import Lake
from data.store.views import published_run_id, runs, view
from models.registry import MODELS
from models.training.tracking import Tracking
from tests.command_line import gelir
from tests.flows.conftest import Night


def test_the_replay_of_a_night_gives_its_scores_again_and_changes_nothing_for_readers(demo_night: Night) -> None:
    tracking = Tracking(demo_night.settings.path(demo_night.settings.mlruns), "demo")
    versions = {model.name: len(tracking.versions(model.name)) for model in MODELS}
    result = gelir(demo_night.folder, "replay", demo_night.run_id)
    assert result.code == 0, result.err
    lake = Lake(demo_night.settings.lake)
    (replay,) = (path.name for path in lake.root.glob(f"replay-demo-{demo_night.as_of}-*"))
    compared = lake.step(replay, "compare").frame("compared")
    assert (compared["published"] > 0).all()
    assert (compared["differing"] == 0).all()
    assert replay in result.out
    assert {model.name: len(tracking.versions(model.name)) for model in MODELS} == versions
    with demo_night.store() as store:
        assert published_run_id(store) == demo_night.run_id
        assert list(runs(store)["run_id"]) == [demo_night.run_id]


def test_a_run_that_did_not_score_cannot_be_replayed(demo_night: Night) -> None:
    result = gelir(demo_night.folder, "replay", "nonsense")
    assert result.code == StoreError.exit_code
    assert "there is no run 'nonsense' that scored" in result.err
    assert demo_night.run_id in result.err


def test_versions_are_listed_with_the_nights_that_they_scored(demo_night: Night) -> None:
    with demo_night.store() as store:
        versions = json.loads(view(store, "runs")["model_versions"].iloc[0])
    assert versions["win"] == "1"
    result = gelir(demo_night.folder, "champion", "win")
    assert result.code == 0, result.err
    (row,) = (line for line in result.out.splitlines() if "v1" in line)
    assert row.count("→") == 1
    assert "1 night" in row


def test_a_pinned_version_stays_champion_until_released(demo_night: Night) -> None:
    chosen = gelir(demo_night.folder, "champion", "win", "v1")
    assert chosen.code == 0, chosen.err
    assert "→ pinned" in gelir(demo_night.folder, "champion", "win").out
    assert gelir(demo_night.folder, "champion", "win", "--release").code == 0
    assert "→ pinned" not in gelir(demo_night.folder, "champion", "win").out


def test_one_version_cannot_be_compared_and_none_other_can_be_chosen(demo_night: Night) -> None:
    alone = gelir(demo_night.folder, "compare", "win")
    assert alone.code == TrackingError.exit_code
    assert "win has 1 version; two are needed to compare" in alone.err
    missing = gelir(demo_night.folder, "champion", "win", "v7")
    assert missing.code == TrackingError.exit_code
    assert "there is no version 7 of win" in missing.err
    unknown = gelir(demo_night.folder, "compare", "wim")
    assert "there is no model 'wim'" in unknown.err
