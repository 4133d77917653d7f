"""Scenarios on the terminal: the published number, and what it would be."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable

from app.published_tables import store
from data.errors import SettingsError, StoreError
from data.lake import Lake
from data.outputs.score_tables import REVENUE_COMPONENTS
from data.store.views import published_run_id, runs
from flows.settings import Settings
from reports.forecast.scenario import Changes, scenario


def show(console: Console, settings: Settings, *, price: float, churn: float, win: float, hiring: float) -> None:
    """The published number by month, what it would be, and which parts change."""
    try:
        changes = Changes(price, churn, win, hiring)
    except ValueError as error:
        raise SettingsError(str(error), where="gelir scenario", remedy="name per cent, such as --churn 10") from error
    scoring = store(settings)
    run_id = published_run_id(scoring)
    scored = None if run_id is None else Lake(settings.lake).find_step(run_id, "score")
    if run_id is None or scored is None or "forecast_drivers" not in scored.tables:
        raise StoreError(
            "the published run has no number whose parts could be changed",
            where=scoring.name,
            remedy="run a night that forecasts revenue: gelir nightly",
        )
    told = runs(scoring)
    as_of = pd.Timestamp(told.loc[told["run_id"] == run_id, "as_of"].iloc[0]).date()
    rows = scenario(scored.frame("forecast_line_items"), scored.frame("forecast_drivers"), changes, as_of)
    title = f"as of {as_of}, {changes.description}; the parts are differences"
    table = RichTable(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("month", "now", "then", "by", *REVENUE_COMPONENTS):
        table.add_column(name.replace("_", " "), justify="left" if name == "month" else "right")
    for row in rows.to_dict("records"):
        difference = row["changed"] - row["point"]
        numbers = (row["point"], row["changed"], difference, *(row[name] for name in REVENUE_COMPONENTS))
        table.add_row(f"{row['month']:%Y-%m}", *(f"{value:,.0f}" for value in numbers))
    whole = rows[["point", "changed", *REVENUE_COMPONENTS]].sum()
    parts = (whole[name] for name in REVENUE_COMPONENTS)
    sums = (whole["point"], whole["changed"], whole["changed"] - whole["point"], *parts)
    table.add_section()
    table.add_row("in all", *(f"{value / 1e6:,.2f}M" if abs(value) >= 1e6 else f"{value:,.0f}" for value in sums))
    console.print(table)
