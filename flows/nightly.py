"""The night: every customer scored as of a date, one next best action chosen for each, and published."""

from datetime import date

from prefect import flow

from data.store.views import open_store
from flows.run import Run
from flows.settings import Settings, load
from flows.tasks import decide, engineer, guarded, learn, publish, read, report, resolve, score, two_at_once, validate


@flow(name="nightly", validate_parameters=False, task_runner=two_at_once())
def nightly(as_of: date | None = None, settings: Settings | None = None, attempt: int = 1) -> str:
    """Score every customer as of a date, choose one next best action for each, and publish. Returns the run's id."""
    run = Run.begin(as_of, settings or load(), attempt=attempt)
    store = open_store(run.settings.scores_url)

    with guarded(run, store):  # one night at a time; a night that stops says why
        crm = read(run)  # source → contract tables, as known at the date
        clean = validate(run, crm)  # quarantines rows; stops the night on a broken promise
        golden = resolve(run, clean)  # one record per person and company
        features = engineer.submit(run, golden)  # as of the date, while models learn
        learnt = learn(run, golden)  # a challenger takes the champion's place only by being better
        known = features.result()
        scores = score(run, golden, known, learnt)  # the champions; each may abstain
        chosen = decide.submit(run, golden, known, scores)  # one action per customer, within the limits
        reports = report(run, store, golden, known, scores)  # KPIs, leaks, what became of past scores, alerts
        publish(run, store, [crm, clean, scores, chosen.result(), reports])  # write, audit, publish
    return run.id
