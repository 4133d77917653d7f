"""KPIs month by month, and leaks by kind, as people read them on the terminal."""

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from data.store import views as scoring
from data.store.views import Store

MONTHS_SHOWN, NARROW, MONTHS_NARROW = 6, 110, 3
"""A narrow terminal shows fewer months."""


def show_kpis(console: Console, store: Store, part: str) -> None:
    """Print the KPIs of a slice, one row each and a column for each of the last months.

    Of the whole company, conversion by stage is shown too.
    """
    rows = scoring.view(store, "kpis")
    mine = rows[(rows["slice"] == part) | ((part == "total") & rows["slice"].str.startswith("stage:"))]
    if mine.empty:
        known = ", ".join(sorted(set(rows["slice"])))
        console.print(f"kpis: nothing is published of '{part}'" + (f"; there is {known}" if known else ""))
        return
    months = sorted(set(mine["period"]))[-(MONTHS_SHOWN if console.width >= NARROW else MONTHS_NARROW) :]
    order = scoring.view(store, "kpi_definitions").set_index("kpi")["position"]
    table = RichTable("kpi", "", title=f"kpis of {part}, month by month", title_justify="left")
    for month in months:
        table.add_column(f"{month:%b %Y}", justify="right", no_wrap=True)
    mine = mine.assign(position=mine["kpi"].map(order)).sort_values(["position", "slice"], kind="stable")
    for (kpi, of), figures in mine.groupby(["kpi", "slice"], sort=False):
        by_month = dict(zip(figures["period"], figures["value"], strict=True))
        unit = "" if pd.isna(figures["unit"].iloc[0]) else str(figures["unit"].iloc[0])
        name = str(kpi) if of == part else f"conversion: {str(of).removeprefix('stage:')}"
        cells = (figure(by_month[month], unit) if month in by_month else "" for month in months)
        table.add_row(name, "" if unit == "share" else unit, *cells)
    console.print(table)
    console.print("[dim]what they mean: gelir show kpi_definitions --limit 60; by region or segment: --slice[/]")


def figure(value: float, unit: str) -> str:
    """A value as people read it: shares in per cent, money and counts whole, the rest to a tenth."""
    if pd.isna(value):
        return ""
    if unit == "share":
        return f"{value:.1%}"
    return f"{value:,.1f}" if unit in ("months", "times", "days") else f"{value:,.0f}"


def show_leak_kinds(console: Console, store: Store) -> None:
    """Print how many leaks of each kind there are, and their money, the most first."""
    leaks = scoring.view(store, "leaks")
    if leaks.empty:
        return
    kinds = leaks.groupby("detector").agg(
        leaks=("leak_id", "count"), money=("money", "sum"), formula=("formula", "first")
    )
    table = RichTable("kind", "leaks", "money", "how its money is counted", title="leaks by kind", title_justify="left")
    for column in table.columns[1:3]:
        column.justify = "right"
    for kind in kinds.sort_values("money", ascending=False).itertuples():
        table.add_row(str(kind.Index), f"{kind.leaks:,}", f"{kind.money:,.0f}", str(kind.formula or ""))
    table.add_section()
    table.add_row("all", f"{len(leaks):,}", f"{leaks['money'].sum():,.0f}", "")
    console.print(table)
