"""The night: every customer scored as of a date, one next best action chosen for each, and published."""

from datetime import date

from data.store import exclusive, open_store
from prefect import flow

from flows.run import Run
from flows.settings import Settings, load
from flows.steps import (
    Published,
    already_published,
    decide,
    engineer,
    learn,
    publish,
    read,
    report,
    resolve,
    score,
    validate,
)


@flow(name="nightly", log_prints=False, validate_parameters=False)
def nightly(as_of: date | None = None, settings: Settings | None = None, attempt: int = 1) -> Published:
    """Score every customer as of a date, choose one next best action for each, and publish."""
    run = Run.begin(as_of, settings or load(), attempt=attempt)
    store = open_store(run.settings.scores_url)
    with exclusive(store):
        if (before := already_published(run, store)) is not None:
            return before

        crm = read(run)  # source → contract tables, as known at the date
        clean = validate(run, crm)  # quarantines rows; stops the night on a broken promise
        golden = resolve(run, clean)  # one record per person and company
        known = engineer(run, golden)  # features as of the date
        learnt = learn(run, golden)  # champions; a challenger takes a place only by being better
        scores = score(run, golden, known, learnt)  # each model may abstain
        chosen = decide(run, golden, known, scores)  # one action per customer, within the limits
        reports = report(run, golden)  # KPIs and leaks
        return publish(run, store, crm, clean, scores, chosen, reports)  # write, audit, publish
