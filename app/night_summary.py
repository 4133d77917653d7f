"""What a night leaves on the terminal: what was read, kept out, scored and published, and how to look at it."""

import shutil
import sys
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from app.published_tables import cell, store
from data.lake import Lake
from data.outputs.catalogue import OUTPUTS
from data.outputs.score_tables import MODEL_RESULTS
from data.store.views import Store, published_run_id, view
from flows.settings import Settings

REASONS_SHOWN = 6
ALERTS_SHOWN = 5


def show(console: Console, settings: Settings, run_id: str, before: str | None = None) -> None:
    """The published night as short tables, then the three commands that show it.

    ``before`` is the run that readers saw when the night began: they are told when it is of another company, or later.
    """
    scores = store(settings)
    run = view(scores, "runs", where={"run_id": run_id}).iloc[0]
    if not run["current"]:
        seen = published_run_id(scores)
        console.print(f"{run_id} was published before and nothing was changed; readers see {seen}")
        console.print(f"to show it to them: [bold]{command(f'gelir rollback {run_id}')}[/]", highlight=False)
        return
    views = {table.name: view(scores, table.name) for table in OUTPUTS}
    console.print()
    console.print(f"[bold]{run['company']}[/] as of [bold]{run['as_of']}[/]: {run['status']} as {run_id}")
    console.print(_read(int(run["rows_read"]), int(run["rows_quarantined"]), views.pop("quarantined")))
    console.print(_models(views.pop("model_results")))
    alerts = views["alerts"]
    console.print(_published(views))
    if len(alerts):
        console.print(_alerts(alerts))
    _tell_replaced(console, scores, run, before)
    console.print(_commands(settings))


def _tell_replaced(console: Console, scores: Store, run: pd.Series, before: str | None) -> None:
    """Say so where readers saw another company, or a later date, until now: few would expect it."""
    earlier = view(scores, "runs", where={"run_id": before}) if before is not None else pd.DataFrame()
    if earlier.empty:
        return
    was = earlier.iloc[0]
    if was["company"] != run["company"] or was["as_of"] > run["as_of"]:
        console.print(
            f"[yellow]until now readers saw {was['company']} as of {was['as_of']}[/]; "
            f"to go back: [bold]{command(f'gelir rollback {before}')}[/]",
            highlight=False,
        )


def show_learnt(console: Console, settings: Settings, run_id: str) -> None:
    """What a training brought, model by model."""
    lake = Lake(settings.lake)
    steps = sorted((lake.root / run_id).glob("train_*"))
    results = pd.concat([lake.step(run_id, step.name).frame("result") for step in steps], ignore_index=True)
    console.print(_models(results[list(MODEL_RESULTS.by_name)]))
    for row in results.dropna(subset=["verdict"]).itertuples():
        console.print(f"[bold]{row.model}[/]: {row.verdict}", highlight=False)
    for step in steps:
        found = lake.step(run_id, step.name)
        if "tuning" in found.tables:
            console.print(str(found.frame("tuning")["says"].iloc[0]), highlight=False)
    console.print(f"look closer: [bold]{mlflow_ui(settings)}[/]", highlight=False)


def show_replayed(console: Console, settings: Settings, replayed: str, run_id: str) -> None:
    """How the scores that were made again differ from those of the run."""
    step = Lake(settings.lake).step(run_id, "compare")
    table = RichTable("scores", "published", "made again", "differing", title=f"replay of {replayed}")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in step.frame("compared").to_dict("records"):
        told = [f"{row[name]:,}" if pd.notna(row[name]) else "not kept" for name in ("published", "made", "differing")]
        table.add_row(str(row["table_name"]), *told)
    console.print(table)
    console.print(f"they lie in {near(Lake(settings.lake).root / run_id / 'score')}; nothing was published")


