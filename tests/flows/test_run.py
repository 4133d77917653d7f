"""The id of a run follows from what changes its results, and from nothing else."""

from datetime import date, time
from pathlib import Path

import pytest

from flows.run import IGNORED_SETTINGS, Run
from flows.settings import Settings, load_settings
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
    "locale": "de",
    "var": Path("elsewhere"),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("named")
    small_crm.small_crm(folder / "crm")
    small_crm.mapping(folder / "mapping")
    return load_settings(folder, source="crm", mapping=str(folder / "mapping"))


def test_every_setting_that_changes_results_is_covered_here() -> None:
    assert set(Settings.model_fields) - IGNORED_SETTINGS <= set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_changes_the_id_of_a_run_where_it_changes_results(settings: Settings, name: str) -> None:
    other = settings.model_copy(update={name: OTHER[name]})
    same = Run.begin(date(2024, 7, 1), settings).id == Run.begin(date(2024, 7, 1), other).id
    assert same == (name in IGNORED_SETTINGS)
