"""Training: a challenger for every model as of a date. Nothing is published; no night runs beside it."""

from datetime import date

from prefect import flow

from data.store.lock import exclusive
from data.store.views import open_store
from flows.run import Run
from flows.settings import Settings, load
from flows.tasks import learn, read, resolve, two_at_once, validate
from flows.worker_pool import two_lanes


@flow(name="training", validate_parameters=False, task_runner=two_at_once())
def training(as_of: date | None = None, settings: Settings | None = None) -> str:
    """Train and judge a challenger for every model; a champion changes only when it is beaten. Returns the run's id."""
    run = Run.begin(as_of, settings or load(), purpose="train")
    with (
        exclusive(open_store(run.settings.scores_url)),
        two_lanes(),
    ):  # a night would meet champions that change under it
        crm = read(run)
        clean = validate(run, crm)
        golden = resolve(run, clean)
        learn(run, golden, always=True)  # each challenger studied as well
    return run.id
