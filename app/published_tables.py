"""The scoring database on the terminal: its views, its runs, and going back to an earlier one."""

import re
import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.formats import MISSING, Formats, first_sentences
from app.kpi_tables import show_kpis, show_leak_kinds
from app.view_layouts import LAYOUTS, VIEWS, is_fraction
from data.errors import SettingsError
from data.store import publish
from data.store import views as scoring
from data.store.bulk_load import is_list
from data.store.views import Store, open_store
from flows.settings import Settings

N_ROWS = 10


@dataclass(frozen=True)
class Request:
    """What ``gelir show`` is asked for.

    ``columns`` are those to show; ``wide`` adds those of the layout for wide terminals, ``all_columns`` shows each row
    as a list of all its columns, ``csv`` writes raw values of all columns. ``slice`` is of KPIs.
    """

    view: str | None = None
    limit: int | None = None
    columns: tuple[str, ...] = ()
    wide: bool = False
    all_columns: bool = False
    csv: bool = False
    slice: str | None = None


def show(console: Console, settings: Settings, request: Request) -> None:
    """Print rows of a view, or the list of views with their grain.

    KPIs are shown month by month; before leaks stand the sums of their kinds. Raises ``SettingsError`` for options that
    do not apply, ``StoreError`` for a view or a column that does not exist.
    """
    view = request.view
    plain = not (request.csv or request.columns or request.all_columns)
    if request.slice is not None and (view != "kpis" or not plain):
        raise SettingsError(
            f"--slice {request.slice} does not apply: only KPIs month by month have slices",
            where="the command line",
            remedy=f"run gelir show kpis --slice {request.slice}, or leave --slice out",
        )
    if view is None:
        console.print(_listing())
        return
    with open_store(settings.scores_url) as store:
        if view == "kpis" and plain:
            show_kpis(console, store, Formats.from_settings(settings), request.slice or "total")
        else:
            _show_rows(console, store, settings, view, request)


def _show_rows(console: Console, store: Store, settings: Settings, view: str, request: Request) -> None:
    layout = LAYOUTS.get(view)
    limit = request.limit or (None if request.csv else N_ROWS)
    rows = scoring.view(store, view, limit, order_by=layout.order_by if layout else ())
    if view == "next_best_actions" and not request.csv:
        holdout = rows["holdout"].fillna(False).astype(bool)
        rows["action"] = rows["action"].where(~holdout, rows["action"] + " (holdout)")
    _check_columns(view, request.columns, rows)
    if request.csv:
        rows[list(request.columns or rows.columns)].to_csv(sys.stdout, index=False)
        return
    if rows.empty:
        console.print(f"{view}: nothing is published in it")
        return
    formats = Formats.from_settings(settings)
    if request.all_columns:
        for number, row in enumerate(rows.to_dict("records"), 1):
            console.print(_record(f"{view} {number}", view, row, formats))
        return
    if view == "leaks" and not request.columns:
        show_leak_kinds(console, store, formats)
    layout = LAYOUTS[view]
    columns = request.columns or (*layout.columns, *(layout.wide if request.wide else ()))
    full = request.wide or bool(request.columns)
    console.print(f"[bold]{view}[/]: {VIEWS[view].grain}", highlight=False)
    console.print(_table(rows[list(columns)], view, formats, full=full), crop=not full)
    left_out = len(VIEWS[view].by_name) - len(columns)
    if left_out > 0 and not request.columns:
        console.print(f"[dim]{left_out} more columns: --wide, --all, --csv, or --columns a,b,c[/]", highlight=False)


def _listing() -> Table:
    table = Table("view", "one row per", title="gelir show VIEW", title_justify="left", box=SIMPLE_HEAD)
    for output in VIEWS.values():
        table.add_row(output.name, output.grain.removeprefix("One row per "))
    return table


def _check_columns(view: str, columns: tuple[str, ...], rows: pd.DataFrame) -> None:
    unknown = [name for name in columns if name not in rows.columns]
    if unknown:
        raise SettingsError(
            f"the view '{view}' has no column {', '.join(unknown)}",
            where="--columns",
            remedy=f"name some of {', '.join(map(str, rows.columns))}",
        )


def _table(rows: pd.DataFrame, view: str, formats: Formats, *, full: bool) -> Table:
    """Rows as a table in which text wraps; lists are cut to their first sentences unless ``full``."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in rows:
        is_number = pd.api.types.is_numeric_dtype(rows[name]) and not pd.api.types.is_bool_dtype(rows[name])
        is_narrow = is_number or str(name).endswith("_id")  # neither numbers nor ids wrap, their headers do
        table.add_column(
            re.sub(r"_(?=[a-z])", "\n" if is_narrow else " ", str(name)).replace("_", " "),
            justify="right" if is_number else "left",
            overflow="fold",
            no_wrap=is_narrow,
        )
    for row in rows.to_dict("records"):
        table.add_row(*(cell(view, str(name), value, formats, full=full) for name, value in row.items()))
    return table


def _record(title: str, view: str, row: Mapping[Hashable, object], formats: Formats) -> Table:
    table = Table("column", "value", title=title, title_justify="left", show_header=False, box=SIMPLE_HEAD)
    for name, value in row.items():
        table.add_row(str(name), cell(view, str(name), value, formats, full=True))
    return table


def cell(view: str, column: str, value: object, formats: Formats, *, full: bool) -> str:
    """A value of a view as text: money, fractions and lists by the column, anything else by its type."""
    if is_list(column):
        return formats.value(value) if full else first_sentences(value)
    if isinstance(value, float) and column in LAYOUTS[view].money:
        return formats.money(value)
    if isinstance(value, float) and is_fraction(view, column):
        return formats.percent(value)
    if isinstance(value, bool):
        return "yes" if value else MISSING
    return formats.value(value)


def runs(console: Console, settings: Settings) -> None:
    """Print every run, the latest first; an arrow marks the one that readers see."""
    formats = Formats.from_settings(settings)
    with open_store(settings.scores_url) as store:
        rows = scoring.runs(store)
    if rows.empty:
        console.print("no run yet: start one with [bold]gelir nightly[/bold]")
        return
    table = Table("", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("run", no_wrap=True)
    for name in ("status", "published", "rows read", "quarantined"):
        table.add_column(name, justify="right" if name in ("rows read", "quarantined") else "left")
    reasons = []
    for row in rows.to_dict("records"):
        counts = (formats.count(row[name]) for name in ("rows_read", "rows_quarantined"))
        published = MISSING if pd.isna(row["published_at"]) else f"{row['published_at']:%Y-%m-%d %H:%M}"
        table.add_row("→" if row["current"] else "", row["run_id"], row["status"], published, *counts)
        if isinstance(row["reason"], str):
            reasons.append(f"{row['run_id']} {row['status']}: {row['reason'].splitlines()[0]}")
    console.print(table)
    for reason in reasons:
        console.print(reason, markup=False, highlight=False)


def rollback(console: Console, settings: Settings, run_id: str) -> None:
    """Make readers see an earlier run again."""
    with open_store(settings.scores_url) as store:
        publish.rollback(store, run_id)
    console.print(
        f"readers now see run [bold]{run_id}[/]; `gelir runs` lists all, and `gelir rollback` goes back again"
    )
