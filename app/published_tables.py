"""The scoring table on the terminal: its views, its runs, and going back to an earlier one."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from app.kpi_tables import show_kpis, show_leak_kinds
from data.errors import SettingsError
from data.outputs.catalogue import OUTPUTS, PUBLISHED_SCORES, RUNS
from data.store import publish
from data.store import views as scoring
from data.store.views import Store, open_store
from flows.settings import Settings

VIEWS = {table.name: table for table in (*OUTPUTS, RUNS, PUBLISHED_SCORES)}


@dataclass(frozen=True)
class Look:
    """The columns of a view that fit a terminal, and which rows come first (``-column``: largest first)."""

    columns: tuple[str, ...]
    order_by: tuple[str, ...] = ()


LOOKS: dict[str, Look] = {
    "account_scores": Look(
        ("account_id", "name", "churn", "upsell", "next_order", "lifetime_value", "churn_reasons"), ("-churn",)
    ),
    "subscription_scores": Look(
        ("subscription_id", "account_id", "churn", "churn_180", "renewal", "expansion", "churn_reasons"), ("-churn",)
    ),
    "upsell_scores": Look(
        ("account_id", "product_id", "upsell_30", "upsell", "upsell_180", "likely_month"), ("-upsell",)
    ),
    "contact_scores": Look(("contact_id", "account_id", "send_local", "send_timezone", "engagement", "email_status")),
    "opportunity_scores": Look(
        ("opportunity_id", "account_id", "win", "expected_close", "expected_amount", "win_reasons"),
        ("-expected_amount",),
    ),
    "recommendations": Look(
        ("customer_kind", "customer_id", "kind", "rank", "product_id", "probability", "expected_margin", "reasons")
    ),
    "next_best_actions": Look(
        ("account_id", "action", "product_id", "channel", "act_at", "expected_value", "holdout", "reasons"),
        ("-expected_value",),
    ),
    "campaign_targets": Look(
        ("contact_id", "campaign_id", "expected_incremental_value", "consent_evidence", "send_at", "arm"),
        ("-expected_incremental_value",),
    ),
    "revenue_forecast": Look(
        ("node", "grain", "period", "point", "low_80", "high_80", "recurring", "open_deals", "notes")
    ),
    "bridge": Look(
        ("node", "period", "previous_point", "cause", "amount", "point", "evidence"), ("-node", "period", "-amount")
    ),
    "forecast_accuracy": Look(
        ("level", "grain", "breakdown", "bucket", "matched", "coverage_80", "bias", "wape", "naive_wape", "pipeline_wape")
    ),
    "kpis": Look(("kpi", "period", "slice", "value", "unit")),
    "kpi_definitions": Look(("kpi", "unit", "formula", "slices"), ("position",)),
    "leaks": Look(("detector", "account_id", "money", "owner_id", "evidence", "suggestion"), ("-money",)),
    "quarantined": Look(("table_name", "rows", "reason", "example"), ("-rows",)),
    "scoreboard": Look(
        ("score", "month", "model", "matched", "predicted", "observed", "lift", "coverage"),
        ("-month",),
    ),
    "reliability": Look(
        ("score", "month", "decile", "matched", "predicted", "observed", "observed_low", "observed_high"), ("-month",)
    ),
    "drift": Look(
        ("kind", "name", "until", "value", "expected", "low", "high", "z_score", "psi", "drifted"), ("-drifted",)
    ),
    "alerts": Look(("kind", "subject", "severity", "first_seen", "evidence", "suggestion"), ("severity", "first_seen")),
    "published_scores": Look(
        ("as_of", "score", "key", "value", "model", "closes_on", "outcome", "outcome_as_of"), ("-as_of",)
    ),
    "runs": Look(("current", "run_id", "status", "published_at", "rows_read", "rows_quarantined"), ("-started_at",)),
}


def show(
    console: Console, settings: Settings, view: str | None, limit: int, every: bool = False, part: str | None = None
) -> None:
    """The first rows of a view, or the list of views with what they hold. ``every`` shows every column, row by row.

    KPIs are shown month by month, of one slice (``part``); before the leaks stands what each kind comes to. Raises
    ``SettingsError`` where a slice is asked for of anything else.
    """
    if part is not None and (view != "kpis" or every):
        raise SettingsError(
            f"--slice {part} says nothing here: only KPIs month by month have slices",
            where="the command line",
            remedy=f"ask for gelir show kpis --slice {part}, or leave --slice out",
        )
    if view is None:
        listing = RichTable("view", "one row per", title="gelir show VIEW", title_justify="left")
        for table in VIEWS.values():
            listing.add_row(table.name, table.grain.removeprefix("One row per "))
        console.print(listing)
        return
    if view == "kpis" and not every:
        show_kpis(console, store(settings), part or "total")
        return
    look = LOOKS.get(view, Look(()))
    rows = scoring.view(store(settings), view, limit, order_by=look.order_by)
    if rows.empty:
        console.print(f"{view}: nothing is published in it")
        return
    if every:
        for number, row in enumerate(rows.to_dict("records"), 1):
            console.print(_record(f"{view} {number}", row))
        return
    if view == "leaks":
        show_leak_kinds(console, store(settings))
    columns = look.columns or tuple(VIEWS[view].by_name)
    console.print(framed(rows[list(columns)], title=f"{view}: {VIEWS[view].grain}"))
    if len(columns) < len(VIEWS[view].by_name):
        console.print(f"[dim]{len(VIEWS[view].by_name) - len(columns)} more columns: gelir show {view} --all[/]")


def framed(rows: pd.DataFrame, title: str) -> RichTable:
    """A frame as a table; cells fold where the terminal is narrow."""
    table = RichTable(title=title, title_justify="left")
    for name in rows:
        numeric = pd.api.types.is_numeric_dtype(rows[name]) and not pd.api.types.is_bool_dtype(rows[name])
        table.add_column(str(name), overflow="fold", justify="right" if numeric else "left")
    for row in rows.itertuples(index=False):
        table.add_row(*(cell(value) for value in row))
    return table


def _record(title: str, row: Mapping[Hashable, object]) -> RichTable:
    table = RichTable("column", "value", title=title, title_justify="left", show_header=False)
    for name, value in row.items():
        table.add_row(str(name), cell(value))
    return table


def cell(value: object) -> str:
    """A value as people read it: nothing for what is missing, no more digits than mean something, lists as text."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.3f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    text = str(value)
    return "; ".join(map(str, json.loads(text))) if text.startswith("[") and text.endswith("]") else text


def runs(console: Console, settings: Settings) -> None:
    """Every run, the latest first; an arrow marks the one that readers see."""
    rows = scoring.runs(store(settings))
    if rows.empty:
        console.print("no run yet: start one with [bold]gelir nightly[/bold]")
        return
    columns = ["run_id", "as_of", "status", "published_at", "rows_read", "rows_quarantined", "reason"]
    table = RichTable("", title="runs", title_justify="left")
    table.add_column("run_id", no_wrap=True)
    for name in columns[1:]:
        table.add_column(name, overflow="fold")
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
