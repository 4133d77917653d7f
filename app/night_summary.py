"""What a night did, on one screen of the terminal; `gelir show` has the details."""

from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.commands import command, mlflow_ui, relative
from app.formats import MISSING, Formats
from data.outputs.catalogue import OUTPUTS
from data.store.views import Store, open_store, published_run_id, view
from flows.settings import Settings

N_ALERTS = 3


def show(console: Console, settings: Settings, run_id: str, readers_saw: str | None = None) -> None:
    """Print what a published night read, trained, chose and found, and three commands that show more.

    ``readers_saw`` is the run that readers saw before: a note follows when it is of another company or a later date.
    """
    with open_store(settings.scores_url) as store:
        run = view(store, "runs", where={"run_id": run_id}).iloc[0]
        if not run["current"]:
            console.print(f"{run_id} was published before, nothing was changed; readers see {published_run_id(store)}")
            console.print(f"to publish it again: [bold]{command(f'gelir rollback {run_id}')}[/]", highlight=False)
            return
        formats = Formats.from_settings(settings)
        views = {table.name: view(store, table.name) for table in OUTPUTS}
        as_of = formats.day(run["as_of"])
        console.print(f"\n[bold]{run['company']}[/] as of [bold]{as_of}[/]: published as {run_id}", highlight=False)
        console.print(models_table(views["model_results"], formats))
        facts = Table.grid(padding=(0, 2))
        for name, text in _facts(run, views, formats):
            facts.add_row(f"[bold]{name}[/]", text)
        console.print(facts, highlight=False)
        _print_alerts(console, views["alerts"], formats)
        _note_replaced(console, store, run, readers_saw)
    console.print()
    for line in _details(settings):
        console.print(line, highlight=False, soft_wrap=True)


def models_table(results: pd.DataFrame, formats: Formats) -> Table:
    """One line per model: the version that scores and its loss out of time beside the baseline's, or the abstention."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("model", "version", "scores by", "out of time"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in results.to_dict("records"):
        if isinstance(row["abstained"], str):
            table.add_row(str(row["model"]), MISSING, "abstains", row["abstained"])
            continue
        values = f"{row['metric']} {formats.number(row['value'])}, baseline {formats.number(row['baseline_value'])}"
        table.add_row(str(row["model"]), f"v{row['version']}", str(row["ships"]), values)
    return table


def _facts(run: pd.Series, views: dict[str, pd.DataFrame], formats: Formats) -> list[tuple[str, str]]:
    """Names and sentences of what was read, scored, chosen and found."""
    count = formats.count
    accounts, actions = views["account_scores"], views["next_best_actions"]
    chosen = ", ".join(f"{name} {count(rows)}" for name, rows in actions["action"].value_counts().items())
    holdout = int(actions["holdout"].fillna(False).sum())
    return [
        ("read", f"{count(run['rows_read'])} rows, {_quarantine(run, views['quarantined'], formats)}"),
        ("scored", f"{count(len(accounts))} accounts ({count(accounts['churn'].notna().sum())} with a churn"
                   f" probability), {count(len(views['subscription_scores']))} subscriptions,"
                   f" {count(len(views['opportunity_scores']))} deals, {count(len(views['contact_scores']))} contacts"),
        ("actions", f"{chosen}; {count(holdout)} withheld (holdout)"),
        ("campaigns", f"{count(len(views['campaign_targets']))} targets"),
        ("forecast", _forecast(views["revenue_forecast"], formats)),
        ("leaks", f"{count(len(views['leaks']))}, {formats.money(views['leaks']['money'].sum())}"),
    ]  # fmt: skip


def _quarantine(run: pd.Series, reasons: pd.DataFrame, formats: Formats) -> str:
    rows = int(run["rows_quarantined"])
    if not rows or reasons.empty:
        return f"{formats.count(rows)} in quarantine"
    most = reasons.sort_values(["rows", "table_name"], ascending=[False, True]).iloc[0]
    share = formats.percent(rows / run["rows_read"])
    largest = f"{most['table_name']}: {most['reason']} ({formats.count(most['rows'])})"
    return f"{formats.count(rows)} in quarantine ({share}), most of {largest}"


def _forecast(rows: pd.DataFrame, formats: Formats) -> str:
    """The next complete months of the whole company, with the interval of the first."""
    months = rows[(rows["node"] == "total") & (rows["grain"] == "month") & rows["point"].notna()].sort_values("period")
    if months.empty:
        return "none"
    following = months.iloc[min(1, len(months) - 1)]
    interval = f"80 %: {formats.money(following['low_80'])} to {formats.count(following['high_80'])}"
    total = formats.money(months["point"].sum())
    month = formats.month(following["period"])
    return f"{formats.money(following['point'])} in {month} ({interval}); {total} in {len(months)} months"


def _print_alerts(console: Console, alerts: pd.DataFrame, formats: Formats) -> None:
    rows = alerts.sort_values(["severity", "first_seen"], ascending=[True, False], kind="stable")
    for row in rows.head(N_ALERTS).to_dict("records"):
        text = f"[yellow]alert[/]      {row['subject']}, since {formats.day(row['first_seen'])}: {row['evidence']}"
        console.print(text, highlight=False, no_wrap=True, overflow="ellipsis")
    if len(rows) > N_ALERTS:
        console.print(f"           {len(rows) - N_ALERTS} more alerts: {command('gelir show alerts')}", highlight=False)


def _note_replaced(console: Console, store: Store, run: pd.Series, readers_saw: str | None) -> None:
    """Print a note where readers saw another company, or a later date, until now: few would expect the change."""
    earlier = view(store, "runs", where={"run_id": readers_saw}) if readers_saw is not None else pd.DataFrame()
    if earlier.empty:
        return
    before = earlier.iloc[0]
    if before["company"] != run["company"] or before["as_of"] > run["as_of"]:
        console.print(
            f"[yellow]until now readers saw {before['company']} as of {before['as_of']}[/]; "
            f"to go back: [bold]{command(f'gelir rollback {readers_saw}')}[/]",
            highlight=False,
        )


def _details(settings: Settings) -> list[str]:
    """Commands that show more: the actions, the experiments, the scoring database in SQL."""
    query = "SELECT * FROM next_best_actions LIMIT 5"
    if settings.scores_url.startswith("sqlite"):
        database = f"sqlite3 {relative(Path(settings.scores_url.removeprefix('sqlite:///')))} '{query}'"
    else:
        database = f"psql {settings.scores_url.split('@')[-1]} -c '{query}'"
    return [command("gelir show next_best_actions"), mlflow_ui(settings), database]
