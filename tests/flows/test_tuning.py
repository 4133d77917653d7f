"""Tuning on the command line, and what cannot be tuned."""

import pytest

from data.errors import SettingsError
from data.store.views import published_run_id
from models.training.tracking import Tracking
from tests.command_line import gelir
from tests.flows.conftest import Night


def test_a_tuning_prints_its_result_and_publishes_nothing(demo_night: Night) -> None:
    result = gelir(demo_night.folder, "tune", "churn", "--trials", "2", "--as-of", str(demo_night.as_of))
    assert result.code == 0, result.err
    assert "3 trials" in " ".join(result.out.split())
    tracking = Tracking(demo_night.settings.path(demo_night.settings.mlruns), "demo")
    runs = tracking._client.search_runs([tracking._experiment("demo.churn")])
    assert len([run for run in runs if str(run.info.run_name).startswith("trial ")]) == 3
    with demo_night.store() as store:
        assert published_run_id(store) == demo_night.run_id


@pytest.mark.parametrize(
    ("model", "words"), [("revenue", "revenue has nothing to tune"), ("wim", "there is no model 'wim'")]
)
def test_a_model_that_cannot_be_tuned_is_refused_with_those_that_can(demo_night: Night, model: str, words: str) -> None:
    result = gelir(demo_night.folder, "tune", model, "--trials", "1")
    assert result.code == SettingsError.exit_code
    assert words in result.err
    assert "churn" in result.err
