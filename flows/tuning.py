"""Tuning: a search for better parameters of one model within a budget; the winner is a challenger like any other."""

from datetime import date

from prefect import flow

from data.errors import SettingsError
from flows.run import Run
from flows.settings import Settings, load
from flows.steps import read, resolve, tune_one, two_at_once, validate
from models import MODELS
from models.tuning import Budget


@flow(name="tuning", validate_parameters=False, task_runner=two_at_once())
def tuning(model: str, budget: Budget, as_of: date | None = None, settings: Settings | None = None) -> str:
    """Search, train with what was found, and meet the champion; nothing is published. Returns the run's id."""
    names = [each.name for each in MODELS]
    if model not in names:
        raise SettingsError(f"there is no model '{model}'", where="gelir tune", mend=f"name one of {', '.join(names)}")
    told: dict[str, object] = {"model": model, "trials": budget.trials, "minutes": budget.minutes}
    run = Run.begin(as_of, settings or load(), purpose="tune", also=told)
    crm = read(run)
    clean = validate(run, crm)
    golden = resolve(run, clean)
    tune_one(run, golden, model, budget)
    return run.id
