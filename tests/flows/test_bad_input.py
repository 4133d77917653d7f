"""Bad input: one message that says what, where and the remedy, an exit code, and the earlier scores stay."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pandas as pd
import pytest
from sqlalchemy import create_engine

from data.errors import DataQualityError, GelirError, MappingError, SettingsError, SourceError, StoreError
from data.store.views import published_run_id, runs, view
from tests.command_line import CommandResult, ended, gelir, spawned
from tests.flows.conftest import Night

NOWHERE = "postgresql://reader:secret@127.0.0.1:1/crm"


def empty_orders(crm: Path) -> None:
    (crm / "orders.csv").write_bytes(b"")


def remove_orders(crm: Path) -> None:
    (crm / "orders.csv").unlink()


def truncate_parquet(crm: Path) -> None:
    parquet = crm / "orders.parquet"
    pd.read_csv(crm / "orders.csv").to_parquet(parquet)
    (crm / "orders.csv").unlink()
    parquet.write_bytes(parquet.read_bytes()[:-200])


def write_latin_1(crm: Path) -> None:
    (crm / "accounts.csv").write_bytes((crm / "accounts.csv").read_bytes().replace(b"Customer 3", b"M\xfcller"))


def rename_column(crm: Path) -> None:
    pd.read_csv(crm / "orders.csv").rename(columns={"amount": "amont"}).to_csv(crm / "orders.csv", index=False)


def date_in_the_future(crm: Path) -> None:
    pd.read_csv(crm / "orders.csv").assign(ordered_at="2999-01-01 10:00:00").to_csv(crm / "orders.csv", index=False)


def empty_folder(crm: Path) -> None:
    shutil.rmtree(crm)
    crm.mkdir()


def remove_folder(crm: Path) -> None:
    shutil.rmtree(crm)


def truncate_last_row(crm: Path) -> None:
    (crm / "orders.csv").write_bytes((crm / "orders.csv").read_bytes()[:-30])


@dataclass(frozen=True)
class BadFile:
    """What is done to a CRM that was good yesterday, and what the message contains."""

    done: Callable[[Path], object]
    error: type[GelirError]
    says: tuple[str, ...]


FILES = {
    "a folder that is gone": BadFile(remove_folder, SourceError, ("does not exist", "crm")),
    "a folder without files": BadFile(empty_folder, SourceError, ("has no .csv", "one file per table")),
    "an empty file": BadFile(empty_orders, SourceError, ("orders.csv", "empty (0 bytes)", "export it again")),
    "a missing file": BadFile(remove_orders, MappingError, ("orders.sql reads 'orders', which the source lacks",)),
    "a truncated file": BadFile(
        truncate_parquet, SourceError, ("orders.parquet", "not a whole Parquet file", "export it again")
    ),
    "a truncated text": BadFile(truncate_last_row, SourceError, ("orders.csv", "line 123", "cut short")),
    "a wrong encoding": BadFile(write_latin_1, SourceError, ("accounts.csv", "line 4", "0xfc", "iconv -f LATIN1")),
    "a missing column": BadFile(rename_column, MappingError, ("orders.sql", '"amount"', "amont")),
    "no fact before today": BadFile(date_in_the_future, DataQualityError, ("orders", "dated in the future")),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_get_one_message_and_the_published_run_stays(name: str, small_night: Night, tmp_path: Path) -> None:
    bad = FILES[name]
    crm = tmp_path / "crm"
    shutil.copytree(small_night.folder / "crm", crm)
    bad.done(crm)
    result = gelir(small_night.folder, "nightly", "--as-of", str(small_night.as_of), "--source", str(crm))
    assert_one_message(result, bad.error)
    for words in bad.says:
        assert words in on_one_line(result.err)
    assert_still_published(small_night)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("--as-of", "2999-01-01"), SettingsError, ("2999-01-01 is in the future", "a past date")),
        (("--mapping", "demmo"), MappingError, ("demmo", "demo")),
        (("--source", NOWHERE), SourceError, ("cannot be reached", "127.0.0.1:1")),
        (("--scores", NOWHERE), StoreError, ("cannot be opened", "127.0.0.1:1")),
    ],
)
def test_bad_settings_get_one_message(
    words: tuple[str, ...], error: type[GelirError], says: tuple[str, ...], small_night: Night
) -> None:
    began = monotonic()
    result = gelir(small_night.folder, "nightly", *(() if "--as-of" in words else ("--as-of", "2025-06-02")), *words)
    assert monotonic() - began < 30
    assert_one_message(result, error)
    for sentence in says:
        assert sentence in on_one_line(result.err)
    assert "secret" not in result.err
    assert_still_published(small_night)


def test_a_process_leaves_with_the_message_and_no_traceback(small_night: Night, prefect_api: str) -> None:
    environment = {"PREFECT_API_URL": prefect_api, "GELIR_SOURCE": NOWHERE}
    result = ended(spawned(small_night.folder, "nightly", "--as-of", "2025-06-02", **environment))
    assert_one_message(result, SourceError)
    assert_still_published(small_night)


def test_a_corrected_database_is_read_again(small_night: Night, postgres_database: str, tmp_path: Path) -> None:
    """Its URL does not depend on its content, so the night has the same name as the one that stopped."""
    crm = small_night.folder / "crm"
    engine = create_engine(postgres_database.replace("postgresql://", "postgresql+psycopg://"))
    frames = {name: pd.read_csv(crm / f"{name}.csv") for name in ("accounts", "products", "orders")}
    for name, frame in frames.items():
        broken = frame.assign(ordered_at="2999-01-01 10:00:00") if name == "orders" else frame
        broken.to_sql(name, engine, index=False)
    mapping = str(small_night.folder / "mapping")
    night = ("nightly", "--as-of", str(small_night.as_of), "--source", postgres_database, "--mapping", mapping)
    assert_one_message(gelir(tmp_path, *night), DataQualityError)
    frames["orders"].to_sql("orders", engine, index=False, if_exists="replace")
    engine.dispose()
    result = gelir(tmp_path, *night)
    assert result.code == 0, result.err


def test_a_stopped_night_is_listed_with_its_reason(small_night: Night, tmp_path: Path) -> None:
    shutil.copytree(small_night.folder / "crm", tmp_path / "crm")
    empty_orders(tmp_path / "crm")
    settings = ("--as-of", "2025-06-02", "--source", str(tmp_path / "crm"), "--company", "stopped")
    assert gelir(small_night.folder, "nightly", *settings).code == SourceError.exit_code
    with small_night.store() as store:
        listed = runs(store)
    (stopped,) = listed[listed["company"] == "stopped"].to_dict("records")
    assert (stopped["status"], stopped["current"]) == ("stopped", False)
    assert "orders.csv: the file is empty" in stopped["reason"]


def assert_one_message(result: CommandResult, error: type[GelirError]) -> None:
    """Nothing on standard error but progress and one complaint of the kind."""
    assert result.code == error.exit_code, result.err
    assert "Traceback" not in result.err
    for words in (error.__name__, "where:", "remedy:"):
        assert result.err.count(words) == 1, result.err


def assert_still_published(night: Night) -> None:
    """Readers see what was published before."""
    with night.store() as store:
        assert published_run_id(store) == night.run_id
        assert set(view(store, "next_best_actions")["run_id"]) == {night.run_id}


def on_one_line(text: str) -> str:
    """A text without the line breaks of the terminal."""
    return " ".join(text.split())
