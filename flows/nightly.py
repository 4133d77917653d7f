"""The night: every customer scored as of a date, one next best action chosen for each, and published."""

from datetime import date

from prefect import flow

from data.store.views import open_store
from flows.run import Run
from flows.run_record import night_guard
from flows.settings import Settings, load_settings
from flows.tasks import decide, engineer, publish, read, report, resolve, score, train, two_task_threads, validate


@flow(name="nightly", validate_parameters=False, task_runner=two_task_threads())
def nightly(as_of: date | None = None, settings: Settings | None = None, attempt: int = 1) -> str:
    """Score every customer as of a date, choose one next best action for each, and publish. Returns the run's id."""
    run = Run.begin(as_of, settings or load_settings(), attempt=attempt)
    store = open_store(run.settings.scores_url)

    with night_guard(run, store):  # one night at a time; a night that stops records the reason
        crm = read(run)  # source → contract tables, as known at the date
        clean = validate(run, crm)  # quarantines rows; stops the night on a broken key table
        golden = resolve(run, clean)  # one record per person and company
        engineering = engineer.submit(run, golden)  # features as of the date, while models train
        models = train(run, golden)  # challengers where one is due; champions are chosen
        features = engineering.result()
        scores = score(run, golden, features, models)  # the champions; each may abstain
        deciding = decide.submit(run, golden, features, scores)  # one action per customer, within the limits
        reports = report(run, store, golden, features, scores)  # KPIs, leaks, outcomes of past scores, alerts
        publish(run, store, [crm, clean, scores, deciding.result(), reports])  # write, audit, publish
    return run.id
