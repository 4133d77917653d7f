import re

import pytest

from data.errors import SettingsError
from flows.settings import EXAMPLE, FILE_NAME, Settings, load, prepare
from tests.command_line import ROOT


def test_the_example_file_says_the_defaults(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text(EXAMPLE, encoding="utf-8")
    assert load(tmp_path) == Settings(root=tmp_path)


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text('mapping = "maven"\nseed = 1\nkeep_runs = 2\n', encoding="utf-8")
    monkeypatch.setenv("GELIR_SEED", "5")
    monkeypatch.setenv("GELIR_KEEP_RUNS", "6")
    settings = load(tmp_path, keep_runs=9)
    assert (settings.mapping, settings.seed, settings.keep_runs) == ("maven", 5, 9)


def test_every_offender_is_named_at_once(tmp_path):
    with pytest.raises(SettingsError) as error:
        load(tmp_path, timezone="Mars/Olympus", retrain_days=0)
    assert "Mars/Olympus" in str(error.value)
    assert "retrain_days" in str(error.value)
    assert "gelir init" in error.value.remedy


def test_an_unknown_setting_is_refused_wherever_it_stands(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text('maping = "maven"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="maping"):
        load(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    monkeypatch.setenv("GELIR_MAPING", "maven")
    with pytest.raises(SettingsError, match="GELIR_MAPING"):
        load(tmp_path)


def test_what_the_deployments_read_from_the_environment_is_no_unknown_setting(tmp_path, monkeypatch):
    named = re.findall(r"\$(GELIR_\w+)", (ROOT / "prefect.yaml").read_text())
    assert named
    for name in named:
        monkeypatch.setenv(name, str(tmp_path))
    assert load(tmp_path) == Settings(root=tmp_path)


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / FILE_NAME).write_text("mapping = \n", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


def test_a_night_before_one_is_refused_since_some_days_have_no_midnight(tmp_path):
    with pytest.raises(SettingsError, match="01:00"):
        load(tmp_path, schedule_at="00:30")


def test_relative_places_are_taken_from_the_settings_folder(tmp_path):
    settings = load(tmp_path, source="crm")
    assert settings.source_place == str(tmp_path / "crm")
    assert settings.scores_url == f"sqlite:///{tmp_path / 'var' / 'scores.db'}"
    assert load(tmp_path, source="postgresql://u@h/crm").source_place == "postgresql://u@h/crm"


def test_what_the_operator_set_for_a_library_is_left_alone(tmp_path):
    environment = {"PREFECT_HOME": "/elsewhere"}
    prepare(load(tmp_path), environment)
    assert environment["PREFECT_HOME"] == "/elsewhere"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
