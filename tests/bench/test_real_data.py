"""Benches on real data: a missing folder is a message, and what is not there is not measured."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import churn, upsell


@pytest.mark.parametrize("main", [churn.main, upsell.main])
def test_a_missing_folder_of_data_is_named(
    main: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--data", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match=r"no data sets at .*nowhere; give their folder with --data"):
        main()
