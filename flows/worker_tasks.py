"""What is heavy in a night: plain functions that a process of ``flows.worker_pool`` can be asked for, by their names.

Models that learn from the same rows are a group: it shares one company, and what was made of it.
"""

from collections.abc import Mapping
from typing import Any

import actions.decide
import features.engineer
import models.scoring.score
import models.training.champion
from data.lake import Step
from flows.run import Run, code_commit, code_digest
from models.model import Model
from models.registry import MODELS
from models.training.champion import Terms
from models.training.tracking import Tracking, import_mlflow
from models.training.tuning import Budget

Group = tuple[str, ...]
"""Names of models that learn from the same rows."""


def get_ready() -> None:
    """Import what models learn with but this module does not: seconds that nothing should wait for later."""
    import_mlflow()


def engineer(run: Run, golden: Step) -> Step:
    """The step that holds the features of every account, contact and open deal as of the date."""
    return run.step("engineer", lambda draft: features.engineer.engineer(run.snapshot(golden), draft))


def groups(run: Run) -> list[Group]:
    """Names of models, together where they learn from the same rows. The model store is made where there is none:
    two groups that make it at once would break it.
    """
    _tracking(run).get_ready()
    together: dict[str, list[str]] = {}
    for model in MODELS:
        together.setdefault(model.rows, []).append(model.name)
    return [tuple(names) for names in together.values()]


def learn(run: Run, golden: Step, names: Group, asked: Mapping[str, Any]) -> list[Step]:
    """For every model of a group the step that says which version scores, and why."""
    company, tracking, terms = run.snapshot(golden), _tracking(run), _terms(run, asked)
    one = models.training.champion.train

    def learnt(model: Model) -> Step:
        return run.step(f"learn_{model.name}", lambda draft: one(model, company, tracking, terms, draft))

    return [learnt(model) for model in MODELS if model.name in names]


def tune(run: Run, golden: Step, name: str, budget: Budget) -> Step:
    """The step that says which version scores after a search for better parameters, and what was found."""
    (model,) = (model for model in MODELS if model.name == name)
    company, tracking, terms = run.snapshot(golden), _tracking(run), _terms(run, {"always": True})
    tuned = models.training.champion.train_tuned
    return run.step(f"learn_{name}", lambda draft: tuned(model, company, tracking, terms, budget, draft))


def score(run: Run, golden: Step, names: Group, learnt: list[Step], before: Mapping[str, str]) -> list[Step]:
    """For every model of a group the step that holds what its champion says; each may abstain. ``before``: the versions
    behind the earlier number.
    """
    company, tracking = run.snapshot(golden), _tracking(run)
    who = {step.name: step for step in learnt}
    one = models.scoring.score.score_one

    def scored(model: Model) -> Step:
        champion, was = who[f"learn_{model.name}"], before.get(model.name)
        return run.step(f"score_{model.name}", lambda draft: one(model, company, champion, tracking, draft, was))

    return [scored(model) for model in MODELS if model.name in names]


def gather(run: Run, golden: Step, known: Step, learnt: list[Step], scored: list[Step]) -> Step:
    """The step that holds the scores of all models as readers see them."""
    every = models.scoring.score.gather
    return run.step("score", lambda draft: every(run.snapshot(golden), known, learnt, scored, draft))


def decide(run: Run, golden: Step, known: Step, scores: Step) -> Step:
    """The step that holds one next best action for each customer, and the targets of campaigns."""
    chosen = actions.decide.decide
    return run.step("decide", lambda draft: chosen(run.snapshot(golden), known, scores, draft))


def _terms(run: Run, asked: Mapping[str, Any]) -> Terms:
    """The terms of a night: a challenger is trained where the champion is old, unless something else is asked."""
    return Terms(run.id, run.settings.retrain_days, code=code_digest(), commit=code_commit(), **asked)


def _tracking(run: Run) -> Tracking:
    """The model store of the run's company."""
    return Tracking(run.settings.path(run.settings.mlruns), run.company)