def _read(rows: int, kept_out: int, reasons: pd.DataFrame) -> RichTable:
    share = kept_out / rows if rows else 0.0
    title = f"read {rows:,} rows; {kept_out:,} in quarantine ({share:.1%})"
    table = RichTable("table", "rows", "kept out because", title=title, title_justify="left")
    table.columns[1].justify = "right"
    shown = reasons.sort_values(["rows", "table_name"], ascending=[False, True])
    for row in shown.head(REASONS_SHOWN).itertuples():
        table.add_row(str(row.table_name), f"{row.rows:,}", str(row.reason))
    if len(shown) > REASONS_SHOWN:
        table.add_row(
            "…", f"{shown['rows'].iloc[REASONS_SHOWN:].sum():,}", f"{len(shown) - REASONS_SHOWN} more reasons"
        )
    return table


def _models(results: pd.DataFrame) -> RichTable:
    table = RichTable("model", "version", "ships", "judged out of time", title="models", title_justify="left")
    for row in results.itertuples():
        if isinstance(row.abstained, str):
            table.add_row(str(row.model), "", "abstains", str(row.abstained))
            continue
        judged = f"{row.metric} {cell(row.value)} against {cell(row.baseline_value)} of {row.baseline}"
        if row.ships == "baseline":
            judged += ": not better by more than luck"
        table.add_row(str(row.model), f"v{row.version}", str(row.ships), judged)
    return table


def _published(views: dict[str, pd.DataFrame]) -> RichTable:
    table = RichTable("view", "rows", "", title="published", title_justify="left")
    table.columns[1].justify = "right"
    for name, rows in views.items():
        table.add_row(name, f"{len(rows):,}", _note(name, rows))
    return table


def _alerts(alerts: pd.DataFrame) -> RichTable:
    table = RichTable("about", "first seen", "what left its band, and what to do", title="alerts", title_justify="left")
    shown = alerts.sort_values(["severity", "first_seen"], ascending=[True, False], kind="stable")
    for row in shown.head(ALERTS_SHOWN).itertuples():
        table.add_row(str(row.about), str(row.first_seen), f"{row.evidence}\n[bold]→[/] {row.suggestion}")
    if len(shown) > ALERTS_SHOWN:
        table.add_row("…", "", f"{len(shown) - ALERTS_SHOWN} more: {command('gelir show alerts')}")
    return table


def _note(view: str, rows: pd.DataFrame) -> str:
    if view == "next_best_actions" and len(rows):
        return ", ".join(f"{action} {count:,}" for action, count in rows["action"].value_counts().items())
    if view == "leaks" and len(rows):
        return f"{rows['money'].sum():,.0f} in money"
    if view == "account_scores" and len(rows):
        return f"{rows['churn'].notna().sum():,} with a churn probability, {rows['upsell'].notna().sum():,} with upsell"
    return ""


def _commands(settings: Settings) -> RichTable:
    table = RichTable.grid(padding=(0, 2))
    table.add_row("look at it:", command("gelir show next_best_actions"))
    table.add_row("", mlflow_ui(settings))
    if settings.scores_url.startswith("sqlite"):
        place = near(Path(settings.scores_url.removeprefix("sqlite:///")))
        table.add_row("", f"sqlite3 {place} 'SELECT * FROM next_best_actions LIMIT 5'")
    else:
        table.add_row("", f"psql {settings.scores_url.split('@')[-1]} -c 'SELECT * FROM next_best_actions LIMIT 5'")
    return table


def mlflow_ui(settings: Settings) -> str:
    """The command that shows the experiments."""
    database = near(settings.path(settings.mlruns) / "mlflow.db")
    return command(f"mlflow ui --backend-store-uri sqlite:///{database} --workers 1")


def command(line: str) -> str:
    """A command line that works where it is typed: the program's folder before it, unless the shell would find it."""
    program = line.split()[0]
    if shutil.which(program):
        return line
    return f"{near(Path(sys.executable).parent)}/{line}"


def near(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
