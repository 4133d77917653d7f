"""Output of a bench: a table for people, then its figures as one flat JSON object on the last line."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

Rows = list[list[str]]
Figures = dict[str, float | None]
Section = Callable[[Path], tuple[Rows, Figures]]
"""Measures on the folder of data sets, and returns rows of ``COLUMNS`` and the figures."""

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


def result_row(data: str, method: str, metric: str, value: float | str, target: str) -> list[str]:
    """One row of ``COLUMNS``."""
    return [data, method, metric, value if isinstance(value, str) else f"{value:.4f}", target]


def run_sections(title: str, description: str | None, sections: Mapping[str, Section]) -> None:
    """Read the command line (``--data``, ``--only``), run the sections and print their rows and figures together.

    Exits with a message where the folder of data sets does not exist.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the real data sets")
    parser.add_argument("--only", nargs="+", choices=list(sections), default=list(sections), help="sections to run")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit(f"no data sets at {options.data}; give their folder with --data")
    rows: Rows = []
    figures: Figures = {}
    for name in options.only:
        section_rows, section_figures = sections[name](options.data)
        rows += section_rows
        figures |= section_figures
    print_result(title, COLUMNS, rows, figures)
