"""A company as it was known at a date, read the way a night reads it: for benches that ask models directly."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from features.company import Company
from flows import tasks as steps
from flows.run import Run
from flows.settings import Settings

OLD = 100_000
"""Days after which a source is stale: history is measured here, which is always old."""


@contextmanager
def home(mapping: str, source: Path) -> Iterator[Settings]:
    """Settings of a company whose lake lies in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        yield Settings(root=Path(folder), mapping=mapping, source=str(source.resolve()), stale_days=OLD)


def company_at(settings: Settings, as_of: date) -> Company:
    """The company of the settings, of which nothing counts that became known at or after the date."""
    run = Run.begin(as_of, settings)
    golden = steps.resolve.fn(run, steps.validate.fn(run, steps.read.fn(run)))
    return run.snapshot(golden)
