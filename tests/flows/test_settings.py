import re

import pytest

from data.errors import SettingsError
from flows.settings import EXAMPLE, FILE_NAME, Settings, load_settings, prepare_environment
from tests.command_line import ROOT


def test_the_example_file_shows_the_defaults(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text(EXAMPLE, encoding="utf-8")
    assert load_settings(tmp_path) == Settings(root=tmp_path)


def test_the_environment_overrides_the_file_and_the_command_line_both(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text('mapping = "maven"\nseed = 1\nkeep_runs = 2\n', encoding="utf-8")
    monkeypatch.setenv("GELIR_SEED", "5")
    monkeypatch.setenv("GELIR_KEEP_RUNS", "6")
    settings = load_settings(tmp_path, keep_runs=9)
    assert (settings.mapping, settings.seed, settings.keep_runs) == ("maven", 5, 9)


def test_every_offender_is_named_at_once(tmp_path):
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path, timezone="Mars/Olympus", retrain_days=0)
    assert "Mars/Olympus" in str(error.value)
    assert "retrain_days" in str(error.value)
    assert "gelir init" in error.value.remedy


def test_an_unknown_setting_is_refused_in_the_file_and_in_the_environment(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text('maping = "maven"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="maping"):
        load_settings(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    monkeypatch.setenv("GELIR_MAPING", "maven")
    with pytest.raises(SettingsError, match="GELIR_MAPING"):
        load_settings(tmp_path)


def test_an_old_name_is_refused_with_the_new_one(tmp_path, monkeypatch):
    (tmp_path / FILE_NAME).write_text("silence_days = 90\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="silence_days: its name is now inactivity_days"):
        load_settings(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    monkeypatch.setenv("GELIR_SILENCE_DAYS", "90")
    with pytest.raises(SettingsError, match=r"GELIR_SILENCE_DAYS \(its name is now inactivity_days\)"):
        load_settings(tmp_path)


@pytest.mark.parametrize("name", ["klingon", "en_", ""])
def test_a_locale_that_does_not_exist_is_named_and_refused(name, tmp_path):
    with pytest.raises(SettingsError, match=f"'{name}' is not a locale"):
        load_settings(tmp_path, locale=name)


def test_variables_that_the_deployments_read_are_not_unknown_settings(tmp_path, monkeypatch):
    named = re.findall(r"\$(GELIR_\w+)", (ROOT / "prefect.yaml").read_text())
    assert named
    for name in named:
        monkeypatch.setenv(name, str(tmp_path))
    assert load_settings(tmp_path) == Settings(root=tmp_path)


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / FILE_NAME).write_text("mapping = \n", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_schedule_before_one_is_refused_since_some_days_have_no_midnight(tmp_path):
    with pytest.raises(SettingsError, match="01:00"):
        load_settings(tmp_path, schedule_at="00:30")


def test_relative_paths_are_taken_from_the_settings_folder(tmp_path):
    settings = load_settings(tmp_path, source="crm")
    assert settings.source_place == str(tmp_path / "crm")
    assert settings.scores_url == f"sqlite:///{tmp_path / 'var' / 'scores.db'}"
    assert load_settings(tmp_path, source="postgresql://u@h/crm").source_place == "postgresql://u@h/crm"


def test_a_variable_that_is_set_for_a_library_is_left_alone(tmp_path):
    environment = {"PREFECT_HOME": "/elsewhere"}
    prepare_environment(load_settings(tmp_path), environment)
    assert environment["PREFECT_HOME"] == "/elsewhere"
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
