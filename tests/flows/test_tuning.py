"""Tuning on the command line, and what cannot be tuned."""

import pytest

from data.errors import SettingsError
from data.store.views import published_run_id
from models.training.tracking import Tracking
from tests.command_line import gelir
from tests.flows.conftest import Night


def test_a_tuning_says_what_it_found_and_publishes_nothing(demo_night: Night) -> None:
    said = gelir(demo_night.folder, "tune", "churn", "--trials", "2", "--as-of", str(demo_night.as_of))
    assert said.code == 0, said.err
    assert "3 trials" in " ".join(said.out.split())
    tracking = Tracking(demo_night.settings.path(demo_night.settings.mlruns), "demo")
    runs = tracking._client.search_runs([tracking._experiment("demo.churn")])
    assert len([run for run in runs if str(run.info.run_name).startswith("trial ")]) == 3
    with demo_night.store() as store:
        assert published_run_id(store) == demo_night.run_id


@pytest.mark.parametrize(
    ("model", "words"), [("revenue", "revenue has nothing to tune"), ("wim", "there is no model 'wim'")]
)
def test_what_cannot_be_tuned_is_said_with_what_can(demo_night: Night, model: str, words: str) -> None:
    said = gelir(demo_night.folder, "tune", model, "--trials", "1")
    assert said.code == SettingsError.exit_code
    assert words in said.err
    assert "churn" in said.err
