"""The heavy steps of a run: plain functions that ``flows.worker_pool`` runs in its processes.

They import models inside, so that the main process of a night, which only names them, need not.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from data.lake import Step
from flows.code_version import code_commit, code_digest
from flows.run import Run

if TYPE_CHECKING:
    from models.training.champion import TrainingPolicy
    from models.training.tracking import Tracking
    from models.training.tuning import Budget

ModelGroup = tuple[str, ...]
"""Names of models that are trained on the same rows: one process shares the snapshot between them."""


def import_models() -> None:
    """Import what the functions below use: seconds that no step should spend."""
    import models.registry
    import models.scoring.score
    import models.training.champion  # noqa: F401
    from models.training.mlflow_log import import_mlflow

    import_mlflow()


def engineer(run: Run, golden: Step) -> Step:
    """The step with the features of every account, contact and open deal as of the date."""
    from features.engineer import engineer

    return run.step("engineer", lambda draft: engineer(run.snapshot(golden), draft))


def model_groups(run: Run) -> list[ModelGroup]:
    """The names of all models, grouped by the rows that they are trained on.

    It creates the model store where there is none: two groups that created it at once would break it.
    """
    from models.registry import MODELS

    _tracking(run).warm_up()
    groups: dict[str, list[str]] = {}
    for model in MODELS:
        groups.setdefault(model.rows, []).append(model.name)
    return [tuple(names) for names in groups.values()]


def train_group(run: Run, golden: Step, names: ModelGroup, overrides: Mapping[str, Any]) -> list[Step]:
    """For every model of a group the step with the version that scores; ``overrides`` as for ``flows.tasks.train``."""
    from models.registry import MODELS
    from models.training.champion import train

    company, tracking, policy = run.snapshot(golden), _tracking(run), _training_policy(run, overrides)
    models = [model for model in MODELS if model.name in names]
    return [run.step(f"train_{model.name}", partial(train, model, company, tracking, policy)) for model in models]


def tune_model(run: Run, golden: Step, name: str, budget: "Budget") -> Step:
    """The step with the version of a model that scores after a search for better parameters, and the search."""
    from models.registry import MODELS
    from models.training.champion import train_tuned

    (model,) = (model for model in MODELS if model.name == name)
    company, tracking, policy = run.snapshot(golden), _tracking(run), _training_policy(run, {"always": True})
    return run.step(f"train_{name}", partial(train_tuned, model, company, tracking, policy, budget))


def score_group(
    run: Run, golden: Step, names: ModelGroup, champions: list[Step], previous_versions: Mapping[str, str]
) -> list[Step]:
    """For every model of a group the step with the scores of its champion; each may abstain.

    ``previous_versions`` are the versions, by model, behind the forecast that this one is compared with.
    """
    from models.registry import MODELS
    from models.scoring.score import score_model

    company, tracking = run.snapshot(golden), _tracking(run)
    champion = {step.name.removeprefix("train_"): step for step in champions}
    steps = []
    for model in (model for model in MODELS if model.name in names):
        previous = previous_versions.get(model.name)
        write = partial(score_model, model, company, champion[model.name], tracking, version_before=previous)
        steps.append(run.step(f"score_{model.name}", write))
    return steps


def collect_scores(run: Run, golden: Step, features: Step, champions: list[Step], scores: list[Step]) -> Step:
    """The step with the published tables of scores, from those of the single models."""
    from models.scoring.score import assemble_scores

    return run.step("score", lambda draft: assemble_scores(run.snapshot(golden), features, champions, scores, draft))


def decide(run: Run, golden: Step, features: Step, scores: Step) -> Step:
    """The step with one next best action for each account, and the targets of campaigns."""
    from actions.decide import decide

    return run.step("decide", lambda draft: decide(run.snapshot(golden), features, scores, draft))


def _training_policy(run: Run, overrides: Mapping[str, Any]) -> "TrainingPolicy":
    """When challengers are trained: by the settings, but for ``overrides``."""
    from models.training.champion import TrainingPolicy

    return TrainingPolicy(run.id, run.settings.retrain_days, code=code_digest(), commit=code_commit(), **overrides)


def _tracking(run: Run) -> "Tracking":
    """The model store of the run's company."""
    from models.training.tracking import Tracking

    return Tracking(run.settings.path(run.settings.mlruns), run.company)
