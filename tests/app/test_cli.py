"""The command line: what it shows, and the exit codes it leaves with."""

import subprocess
import sys
from datetime import datetime
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from app.cli import app
from app.view_layouts import LAYOUTS, VIEWS
from data.errors import SettingsError, SourceError, StoreError
from data.outputs.catalogue import OUTPUTS
from data.store.publish import publish, record_stopped
from data.store.views import open_store, published_run_id
from flows.settings import EXAMPLE, load_settings
from tests.command_line import ROOT, ended, gelir, spawned
from tests.data.store.scored import outputs, record, write
from tests.flows import small_crm


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which the runs "old" and "new" were published, and a third one stopped."""
    with open_store(load_settings(tmp_path).scores_url) as store:
        for day, (name, churn) in enumerate([("old", 0.25), ("new", 0.5)], 3):
            steps = write(tmp_path / "lake", name, outputs(churn=churn))
            started = datetime(2026, 3, day, 1, 30)
            publish(store, record(name, started_at=started), steps, started.replace(hour=2))
        record_stopped(store, record("broken", started_at=datetime(2026, 3, 5, 1, 30)), reason="no orders\nsecond line")
    return tmp_path


def test_init_writes_every_setting_and_refuses_to_overwrite(tmp_path: Path) -> None:
    result = gelir(tmp_path, "init")
    assert result.code == 0
    assert "gelir check" in result.out
    assert (tmp_path / "gelir.toml").read_text(encoding="utf-8") == EXAMPLE
    again = gelir(tmp_path, "init")
    assert again.code == SettingsError.exit_code
    assert "a settings file exists already" in again.err


def test_check_names_parts_that_work_and_parts_that_do_not(tmp_path: Path) -> None:
    broken = gelir(tmp_path, "check")
    assert broken.code == SourceError.exit_code
    assert broken.out.count("works  ") == 4
    assert "broken source: the source folder does not exist" in broken.out
    assert "remedy:" in broken.out
    small_crm.small_crm(tmp_path / "crm")
    small_crm.mapping(tmp_path / "mapping")
    (tmp_path / "gelir.toml").write_text('source = "crm"\nmapping = "mapping"\n')
    complete = gelir(tmp_path, "check")
    assert complete.code == 0
    assert complete.out.count("works  ") == 6
    assert "mapping on the source: accounts, orders, products can be read" in complete.out
    assert "broken " not in complete.out


def test_check_lists_where_a_mapping_does_not_fit_the_source(tmp_path: Path) -> None:
    small_crm.small_crm(tmp_path / "crm")
    small_crm.mapping(tmp_path / "mapping")
    (tmp_path / "mapping" / "orders.sql").write_text("SELECT order_id, line_no FROM orders")
    (tmp_path / "mapping" / "tickets.sql").write_text("SELECT * FROM cases")
    (tmp_path / "gelir.toml").write_text('source = "crm"\nmapping = "mapping"\n')
    result = gelir(tmp_path, "check")
    assert result.code == SourceError.exit_code
    assert "broken mapping on the source" in result.out
    assert "line_no" in result.out
    assert "tickets.sql reads 'cases', which the source lacks" in " ".join(result.out.split())


def test_check_names_the_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "gelir.toml").write_text('timezone = "Mars/Olympus"\n')
    result = gelir(tmp_path, "check")
    assert result.code == SettingsError.exit_code
    assert "Mars/Olympus" in result.err


def test_show_lists_every_view_with_its_grain(tmp_path: Path) -> None:
    result = gelir(tmp_path, "show")
    assert result.code == 0
    for output in OUTPUTS:
        assert output.name in result.out


def test_show_says_that_nothing_is_published_yet(tmp_path: Path) -> None:
    result = gelir(tmp_path, "show", "next_best_actions")
    assert result.code == 0
    assert "nothing is published" in result.out
    assert "gelir nightly" in gelir(tmp_path, "runs").out


def test_show_shows_the_first_rows_of_a_view(folder: Path) -> None:
    result = ended(spawned(folder, "show", "account_scores", "--limit", "2"))
    assert result.code == 0
    assert "account_scores: One row per account." in result.out
    assert "A001" in result.out
    assert "A002" in result.out
    assert "A003" not in result.out
    assert result.err == ""


def test_show_marks_accounts_in_the_holdout(tmp_path: Path) -> None:
    frames = outputs()
    frames["next_best_actions"]["holdout"] = [False, True, False]
    frames["next_best_actions"]["withheld_action"] = [None, "renewal_call", None]
    with open_store(load_settings(tmp_path).scores_url) as store:
        publish(store, record("holdout"), write(tmp_path / "lake", "holdout", frames), datetime(2026, 3, 2, 2))
    result = gelir(tmp_path, "show", "next_best_actions")
    (line,) = (line for line in result.out.splitlines() if "A002" in line)
    assert "wait (holdout)" in line
    assert "renewal_call" not in line


@pytest.mark.parametrize("view", LAYOUTS)
def test_every_view_fits_eighty_columns(view: str, folder: Path) -> None:
    result = gelir(folder, "show", view)
    assert result.code == 0, result.err
    assert max(len(line) for line in result.out.splitlines()) <= 80


def test_every_layout_names_columns_of_its_view() -> None:
    assert set(LAYOUTS) == set(VIEWS)
    for view, layout in LAYOUTS.items():
        names = {*layout.columns, *layout.wide, *layout.money, *layout.fractions}
        names |= {name.removeprefix("-") for name in layout.order_by}
        assert names <= set(VIEWS[view].by_name), view


def test_show_takes_columns_wide_and_csv(folder: Path) -> None:
    chosen = gelir(folder, "show", "account_scores", "--columns", "account_id, churn_model")
    assert "churn v1" in chosen.out
    assert "lifetime" not in chosen.out
    wide = ended(spawned(folder, "show", "account_scores", "--wide", COLUMNS="200"))
    assert "next order" in wide.out
    csv = gelir(folder, "show", "account_scores", "--csv")
    rows = pd.read_csv(StringIO(csv.out))
    assert len(rows) == 3
    assert {"account_id", "churn", "run_id", "as_of"} <= set(rows.columns)
    assert rows["churn"].tolist() == [0.5, 0.5, 0.5]


def test_show_names_the_columns_that_exist_for_one_that_does_not(folder: Path) -> None:
    result = gelir(folder, "show", "account_scores", "--columns", "account_id,chrun")
    assert result.code == SettingsError.exit_code
    assert "no column chrun" in result.err
    assert "churn" in result.err


def test_values_follow_the_locale(folder: Path) -> None:
    (folder / "gelir.toml").write_text('locale = "de"\ncurrency = "CHF"\n')
    result = gelir(folder, "show", "next_best_actions")
    assert "CHF 12,50" in result.out


def test_show_names_the_views_that_exist_for_one_that_does_not(folder: Path) -> None:
    result = gelir(folder, "show", "acount_scores")
    assert result.code == StoreError.exit_code
    assert "there is no view 'acount_scores'" in result.err
    assert "account_scores" in result.err


def test_runs_marks_the_published_run_and_gives_the_reason_of_a_stopped_one(folder: Path) -> None:
    result = ended(spawned(folder, "runs"))
    assert result.code == 0
    (current,) = (line for line in result.out.splitlines() if "→" in line)
    assert "new" in current
    (stopped,) = (line for line in result.out.splitlines() if line.startswith("broken"))
    assert "stopped" in stopped
    assert "no orders" in stopped
    assert result.out.index("broken") < result.out.index("new") < result.out.index("old")


def test_rollback_goes_back_and_forth_at_once(folder: Path) -> None:
    for run in ("old", "new"):
        result = gelir(folder, "rollback", run)
        assert result.code == 0
        assert f"readers now see run {run}" in result.out
        with open_store(load_settings(folder).scores_url) as store:
            assert published_run_id(store) == run


@pytest.mark.parametrize("run", ["nonsense", "broken"])
def test_rollback_to_a_run_without_published_rows_names_those_with_rows(run: str, folder: Path) -> None:
    result = gelir(folder, "rollback", run)
    assert result.code == StoreError.exit_code
    assert f"there are no published rows of a run '{run}'" in " ".join(result.err.split())
    assert "name one of new, old" in " ".join(result.err.split())
    with open_store(load_settings(folder).scores_url) as store:
        assert published_run_id(store) == "new"


def test_demo_writes_a_company_only_where_it_is_missing(tmp_path: Path) -> None:
    words = ("demo", "--size", "0.05", "--until", "2026-03-15T14:00", "--folder", str(tmp_path / "demo"))
    result = gelir(tmp_path, *words)
    assert result.code == 0
    assert "accounts" in result.out
    written = (tmp_path / "demo" / "crm" / "accounts.parquet").stat().st_mtime_ns
    assert "kept" in gelir(tmp_path, *words, "--if-missing").out
    assert (tmp_path / "demo" / "crm" / "accounts.parquet").stat().st_mtime_ns == written


def test_help_imports_neither_settings_nor_data_libraries() -> None:
    script = (
        "import sys; import app.cli; print([name for name in ('pandas', 'ibis', 'pydantic') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"


def test_help_names_every_command(tmp_path: Path) -> None:
    result = gelir(tmp_path, "--help")
    assert result.code == 0
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__name__ in result.out


def test_a_scenario_without_a_forecast_or_out_of_bounds_says_what_to_do(folder: Path) -> None:
    result = gelir(folder, "scenario", "--churn", "10")
    assert result.code == StoreError.exit_code
    assert "no revenue forecast whose drivers could be changed" in result.err
    assert "gelir nightly" in result.err
    wrong = gelir(folder, "scenario", "--price", "-120")
    assert wrong.code == SettingsError.exit_code
    assert "price -120 %" in wrong.err
