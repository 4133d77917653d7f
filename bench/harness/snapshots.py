"""A company as known at a date, read through the night's own steps, and what a model trained on it scores."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pandas as pd

from features.company import Company
from flows import tasks
from flows.run import Run
from flows.settings import Settings
from models.model import Abstention, Model

MAX_SOURCE_AGE_DAYS = 100_000
"""Public data are always old: no source counts as stale."""


@contextmanager
def temporary_settings(mapping: str, source: Path) -> Iterator[Settings]:
    """Settings of a company with its lake in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        yield Settings(root=Path(folder), mapping=mapping, source=str(source.resolve()), stale_days=MAX_SOURCE_AGE_DAYS)


def company_at(settings: Settings, as_of: date) -> Company:
    """The company of the settings as known at a date, through the night's steps read, validate and resolve."""
    run = Run.begin(as_of, settings)
    return run.snapshot(tasks.resolve.fn(run, tasks.validate.fn(run, tasks.read.fn(run))))


def trained_scores(model: Model, company: Company) -> tuple[dict[str, pd.DataFrame], str] | Abstention:
    """The tables that a model scores right after it is trained on a company, and what ships: *model* or *baseline*."""
    challenger = model.train(company)
    if isinstance(challenger, Abstention):
        return challenger
    scored = model.score(company, challenger.as_champion("1"))
    return scored if isinstance(scored, Abstention) else (scored, challenger.evaluation.ships)
