"""What a training, a tuning or a replay brought, on the terminal."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.commands import mlflow_ui, relative
from app.formats import Formats
from app.night_summary import models_table
from data.lake import Lake
from data.outputs.score_tables import MODEL_RESULTS
from flows.settings import Settings


def show_training(console: Console, settings: Settings, run_id: str) -> None:
    """Print for each model the version that scores, why it does, and what a search for parameters found."""
    lake = Lake(settings.lake)
    steps = [lake.step(run_id, path.name) for path in sorted((lake.root / run_id).glob("train_*"))]
    results = pd.concat([step.frame("result") for step in steps], ignore_index=True)
    console.print(models_table(results[list(MODEL_RESULTS.by_name)], Formats.from_settings(settings)))
    for row in results.dropna(subset=["verdict"]).itertuples():
        console.print(f"[bold]{row.model}[/]: {row.verdict}", highlight=False)
    for step in steps:
        if "tuning" in step.tables:
            console.print(str(step.frame("tuning")["says"].iloc[0]), highlight=False)
    console.print(f"details: [bold]{mlflow_ui(settings)}[/]", highlight=False, soft_wrap=True)


def show_replay(console: Console, settings: Settings, replayed: str, run_id: str) -> None:
    """Print how many rows of the replayed scores differ from those that the run published."""
    lake, formats = Lake(settings.lake), Formats.from_settings(settings)
    table = Table(title=f"replay of {replayed}", title_justify="left", box=SIMPLE_HEAD)
    for name in ("scores", "published", "replayed", "differing"):
        table.add_column(name, justify="left" if name == "scores" else "right")
    for row in lake.step(run_id, "compare").frame("compared").to_dict("records"):
        counts = [
            formats.count(row[name]) if pd.notna(row[name]) else "not kept"
            for name in ("published", "replayed", "differing")
        ]
        table.add_row(str(row["table_name"]), *counts)
    console.print(table)
    console.print(f"the replayed scores are in {relative(lake.root / run_id / 'score')}; nothing was published")
