"""A night without Prefect: the same steps, called one after the other."""

from datetime import date

from data.lake import Step
from data.store.views import open_store
from flows import tasks
from flows.run import Run
from flows.settings import Settings
from models.registry import MODELS


def plain_night(settings: Settings, as_of: date, *, publishing: bool = True) -> tuple[Run, dict[str, Step]]:
    """The run and its finished steps by name."""
    run = Run.begin(as_of, settings)
    crm = tasks.read.fn(run)
    clean = tasks.validate.fn(run, crm)
    golden = tasks.resolve.fn(run, clean)
    features = tasks.engineer.fn(run, golden)
    names = tuple(model.name for model in MODELS)
    models = tasks.train_group.fn(run, golden, names, {})
    store = open_store(settings.scores_url)
    previous = tasks.previous_forecast(run, store)
    versions = {} if previous is None else previous.versions
    single = tasks.score_group.fn(run, golden, names, models, versions)
    scores = tasks.collect_scores.fn(run, golden, features, models, single)
    decided = tasks.decide.fn(run, golden, features, scores)
    reports = tasks.report.fn(run, store, golden, features, scores)
    finished = [crm, clean, golden, features, scores, decided, reports]
    if publishing:
        tasks.publish.fn(run, store, finished)
    return run, {step.name: step for step in finished}
