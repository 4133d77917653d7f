"""KPIs month by month, and leaks by kind, on the terminal."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.formats import MISSING, Formats, is_missing
from data.store import views as scoring
from data.store.views import Store

N_MONTHS, N_MONTHS_NARROW, NARROW = 6, 3, 110
"""Months shown, those on a narrow terminal, and the width in characters below which it is narrow."""


def show_kpis(console: Console, store: Store, formats: Formats, slice_name: str) -> None:
    """Print the KPIs of a slice: a row for each, a column for each of the last months.

    For the whole company, the conversion of each stage is shown too.
    """
    kpis = scoring.view(store, "kpis")
    of_stages = (slice_name == "total") & kpis["slice"].str.startswith("stage:")
    rows = kpis[(kpis["slice"] == slice_name) | of_stages]
    if rows.empty:
        slices = ", ".join(sorted(set(kpis["slice"])))
        console.print(f"kpis: nothing is published of '{slice_name}'" + (f"; there is {slices}" if slices else ""))
        return
    months = sorted(set(rows["period"]))[-(N_MONTHS if console.width >= NARROW else N_MONTHS_NARROW) :]
    positions = scoring.view(store, "kpi_definitions").set_index("kpi")["position"]
    rows = rows.assign(position=rows["kpi"].map(positions)).sort_values(["position", "slice"], kind="stable")
    table = Table("kpi", "", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for month in months:
        table.add_column(formats.month(month), justify="right", no_wrap=True)
    for (kpi, part), values in rows.groupby(["kpi", "slice"], sort=False):
        by_month = dict(zip(values["period"], values["value"], strict=True))
        unit = MISSING if pd.isna(values["unit"].iloc[0]) else str(values["unit"].iloc[0])
        name = str(kpi) if part == slice_name else f"conversion: {str(part).removeprefix('stage:')}"
        cells = (kpi_value(by_month.get(month), unit, formats) for month in months)
        table.add_row(name, MISSING if unit == "share" else unit, *cells)
    console.print(f"[bold]kpis[/] of {slice_name}, month by month", highlight=False)
    console.print(table)
    console.print("[dim]definitions: gelir show kpi_definitions --limit 60; by region or segment: --slice[/]")


def kpi_value(value: float | None, unit: str, formats: Formats) -> str:
    """A value of a KPI as text: shares in per cent, money and counts whole, the rest to a tenth."""
    if value is None or is_missing(value):
        return MISSING
    if unit == "share":
        return formats.percent(value)
    return formats.tenths(value) if unit in ("months", "times", "days") else formats.count(value)


def show_leak_kinds(console: Console, store: Store, formats: Formats) -> None:
    """Print the number of leaks of each kind and their money, the largest sum first."""
    leaks = scoring.view(store, "leaks")
    if leaks.empty:
        return
    kinds = leaks.groupby("detector").agg(
        leaks=("leak_id", "count"), money=("money", "sum"), formula=("formula", "first")
    )
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("kind", "leaks", "money", "how its money is counted"):
        table.add_column(name, justify="right" if name in ("leaks", "money") else "left", no_wrap=name == "money")
    for kind in kinds.sort_values("money", ascending=False).reset_index().to_dict("records"):
        formula = MISSING if is_missing(kind["formula"]) else str(kind["formula"])
        table.add_row(str(kind["detector"]), formats.count(kind["leaks"]), formats.money(kind["money"]), formula)
    table.add_section()
    table.add_row("all", formats.count(len(leaks)), formats.money(leaks["money"].sum()), MISSING)
    console.print("[bold]leaks[/] by kind")
    console.print(table)
