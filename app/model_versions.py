"""Versions of models on the terminal: two side by side, all of one model, and choosing the one that scores."""

from datetime import date
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as RichTable

from app.published_tables import cell, store
from data.errors import SettingsError, TrackingError
from data.mapping.mapping import load_mapping
from data.store import views as scoring
from flows.settings import Settings
from models.model import Model
from models.registry import MODELS
from models.training.comparison import Comparison, nights
from models.training.comparison import compare as compared
from models.training.tracking import Tracking


def compare(console: Console, settings: Settings, model: str, first: str | None, second: str | None) -> None:
    """Two versions side by side."""
    found = compared(tracking(settings), scoring.runs(store(settings)), named(model).name, first, second)
    console.print(_head(found))
    console.print(_metrics(found))
    if len(found.params):
        table = RichTable("parameter", *_numbers(found), title="parameters that differ", title_justify="left")
        for name, one, two in found.params.itertuples(index=False):
            table.add_row(str(name), cell(one), cell(two))
        console.print(table)
    for words, features in (("added", found.added), ("removed", found.removed)):
        console.print(f"features {words}: {', '.join(features) or 'none'}", highlight=False)
    console.print(_judged(found), highlight=False)


def champions(console: Console, settings: Settings, model: str) -> None:
    """Every version of a model, the latest first; an arrow marks the one that scores."""
    kept, runs = tracking(settings), scoring.runs(store(settings))
    table = RichTable("", title=f"versions of {named(model).name}", title_justify="left")
    for column in ("version", "learnt as of", "ships", "judged out of time", "scored", "what became of it"):
        table.add_column(column, overflow="fold")
    for version in kept.versions(model):
        mark = "→ pinned" if version.champion and version.pinned else "→" if version.champion else ""
        judged = f"{version.evaluation['metric']} {cell(version.evaluation['value'])} ({version.skill:.1%} saved)"
        scored = _days(nights(runs, kept.company, model, version.number))
        table.add_row(
            mark, f"v{version.number}", str(version.trained_as_of), version.ships, judged, scored, version.verdict
        )
    console.print(table)


def choose(console: Console, settings: Settings, model: str, version: str) -> None:
    """Make a version the one that scores, and hold it. Raises ``TrackingError`` where it cannot score today."""
    kept, number = tracking(settings), version.removeprefix("v")
    chosen = kept.version(named(model).name, number)
    if chosen.features_hash != named(model).features_hash:
        able = [v.number for v in kept.versions(model) if v.features_hash == named(model).features_hash]
        raise TrackingError(
            f"version {number} of {model} was made on other features than today's: it cannot score",
            where=f"{kept.name(model)} in {kept.uri}",
            remedy=f"name one of {', '.join(able)}" if able else "train it again: gelir train",
        )
    kept.pin(model, number)
    console.print(
        f"[bold]{model} v{number}[/] scores from the next night on, and is held: challengers are trained and judged, "
        f"but none takes its place until [bold]gelir champion {model} --release[/]"
    )


def release(console: Console, settings: Settings, model: str) -> None:
    """Let challengers take the place of a held version."""
    tracking(settings).unpin(named(model).name)
    console.print(f"the champion of [bold]{model}[/] is held no more: a better challenger takes its place")


def tracking(settings: Settings) -> Tracking:
    """The model store of the company of the settings."""
    company = settings.company or load_mapping(settings.mapping).name
    return Tracking(settings.path(settings.mlruns), company)


def named(model: str) -> Model:
    """The model of a name. Raises ``SettingsError`` that names those there are."""
    there = {each.name: each for each in MODELS}
    if model not in there:
        raise SettingsError(
            f"there is no model '{model}'", where="the command line", remedy=f"name one of {', '.join(there)}"
        )
    return there[model]


def _numbers(found: Comparison) -> tuple[str, str]:
    return f"v{found.first.number}", f"v{found.second.number}"


def _head(found: Comparison) -> RichTable:
    table = RichTable("", *_numbers(found), title=f"{found.first.model}: two versions", title_justify="left")
    pair = (found.first, found.second)
    rows: dict[str, list[str]] = {
        "learnt as of": [str(each.trained_as_of) for each in pair],
        "data": [each.provenance.data_hash or "not recorded" for each in pair],
        "code": [each.provenance.commit[:12] or each.provenance.code[:12] or "not recorded" for each in pair],
        "run": [each.provenance.run_id for each in pair],
        "ships": [each.ships for each in pair],
        "champion": [_standing(each) for each in pair],
        "scored": [_days(found.nights[each.number]) for each in pair],
    }
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _standing(version: Any) -> str:
    if version.champion:
        return "now, pinned" if version.pinned else "now"
    return f"once, by {version.champion_by}" if version.champion_by else "never"


def _metrics(found: Comparison) -> RichTable:
    table = RichTable("metric", *_numbers(found), title="out of time, with 95 % intervals", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in found.metrics.to_dict("records"):
        table.add_row(str(row["metric"]), *(_bounded(row, place) for place in ("first", "second")))
    return table


def _bounded(row: dict[Any, Any], place: str) -> str:
    value, low, high = (row[name] for name in (place, f"{place}_low", f"{place}_high"))
    return cell(value) if pd.isna(low) else f"{cell(value)} ({cell(low)} to {cell(high)})"


def _judged(found: Comparison) -> str:
    if found.paired is None:
        return f"no paired difference: {found.compared_on}"
    one, two = _numbers(found)
    duel = found.paired
    if duel.low == duel.high == 0:
        return f"paired on {duel.rows:,} rows ({found.compared_on}): {two} loses on every row what {one} does"
    return (
        f"paired on {duel.rows:,} rows ({found.compared_on}): {two} has {abs(duel.gain):.4f} "
        f"{'less' if duel.gain >= 0 else 'more'} loss a row than {one} (95 %: {-duel.high:+.4f} to {-duel.low:+.4f}), "
        f"and the lower one in {duel.win_share:.0%} of resamples"
    )


def _days(days: list[date]) -> str:
    if not days:
        return "no night"
    return f"{len(days)} night{'s' if len(days) > 1 else ''}, {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
