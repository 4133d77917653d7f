"""Writes trainings and searches to MLflow: one run each, with a run below it for every fold or trial.

Each call takes some hundredths of a second, and one thread at a time makes them: what belongs together is batched.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.model import Challenger, Evaluation
from models.training.promotion import Rival
from models.training.tuning import TuningResult
from models.training.versions import Provenance

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

LOSSES_FILE = "losses.parquet"
"""A loss per test row of the challenger, the baseline and every rival."""

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm", "numpy", "pandas", "scipy"),
    "sklearn": ("scikit-learn", "numpy", "pandas", "scipy"),
    "prophet": ("prophet", "numpy", "pandas"),
}
"""Packages that load a logged model without this project. Stated, as MLflow's inference takes six seconds a model."""

_LOCK = RLock()


@dataclass(frozen=True)
class TrainingRecord:
    """A challenger as it is logged: with its provenance, its rivals and the verdict."""

    challenger: Challenger
    provenance: Provenance
    rivals: Sequence[Rival] = ()
    verdict: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the run and of the registered version."""
        evaluation = self.challenger.evaluation
        return {
            "gelir.run_id": self.provenance.run_id,
            "gelir.data_hash": self.provenance.data_hash,
            "gelir.code": self.provenance.code,
            "gelir.commit": self.provenance.commit,
            "features_hash": self.challenger.features_hash,
            "flavor": self.challenger.flavor,
            "ships": evaluation.ships,
            "trained_as_of": self.challenger.trained_as_of.isoformat(),
            "evaluation": json.dumps(evaluation.summary),
            "tuned_params": json.dumps(self.challenger.tuned_params),
            "verdict": self.verdict,
        }

    @property
    def params(self) -> dict[str, Any]:
        """Parameters of the run."""
        excluded = "; ".join(f"{name} ({reason})" for name, reason in self.challenger.excluded_features.items())
        params = {**self.challenger.params, "rows": self.challenger.rows}
        return {**params, "excluded as target leakage": excluded} if excluded else params


@dataclass(frozen=True)
class ChildRun:
    """A finished run below another: one fold, or one trial."""

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str] = field(default_factory=dict)


def log_training(client: "MlflowClient", experiment: str, registered_name: str, record: TrainingRecord) -> str:
    """The version under which a challenger is registered, after its run with a run below it for every fold.

    Runs that a killed log of the same night left are deleted first. A version is registered last, with all its tags at
    once, so that what is registered is complete.
    """
    import mlflow

    challenger, run_id = record.challenger, record.provenance.run_id
    for unfinished in client.search_runs([experiment], f"tags.`gelir.run_id` = '{run_id}'"):
        client.delete_run(unfinished.info.run_id)
    commit = record.provenance.commit.rstrip("+")
    tags = record.tags | ({"mlflow.source.git.commit": commit} if commit else {})
    with mlflow.start_run(experiment_id=experiment, run_name=run_id, tags=tags) as run:
        parent = run.info.run_id
        _log_batch(client, parent, record.params, _metrics(challenger.evaluation))
        for fold in challenger.folds:
            params = {"test dates": ", ".join(map(str, fold.test_dates)), "rows": fold.rows}
            _log_child(client, experiment, parent, ChildRun(fold.name, params, fold.metrics, {"gelir.run_id": run_id}))
        for name, figure in challenger.figures.items():
            mlflow.log_figure(figure, f"{name}.png")
        mlflow.log_dict(challenger.state, "state.json")
        _log_losses(client, parent, challenger.evaluation, record.rivals)
        registered = mlflow.register_model(_log_estimator(challenger), registered_name, tags=record.tags)
    return str(registered.version)


def log_search(client: "MlflowClient", experiment: str, tuning: TuningResult, provenance: Provenance) -> None:
    """Log a search for parameters: a run with a run below it for every trial; nothing if it was logged before."""
    if client.search_runs([experiment], f"tags.`gelir.tuning` = '{provenance.run_id}'", max_results=1):
        return
    tags = {
        "gelir.tuning": provenance.run_id,
        "gelir.data_hash": provenance.data_hash,
        "gelir.summary": tuning.summary,
    }
    parent = client.create_run(experiment, tags=tags, run_name=f"tuning {provenance.run_id}").info.run_id
    best = min(trial.loss for trial in tuning.trials)
    _log_batch(client, parent, tuning.params, {"loss": best, "loss before tuning": tuning.trials[0].loss})
    for trial in tuning.trials:
        child = ChildRun(f"trial {trial.number}", trial.params, {"loss": trial.loss})
        _log_child(client, experiment, parent, child)
    client.set_terminated(parent)


def import_mlflow() -> None:
    """Import MLflow, and the libraries with which it saves models."""
    with mlflow_session():
        for name in ("mlflow.lightgbm", "mlflow.sklearn", "skops.io"):  # the last one saves scikit-learn's estimators
            import_module(name)


@contextmanager
def mlflow_session() -> Iterator[None]:
    """MLflow for one thread at a time, without telemetry and without log lines about its own migrations.

    Models are trained side by side, and two threads that create the database at once break it.
    """
    with _LOCK:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow.pyfunc  # noqa: F401
        from mlflow.utils.logging_utils import disable_logging

        disable_logging()  # type: ignore[no-untyped-call]  # MLflow's own, without types
        logging.getLogger("alembic").setLevel(logging.ERROR)
        yield


def _log_batch(client: "MlflowClient", run: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Parameters and finite metrics of a run in one call."""
    from mlflow.entities import Metric, Param

    allowed = {re.sub(r"[^\w\-./ ]", "_", name): value for name, value in metrics.items() if np.isfinite(value)}
    client.log_batch(
        run,
        metrics=[Metric(name, value, 0, 0) for name, value in allowed.items()],
        params=[Param(name, str(value)) for name, value in params.items()],
    )


