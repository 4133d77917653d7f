"""How a bench speaks: a table for people, then one flat JSON object of its figures as the last line."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

Rows = list[list[str]]
Figures = dict[str, float | None]
Section = Callable[[Path], tuple[Rows, Figures]]
"""Measures on the folder of data sets: rows of ``COLUMNS``, and the figures."""

COLUMNS = ["data", "method", "metric", "value", "target"]
DATA = Path(__file__).resolve().parents[3] / "shared" / "datasets"


def print_result(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Mapping[str, float | None]
) -> None:
    """Print a table, then the figures as one line of JSON."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    sys.stdout.write(json.dumps(dict(figures), sort_keys=True) + "\n")


def line(data: str, method: str, metric: str, value: float | str, target: str) -> list[str]:
    """One row of ``COLUMNS``."""
    return [data, method, metric, value if isinstance(value, str) else f"{value:.4f}", target]


def measured_on(parser: argparse.ArgumentParser, sections: Iterable[str]) -> tuple[Path, list[str]]:
    """The folder of data sets and the sections that are wanted; exits with a message where there is no such folder."""
    names = list(sections)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real data sets")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="sections to run")
    wanted = parser.parse_args()
    if not wanted.data.is_dir():
        raise SystemExit(f"no data sets at {wanted.data}; give their folder with --data")
    return wanted.data, list(wanted.only)
