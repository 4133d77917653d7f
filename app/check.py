"""``gelir check``: each part of the settings tried for real, without reading a row."""

import os
from collections.abc import Callable

from rich.console import Console

from data.errors import GelirError
from data.mapping.binding import bind
from data.mapping.mapping import load_mapping
from data.source.open import open_source
from data.store.views import open_store
from flows.settings import Settings


def show(console: Console, settings: Settings) -> bool:
    """Print for each part of the settings whether it works, and the error where it does not. True when all work."""
    checks: dict[str, Callable[[], str]] = {
        "mapping": lambda: _mapping(settings),
        "source": lambda: _source(settings),
        "mapping on the source": lambda: _fit(settings),
        "scoring database": lambda: _store(settings),
        "folders": lambda: _folders(settings),
        "MLflow": lambda: _mlflow(settings),
    }
    results = [_try(console, name, check) for name, check in checks.items()]
    return all(results)


def _try(console: Console, name: str, check: Callable[[], str]) -> bool:
    try:
        console.print(f"[green]works[/]  {name}: {check()}", highlight=False)
    except GelirError as error:
        console.print(f"[red]broken[/] {name}: ", end="")
        console.print(str(error), markup=False, highlight=False)
        return False
    return True


def _mapping(settings: Settings) -> str:
    mapping = load_mapping(settings.mapping)
    zone, currency = settings.timezone or mapping.timezone, settings.currency or mapping.currency
    return f"{mapping.name}, {len(mapping.sql)} tables, days in {zone}, money in {currency}"


def _source(settings: Settings) -> str:
    source = open_source(settings.source_place)
    return f"{settings.source_place}, {len(source.tables)} tables"


def _fit(settings: Settings) -> str:
    tables = bind(open_source(settings.source_place), load_mapping(settings.mapping))
    return f"{', '.join(tables)} can be read"


def _store(settings: Settings) -> str:
    open_store(settings.scores_url)
    return settings.scores_url.split("@")[-1]


def _folders(settings: Settings) -> str:
    for folder in (settings.path(settings.var), settings.path(settings.mlruns)):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise GelirError(f"cannot write to {folder}", where=str(folder), remedy="allow it, or name another folder")
    return f"{settings.path(settings.var)} and {settings.path(settings.mlruns)} can be written"


def _mlflow(settings: Settings) -> str:
    from models.training.tracking import Tracking

    tracking = Tracking(settings.path(settings.mlruns), settings.company or load_mapping(settings.mapping).name)
    tracking.warm_up()
    return f"{tracking.uri}, models of {tracking.company}"
