"""Scenarios on the terminal: the published revenue forecast, and what it would be."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.formats import Formats
from data.errors import SettingsError, StoreError
from data.lake import Lake
from data.outputs.score_tables import REVENUE_COMPONENTS
from data.store.views import open_store, published_run_id, runs
from flows.settings import Settings
from reports.forecast.scenario import Changes, scenario


def show(console: Console, settings: Settings, *, price: float, churn: float, win: float, hiring: float) -> None:
    """Print the published forecast by month, what it would be, and which components change.

    Raises ``SettingsError`` for changes out of bounds, ``StoreError`` where no forecast with its drivers is published.
    """
    try:
        changes = Changes(price, churn, win, hiring)
    except ValueError as error:
        raise SettingsError(str(error), where="gelir scenario", remedy="name per cent, such as --churn 10") from error
    with open_store(settings.scores_url) as store:
        run_id, records = published_run_id(store), runs(store)
    scores = None if run_id is None else Lake(settings.lake).find_step(run_id, "score")
    if run_id is None or scores is None or "forecast_drivers" not in scores.tables:
        raise StoreError(
            "the published run has no revenue forecast whose drivers could be changed",
            where=store.name,
            remedy="run a night that forecasts revenue: gelir nightly",
        )
    as_of = pd.Timestamp(records.loc[records["run_id"] == run_id, "as_of"].iloc[0]).date()
    rows = scenario(scores.frame("forecast_line_items"), scores.frame("forecast_drivers"), changes, as_of)
    console.print(_table(rows, as_of, changes.description, Formats.from_settings(settings)))


def _table(rows: pd.DataFrame, as_of: object, changes: str, formats: Formats) -> Table:
    """One line per month, in the reporting currency, and their sums."""
    title = f"as of {as_of}, {changes}, in {formats.currency}; components are differences"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("month", "now", "then", "change", *REVENUE_COMPONENTS):
        table.add_column(name.replace("_", " "), justify="left" if name == "month" else "right")
    for row in rows.to_dict("records"):
        amounts = (row["point"], row["changed"], row["changed"] - row["point"], *(row[c] for c in REVENUE_COMPONENTS))
        table.add_row(f"{row['month']:%Y-%m}", *(formats.count(amount) for amount in amounts))
    total = rows[["point", "changed", *REVENUE_COMPONENTS]].sum()
    sums = (
        total["point"],
        total["changed"],
        total["changed"] - total["point"],
        *(total[c] for c in REVENUE_COMPONENTS),
    )
    table.add_section()
    table.add_row("total", *(_short(amount, formats) for amount in sums))
    return table


def _short(amount: float, formats: Formats) -> str:
    """An amount in millions from one million on."""
    return f"{formats.number(amount / 1e6)}M" if abs(amount) >= 1e6 else formats.count(amount)
