"""What the scoring database keeps of a run besides its rows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd

from data.errors import StoreError
from data.store.lock import night_lock
from data.store.publish import RunRecord, record_stopped
from data.store.views import Store
from flows.run import Run
from flows.worker_pool import worker_pool
from flows.worker_tasks import import_models


@contextmanager
def night_guard(run: Run, store: Store) -> Iterator[None]:
    """Hold the night's lock and its worker processes; when the night stops, record that it did and the reason.

    The read step of a night that stopped before ``validate`` finished is removed, so that a corrected source is read
    again. A night that is killed keeps its steps and is resumed.
    """
    with night_lock(store), worker_pool(import_models):
        try:
            yield
        except Exception as stop:
            if run.lake.find_step(run.id, "read") is not None and run.lake.find_step(run.id, "validate") is None:
                run.lake.remove_run(run.id)
            try:
                record_stopped(store, run_record(run), reason=str(stop))
            except StoreError as unrecorded:
                stop.add_note(f"and the stop could not be recorded: {unrecorded}")
            raise


def run_record(run: Run) -> RunRecord:
    """The record of a run, from the steps that it has finished."""
    crm, clean, scores = (run.lake.find_step(run.id, name) for name in ("read", "validate", "score"))
    record = RunRecord(run.id, run.company, run.mapping.name, run.dates.as_of, run.started_at)
    if crm is not None:
        reading = crm.frame("reading")
        until = reading["data_until"].max()
        record = replace(record, rows_read=int(reading["known"].sum()), data_until=None if pd.isna(until) else until)
    if clean is not None:
        report = str(clean.folder / "docs" / "index.html")
        record = replace(record, rows_quarantined=len(clean.frame("quarantine")), validation_report=report)
    if scores is not None:
        results = scores.frame("model_results").dropna(subset=["version"])
        versions = dict(zip(results["model"], results["version"], strict=True))
        record = replace(record, model_versions=json.dumps(versions))
    return record
