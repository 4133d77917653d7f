"""A night without Prefect: the same steps, called one after the other."""

from datetime import date

from data.lake import Step
from data.store.views import open_store
from flows import tasks as steps
from flows.run import Run
from flows.settings import Settings
from models.registry import MODELS


def plain_night(settings: Settings, as_of: date, *, publishing: bool = True) -> tuple[Run, dict[str, Step]]:
    """The run and its finished steps by name."""
    run = Run.begin(as_of, settings)
    crm = steps.read.fn(run)
    clean = steps.validate.fn(run, crm)
    golden = steps.resolve.fn(run, clean)
    known = steps.engineer.fn(run, golden)
    every = tuple(model.name for model in MODELS)
    learnt = steps.learn_some.fn(run, golden, every, {})
    store = open_store(settings.scores_url)
    earlier = steps.earlier_number(run, store)
    before = {} if earlier is None else earlier.versions
    scores = steps.gather.fn(run, golden, known, learnt, steps.score_some.fn(run, golden, every, learnt, before))
    chosen = steps.decide.fn(run, golden, known, scores)
    reports = steps.report.fn(run, store, golden, known, scores)
    finished = [crm, clean, golden, known, scores, chosen, reports]
    if publishing:
        steps.publish.fn(run, store, finished)
    return run, {step.name: step for step in finished}
