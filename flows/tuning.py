"""Tuning: a search for better parameters of one model within a budget; the winner is a challenger like any other."""

from datetime import date

from prefect import flow

from data.errors import SettingsError
from data.store.lock import exclusive
from data.store.views import open_store
from flows.run import Run
from flows.settings import Settings, load
from flows.tasks import read, resolve, tune_one, two_at_once, validate
from models.evaluation.cross_validation import Studied
from models.registry import MODELS
from models.training.tuning import Budget


@flow(name="tuning", validate_parameters=False, task_runner=two_at_once())
def tuning(model: str, budget: Budget, as_of: date | None = None, settings: Settings | None = None) -> str:
    """Search, train with what was found, and meet the champion; nothing is published. Returns the run's id."""
    able = [each.name for each in MODELS if isinstance(each, Studied)]
    if model not in able:
        known = model in [each.name for each in MODELS]
        what = f"{model} has nothing to tune" if known else f"there is no model '{model}'"
        raise SettingsError(what, where="gelir tune", remedy=f"name one of {', '.join(able)}")
    told: dict[str, object] = {"model": model, "trials": budget.trials, "minutes": budget.minutes}
    run = Run.begin(as_of, settings or load(), purpose="tune", also=told)
    with exclusive(open_store(run.settings.scores_url)):  # a night would meet champions that change under it
        crm = read(run)
        clean = validate(run, crm)
        golden = resolve(run, clean)
        tune_one(run, golden, model, budget)
    return run.id
