"""What a run is called: by what changes its outcome, and by nothing else."""

from datetime import date, time
from pathlib import Path

import pytest

from flows.run import CHANGE_NOTHING, Run
from flows.settings import Settings, load
from tests.flows import small_crm

OTHER: dict[str, object] = {
    "company": "another",
    "timezone": "America/New_York",
    "currency": "USD",
    "retrain_days": 1,
    "stale_days": 2,
    "churn_event": "shrinks",
    "inactivity_days": 50,
    "largest_discount": 0.1,
    "seed": 8,
    "schedule_at": time(4),
    "keep_runs": 3,
    "var": Path("elsewhere"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("named")
    small_crm.small_crm(folder / "crm")
    small_crm.mapping(folder / "mapping")
    return load(folder, source="crm", mapping=str(folder / "mapping"))


def test_every_setting_that_changes_what_comes_out_is_tried_here() -> None:
    assert set(Settings.model_fields) - CHANGE_NOTHING <= set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_a_run_is_another_one_where_a_setting_changes_what_comes_out(settings: Settings, name: str) -> None:
    other = settings.model_copy(update={name: OTHER[name]})
    same = Run.begin(date(2024, 7, 1), settings).id == Run.begin(date(2024, 7, 1), other).id
    assert same == (name in CHANGE_NOTHING)
