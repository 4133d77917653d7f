"""Tuning: a search for better parameters of one model within a budget; the best are a challenger like any other."""

from datetime import date

from prefect import flow

from data.errors import SettingsError
from data.store.lock import night_lock
from data.store.views import open_store
from flows.run import Run
from flows.settings import Settings, load_settings
from flows.tasks import prepare_snapshot, tune_model, two_task_threads
from models.evaluation.cross_validation import Tunable
from models.registry import MODELS
from models.training.tuning import Budget


@flow(name="tuning", validate_parameters=False, task_runner=two_task_threads())
def tuning(model: str, budget: Budget, as_of: date | None = None, settings: Settings | None = None) -> str:
    """Search, train with the best parameters, and meet the champion; nothing is published. Returns the run's id.

    Raises ``SettingsError`` for a model that does not exist or cannot be tuned.
    """
    tunable = [entry.name for entry in MODELS if isinstance(entry, Tunable)]
    if model not in tunable:
        exists = model in [entry.name for entry in MODELS]
        what = f"{model} has nothing to tune" if exists else f"there is no model '{model}'"
        raise SettingsError(what, where="gelir tune", remedy=f"name one of {', '.join(tunable)}")
    search: dict[str, object] = {"model": model, "trials": budget.trials, "minutes": budget.minutes}
    run = Run.begin(as_of, settings or load_settings(), purpose="tune", extra=search)
    with night_lock(open_store(run.settings.scores_url)):  # champions must not change while a night scores
        tune_model(run, prepare_snapshot(run), model, budget)
    return run.id
