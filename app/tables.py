"""The scoring table on the terminal: its views, its runs, and going back to an earlier one."""

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from data import publish
from data import store as scoring
from data.scoring import OUTPUTS, RUNS
from data.store import Store, open_store
from flows.settings import Settings

VIEWS = {table.name: table for table in (*OUTPUTS, RUNS)}
WIDEST_CELL = 48


def show(console: Console, settings: Settings, view: str | None, limit: int) -> None:
    """The first rows of a view, or the list of views with what they hold."""
    if view is None:
        listing = RichTable("view", "one row per", title="gelir show VIEW", title_justify="left")
        for table in VIEWS.values():
            listing.add_row(table.name, table.grain)
        console.print(listing)
        return
    rows = scoring.view(store(settings), view, limit)
    if rows.empty:
        console.print(f"{view}: nothing is published in it")
        return
    console.print(framed(rows, title=f"{view}: {VIEWS[view].grain}", width=console.width))


def framed(rows: pd.DataFrame, title: str, width: int) -> RichTable:
    """A frame as a table that fits the width: columns that are empty in every row are left out, long cells are cut."""
    filled = rows.dropna(axis=1, how="all")
    table = RichTable(title=title, title_justify="left", caption=_left_out(rows, filled), caption_justify="left")
    for name in filled:
        table.add_column(str(name), overflow="ellipsis", no_wrap=width >= 100, max_width=WIDEST_CELL)
    for row in filled.itertuples(index=False):
        table.add_row(*(cell(value) for value in row))
    return table


def cell(value: object) -> str:
    """A value as people read it: nothing for what is missing, no more digits than mean something."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 else f"{value:.3f}"
    return str(value)


def _left_out(rows: pd.DataFrame, filled: pd.DataFrame) -> str | None:
    empty = [str(name) for name in rows if name not in filled]
    return f"empty, not shown: {', '.join(empty)}" if empty else None


def runs(console: Console, settings: Settings) -> None:
    """Every run, the latest first; an arrow marks the one that readers see."""
    rows = scoring.runs(store(settings))
    if rows.empty:
        console.print("no run yet: start one with [bold]gelir nightly[/bold]")
        return
    columns = ["run_id", "as_of", "status", "published_at", "rows_read", "rows_quarantined", "why"]
    table = RichTable("", *columns, title="runs", title_justify="left")
    for row in rows.to_dict("records"):
        mark = "→" if row["current"] else ""
        table.add_row(mark, *(cell(row[name]).split("\n")[0] for name in columns))
    console.print(table)


def rollback(console: Console, settings: Settings, run_id: str) -> None:
    """Readers see an earlier run again."""
    publish.rollback(store(settings), run_id)
    console.print(
        f"readers now see run [bold]{run_id}[/bold]; `gelir runs` lists all, `gelir rollback` goes forth as well"
    )


def store(settings: Settings) -> Store:
    """The scoring table of the settings."""
    return open_store(settings.scores_url)
