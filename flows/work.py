"""What a night's models do, group by group: plain functions that any process can be given.

A group learns from the same features: it shares one company, which stays in the process between learning and scoring.
"""

from functools import lru_cache

import features.engineer
import models.learning
import models.scoring
from data.lake import Step
from features.company import Company
from flows.run import Run
from models import MODELS
from models.learning import Terms
from models.model import Model
from models.tracking import Tracking

Group = tuple[str, ...]
"""Names of models."""


def groups() -> list[Group]:
    """Names of models, together where they learn from the same features."""
    together: dict[str, list[str]] = {}
    for model in MODELS:
        together.setdefault(model.features_hash, []).append(model.name)
    return [tuple(names) for names in together.values()]


def engineer_all(run: Run, golden: Step) -> Step:
    """The step that holds the features of every account, contact and open deal as of the date."""
    return run.step("engineer", lambda draft: features.engineer.engineer(run.known(golden), draft))


def learn_group(run: Run, golden: Step, names: Group, terms: Terms) -> list[Step]:
    """For every model of a group the step that says which version scores, and why."""

    def learnt(model: Model) -> Step:
        company, tracking = _company(run, golden, names), tracking_of(run)
        return run.step(
            f"learn_{model.name}", lambda draft: models.learning.learn(model, company, tracking, terms, draft)
        )

    return [learnt(model) for model in MODELS if model.name in names]


def score_group(run: Run, golden: Step, names: Group, learnt: list[Step]) -> list[Step]:
    """For every model of a group the step that holds what its champion says; each may abstain."""
    who = {step.name: step for step in learnt}

    def scored(model: Model) -> Step:
        company, tracking = _company(run, golden, names), tracking_of(run)
        champion = who[f"learn_{model.name}"]
        return run.step(
            f"score_{model.name}", lambda draft: models.scoring.score_one(model, company, champion, tracking, draft)
        )

    return [scored(model) for model in MODELS if model.name in names]


def tracking_of(run: Run) -> Tracking:
    """The model store of the run's company."""
    return Tracking(run.settings.path(run.settings.mlruns), run.company)


@lru_cache(maxsize=16)
def _company(run: Run, golden: Step, names: Group) -> Company:
    """The company of one group, which no two threads use at once."""
    return run.known(golden)
