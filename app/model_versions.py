"""Versions of models on the terminal: two side by side, all of one model, and pinning the one that scores."""

from collections.abc import Hashable, Mapping
from datetime import date

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.formats import Formats, is_missing
from data.errors import SettingsError, TrackingError
from data.mapping.mapping import load_mapping
from data.store.views import open_store, runs
from flows.settings import Settings
from models.model import Model
from models.registry import MODELS
from models.training.comparison import Comparison, nights
from models.training.comparison import compare as compare_versions
from models.training.tracking import Tracking
from models.training.versions import Version


def compare(console: Console, settings: Settings, model: str, first: str | None, second: str | None) -> None:
    """Print two versions of a model side by side."""
    with open_store(settings.scores_url) as store:
        records = runs(store)
    formats = Formats.from_settings(settings)
    comparison = compare_versions(_tracking(settings), records, _model(model).name, first, second)
    console.print(_origins(comparison))
    console.print(_metrics(comparison, formats))
    if len(comparison.params):
        table = Table("parameter", *_numbers(comparison), title="parameters that differ", title_justify="left")
        for name, one, two in comparison.params.itertuples(index=False):
            table.add_row(str(name), formats.value(one), formats.value(two))
        console.print(table)
    for title, features in (("added", comparison.added), ("removed", comparison.removed)):
        console.print(f"features {title}: {', '.join(features) or 'none'}", highlight=False)
    console.print(_paired_difference(comparison, formats), highlight=False)


def list_versions(console: Console, settings: Settings, model: str) -> None:
    """Print every version of a model, the latest first; an arrow marks the one that scores."""
    tracking, formats = _tracking(settings), Formats.from_settings(settings)
    with open_store(settings.scores_url) as store:
        records = runs(store)
    table = Table("", title=f"versions of {_model(model).name}", title_justify="left", box=SIMPLE_HEAD)
    for column in ("version", "trained as of", "scores by", "out of time", "scored", "verdict"):
        table.add_column(column, overflow="fold")
    for version in tracking.versions(model):
        mark = "→ pinned" if version.champion and version.pinned else "→" if version.champion else ""
        loss = f"{version.evaluation['metric']} {formats.value(version.evaluation['value'])}"
        skill = f"{formats.percent(version.skill)} below the baseline"
        scored = _nights(nights(records, tracking.company, model, version.number))
        trained = str(version.trained_as_of)
        table.add_row(mark, f"v{version.number}", trained, version.ships, f"{loss}, {skill}", scored, version.verdict)
    console.print(table)


def pin(console: Console, settings: Settings, model: str, version: str) -> None:
    """Make a version the one that scores, and pin it. Raises ``TrackingError`` where it cannot score today."""
    tracking, number = _tracking(settings), version.removeprefix("v")
    chosen = tracking.version(_model(model).name, number)
    features_hash = _model(model).features_hash
    if chosen.features_hash != features_hash:
        able = [version.number for version in tracking.versions(model) if version.features_hash == features_hash]
        raise TrackingError(
            f"version {number} of {model} was trained on other features than today's: it cannot score",
            where=f"{tracking.name(model)} in {tracking.uri}",
            remedy=f"name one of {', '.join(able)}" if able else "train it again: gelir train",
        )
    tracking.pin(model, number)
    console.print(
        f"[bold]{model} v{number}[/] scores from the next night on and is pinned: challengers are trained and"
        f" evaluated, but none becomes champion until [bold]gelir champion {model} --release[/]"
    )


def release(console: Console, settings: Settings, model: str) -> None:
    """Unpin the champion of a model."""
    _tracking(settings).unpin(_model(model).name)
    console.print(f"the champion of [bold]{model}[/] is no longer pinned: a better challenger becomes champion")


def _tracking(settings: Settings) -> Tracking:
    """The model store of the company of the settings."""
    company = settings.company or load_mapping(settings.mapping).name
    return Tracking(settings.path(settings.mlruns), company)


def _model(name: str) -> Model:
    """The model of a name. Raises ``SettingsError`` that names all models."""
    models = {model.name: model for model in MODELS}
    if name not in models:
        raise SettingsError(
            f"there is no model '{name}'", where="the command line", remedy=f"name one of {', '.join(models)}"
        )
    return models[name]


def _numbers(comparison: Comparison) -> tuple[str, str]:
    return f"v{comparison.first.number}", f"v{comparison.second.number}"


def _origins(comparison: Comparison) -> Table:
    """What the two versions were trained on, and when they scored."""
    title = f"{comparison.first.model}: two versions"
    table = Table("", *_numbers(comparison), title=title, title_justify="left", box=SIMPLE_HEAD)
    pair = (comparison.first, comparison.second)
    origins = [version.provenance for version in pair]
    rows: dict[str, list[str]] = {
        "trained as of": [str(version.trained_as_of) for version in pair],
        "data": [origin.data_hash or "not recorded" for origin in origins],
        "code": [origin.commit[:12] or origin.code[:12] or "not recorded" for origin in origins],
        "run": [origin.run_id for origin in origins],
        "scores by": [version.ships for version in pair],
        "champion": [_standing(version) for version in pair],
        "scored": [_nights(comparison.nights[version.number]) for version in pair],
    }
    for name, values in rows.items():
        table.add_row(name, *values)
    return table


def _standing(version: Version) -> str:
    if version.champion:
        return "now, pinned" if version.pinned else "now"
    return f"former, by {version.champion_by}" if version.champion_by else "never"


def _metrics(comparison: Comparison, formats: Formats) -> Table:
    title = "out of time, with 95 % intervals"
    table = Table("metric", *_numbers(comparison), title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in comparison.metrics.to_dict("records"):
        table.add_row(str(row["metric"]), *(_with_interval(row, version, formats) for version in ("first", "second")))
    return table


def _with_interval(row: Mapping[Hashable, object], version: str, formats: Formats) -> str:
    value, low, high = (row[name] for name in (version, f"{version}_low", f"{version}_high"))
    if is_missing(low):
        return formats.value(value)
    return f"{formats.value(value)} ({formats.value(low)} to {formats.value(high)})"


def _paired_difference(comparison: Comparison, formats: Formats) -> str:
    """Which version has the lower loss on the rows that evaluated both."""
    paired = comparison.paired
    if paired is None:
        return f"no paired difference: {comparison.compared_on}"
    one, two = _numbers(comparison)
    rows = f"paired on {formats.count(paired.rows)} rows ({comparison.compared_on})"
    if paired.low == paired.high == 0:
        return f"{rows}: {two} has the loss of {one} on every row"
    return (
        f"{rows}: {two} has {abs(paired.gain):.4f} {'less' if paired.gain >= 0 else 'more'} loss a row than {one}"
        f" (95 %: {-paired.high:+.4f} to {-paired.low:+.4f}), and the lower one in"
        f" {formats.percent(paired.win_share)} of resamples"
    )


def _nights(days: list[date]) -> str:
    if not days:
        return "no night"
    return f"{len(days)} night{'s' if len(days) > 1 else ''}, {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
