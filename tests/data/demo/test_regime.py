"""A planted change of regime leaves what was known before it alone, and shows after it as the truth says."""

from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from data.contract import CONTRACT
from data.demo import write_demo

UNTIL = datetime(2025, 9, 17, 11, 30)
CHANGED = datetime(2025, 7, 31, 21)  # the first instant of August in Istanbul
SHOWN_LATER = ["ended_at", "end_reason", "closed_at", "satisfaction"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    quiet, changed = tmp_path_factory.mktemp("quiet"), tmp_path_factory.mktemp("changed")
    write_demo(quiet, until=UNTIL, size=0.5)
    write_demo(changed, until=UNTIL, size=0.5, regime_change=CHANGED)
    return quiet, changed


def rows(folder: Path, table: str) -> pd.DataFrame:
    return pd.read_parquet(folder / "crm" / f"{table}.parquet")


@pytest.mark.parametrize("table", [table.name for table in CONTRACT])
def test_what_was_known_before_is_the_same(folders: tuple[Path, Path], table: str) -> None:
    quiet, changed = (rows(folder, table) for folder in folders)
    quiet, changed = (frame[~(frame["known_at"] >= CHANGED)].reset_index(drop=True) for frame in (quiet, changed))
    for column in set(SHOWN_LATER) & set(quiet):
        if column in ("ended_at", "closed_at"):
            ours, theirs = (frame[column].where(frame[column] < CHANGED) for frame in (quiet, changed))
            pd.testing.assert_series_equal(ours, theirs)
    kept = [column for column in quiet if column not in SHOWN_LATER]
    pd.testing.assert_frame_equal(quiet[kept], changed[kept])


def test_afterwards_it_shows_as_the_truth_says(folders: tuple[Path, Path]) -> None:
    def after(table: str, column: str) -> list[float]:
        frames = (rows(folder, table) for folder in folders)
        return [float((pd.to_datetime(frame[column]) >= CHANGED).sum()) for frame in frames]

    truth = pd.read_parquet(folders[1] / "truth" / "regime.parquet")
    assert (truth["since"] == CHANGED).all()
    factor = truth.set_index("sign")["factor"].to_dict()
    quiet, changed = after("orders", "ordered_at")
    assert changed / quiet == pytest.approx(factor["orders"], abs=0.07)  # those who leave order nothing, either
    quiet, changed = after("tickets", "opened_at")
    assert changed / quiet == pytest.approx(factor["tickets"], abs=0.25)
    use = [frame.loc[pd.to_datetime(frame["day"]) >= "2025-08-02", "active_users"].sum()
           for frame in (rows(folder, "usage") for folder in folders)]  # fmt: skip
    assert use[1] / use[0] == pytest.approx(factor["usage"], abs=0.05)
    ended = [
        int(((frame["ended_at"] >= CHANGED) & (frame["end_reason"] == "cancelled")).sum())
        for frame in (rows(folder, "subscriptions") for folder in folders)
    ]
    assert ended[1] > ended[0] + 3


def test_keys_stay_unique(folders: tuple[Path, Path]) -> None:
    for table in CONTRACT:
        quiet, changed = (rows(folder, table.name)[list(table.key)].duplicated().sum() for folder in folders)
        assert changed <= quiet, table.name


def test_a_company_without_a_regime_change_has_no_truth_of_it(folders: tuple[Path, Path]) -> None:
    assert not (folders[0] / "truth" / "regime.parquet").exists()


def test_signs_can_be_planted_alone_and_unknown_ones_are_named(tmp_path: Path) -> None:
    alone = {"until": UNTIL, "size": 0.1, "regime_change": CHANGED}
    write_demo(tmp_path / "quiet", until=UNTIL, size=0.1)
    write_demo(tmp_path / "alone", **alone, regime_signs=["tickets"])  # type: ignore[arg-type]
    for table in ("orders", "usage", "subscriptions"):
        pd.testing.assert_frame_equal(rows(tmp_path / "quiet", table), rows(tmp_path / "alone", table))
    assert len(rows(tmp_path / "alone", "tickets")) > len(rows(tmp_path / "quiet", "tickets"))
    with pytest.raises(ValueError, match=r"no signs \['weather'\]; name some of \['orders'"):
        write_demo(tmp_path / "never", **alone, regime_signs=["weather"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="naive UTC instant before until"):
        write_demo(tmp_path / "never", until=UNTIL, regime_change=UNTIL)
