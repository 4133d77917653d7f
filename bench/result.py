"""How a bench speaks: a table for people, then one flat JSON object of its figures as the last line."""

import json
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table


def say(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], figures: Mapping[str, float | None]) -> None:
    """Print a table, then the figures as one line of JSON."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    sys.stdout.write(json.dumps(dict(figures), sort_keys=True) + "\n")