def _log_child(client: "MlflowClient", experiment: str, parent: str, child: ChildRun) -> None:
    run = client.create_run(experiment, tags={"mlflow.parentRunId": parent, **child.tags}, run_name=child.name)
    _log_batch(client, run.info.run_id, child.params, child.metrics)
    client.set_terminated(run.info.run_id)


def _log_losses(client: "MlflowClient", run: str, evaluation: Evaluation, rivals: Sequence[Rival]) -> None:
    losses = {"challenger": evaluation.shipped, "baseline": evaluation.baseline_losses}
    losses |= {rival.name: rival.evaluation.losses for rival in rivals}
    with TemporaryDirectory() as folder:
        file = Path(folder) / LOSSES_FILE
        pd.DataFrame({name: np.array(values, dtype=np.float64) for name, values in losses.items()}).to_parquet(file)
        client.log_artifact(run, str(file))


def _log_estimator(challenger: Challenger) -> str:
    """Address of the logged estimator: native flavor, with signature and requirements."""
    import mlflow

    signature = mlflow.models.infer_signature(challenger.example, challenger.estimator.predict(challenger.example))
    info = getattr(mlflow, challenger.flavor).log_model(
        challenger.estimator,
        name=challenger.model,
        signature=signature,
        pip_requirements=[f"{package}=={installed_version(package)}" for package in REQUIREMENTS[challenger.flavor]],
        metadata={"features_hash": challenger.features_hash},
    )
    return str(info.model_uri)


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    """Metrics by name, with the bounds of those that have an interval."""
    values = {evaluation.metric: evaluation.value, f"baseline {evaluation.metric}": evaluation.baseline_value}
    lows = {f"{name} low": low for name, (low, _) in evaluation.intervals.items()}
    highs = {f"{name} high": high for name, (_, high) in evaluation.intervals.items()}
    return {**evaluation.metrics, **lows, **highs, **values}
