"""Training: a challenger for every model; whether it scores is decided as in the night."""

from datetime import date

from prefect import flow

from data.store.lock import night_lock
from data.store.views import open_store
from flows.run import Run
from flows.settings import Settings, load_settings
from flows.tasks import prepare_snapshot, train, two_task_threads
from flows.worker_pool import worker_pool
from flows.worker_tasks import import_models


@flow(name="training", validate_parameters=False, task_runner=two_task_threads())
def training(as_of: date | None = None, settings: Settings | None = None) -> str:
    """Train and evaluate a challenger for every model; a champion changes only when beaten. Returns the run's id."""
    run = Run.begin(as_of, settings or load_settings(), purpose="train")
    # Under the night's lock: champions must not change while a night scores.
    with night_lock(open_store(run.settings.scores_url)), worker_pool(import_models):
        train(run, prepare_snapshot(run), always=True)  # each challenger also gets its folds and figures
    return run.id
