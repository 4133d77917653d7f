"""What was learnt, and which version scores: the one place that knows MLflow.

Each company and model has an experiment and a registered model of the same name, ``<company>.<model>``. A version holds
a native estimator with its signature, ``state.json`` beside it, and tags that say on which features it was made. A
version is registered last, with all its tags at once: what is registered is whole, and a killed log is done over.
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.metadata import version as installed
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from data.errors import SettingsError, TrackingError
from models.model import Challenger, Champion, Judgement

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION = "champion"
"""Alias of the version that scores."""

SURE = 0.8
"""How often a challenger's mean loss must be the lower one, over resampled rows, before it takes the place."""

RESAMPLES = 2000

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm", "numpy", "pandas", "scipy"),
    "sklearn": ("scikit-learn", "numpy", "pandas", "scipy"),
    "prophet": ("prophet", "numpy", "pandas"),
}
"""What a logged model needs where this project is unknown. Given, not inferred: inference takes six seconds a model."""


_ALONE = RLock()


@dataclass(frozen=True)
class Verdict:
    """Whether a challenger takes the champion's place, and why, in a sentence."""

    promoted: bool
    why: str


class Tracking:
    """The model store of one company below one folder: an MLflow database and its artefacts."""

    def __init__(self, root: Path, company: str) -> None:
        if re.fullmatch(r"[\w -]+", company) is None:
            raise SettingsError(
                f"'{company}' cannot name models",
                where="the company's name",
                mend="use letters, digits, spaces, '-' and '_' only",
            )
        self.root = root.resolve()
        self.company = company

    @property
    def uri(self) -> str:
        """Where the database lies, as ``mlflow ui --backend-store-uri`` takes it."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    def get_ready(self) -> None:
        """Import MLflow and make its database, so that the first model need not wait for them."""
        with _quiet():
            import mlflow.lightgbm
            import mlflow.sklearn  # noqa: F401

            self._client.search_registered_models(max_results=1)

    def name(self, model: str) -> str:
        """The name under which a model's versions are registered."""
        return f"{self.company}.{model}"

    def log(self, challenger: Challenger, run_id: str) -> str:
        """The version under which the challenger is kept; the same one when this run had logged it before."""
        before = self._logged(challenger.model, run_id)
        if before is not None:
            return before
        tags = _tags(challenger, run_id)
        with _quiet():
            import mlflow

            experiment = self._experiment(self.name(challenger.model))
            for half in self._client.search_runs([experiment], f"tags.`gelir.run_id` = '{run_id}'"):
                self._client.delete_run(half.info.run_id)
            mlflow.set_tracking_uri(self.uri)
            with mlflow.start_run(experiment_id=experiment, run_name=run_id, tags=tags):
                mlflow.log_params({**challenger.params, "rows": challenger.rows})
                mlflow.log_metrics(_metrics(challenger.judgement))
                for picture, figure in challenger.pictures.items():
                    mlflow.log_figure(figure, f"{picture}.png")
                mlflow.log_dict(challenger.state, "state.json")
                made = mlflow.register_model(_log_estimator(challenger), self.name(challenger.model), tags=tags)
        return str(made.version)

    def champion(self, model: str) -> Champion | None:
        """The version that scores, or ``None`` before the first one."""
        with _quiet():
            names = {found.name for found in self._client.search_registered_models(f"name = '{self.name(model)}'")}
            if self.name(model) not in names:
                return None
            version = self._client.get_registered_model(self.name(model)).aliases.get(CHAMPION)
        return None if version is None else self.load(model, str(version))

    def load(self, model: str, version: str) -> Champion:
        """A version as it was logged. Raises ``TrackingError`` when missing or when its parts do not match."""
        where = f"{self.name(model)} version {version} in {self.uri}"
        with _quiet():
            import mlflow

            found = next((v for v in self._versions(model) if str(v.version) == version), None)
            if found is None:
                raise TrackingError(
                    "no such version", where=where, mend="train the model again, or restore the model store"
                )
            mlflow.set_tracking_uri(self.uri)
            uri = f"models:/{self.name(model)}/{version}"
            try:
                state = json.loads(Path(self._client.download_artifacts(str(found.run_id), "state.json")).read_text())
                metadata = mlflow.models.get_model_info(uri).metadata or {}
                estimator = getattr(mlflow, found.tags["flavor"]).load_model(uri)
            except (OSError, json.JSONDecodeError, mlflow.exceptions.MlflowException) as error:
                raise TrackingError(
                    f"the version's files cannot be read: {error}",
                    where=where,
                    mend="restore the artefacts, or train the model again",
                ) from error
        if metadata.get("features_hash") != found.tags["features_hash"]:
            raise TrackingError(
                f"the estimator was made on features {metadata.get('features_hash')}, "
                f"the version says {found.tags['features_hash']}",
                where=where,
                mend="train the model again; do not edit the store by hand",
            )
        judged = json.loads(found.tags["judged"])
        return Champion(
            model=model,
            version=version,
            ships=cast(Literal["model", "baseline"], found.tags["ships"]),
            estimator=estimator,
            state=state,
            features_hash=found.tags["features_hash"],
            trained_as_of=date.fromisoformat(found.tags["trained_as_of"]),
            judged=judged,
        )

    def promote(self, model: str, version: str) -> None:
        """Make a version the one that scores."""
        with _quiet():
            self._client.set_registered_model_alias(self.name(model), CHAMPION, version)

    def settle(self, challenger: Challenger, champion: Judgement | None) -> Verdict:
        """Whether the challenger should score from now on; nothing is changed.

        ``champion`` is how what the champion ships did on the challenger's judged rows, in their order; a loss of NaN
        marks a row that the champion has learnt from, which does not count. ``None``: no champion can score this date.
        """
        if champion is None:
            return Verdict(True, "no earlier version can score this date on today's features")
        judged = challenger.judgement
        shipped = judged.losses if judged.ships == "model" else judged.baseline_losses
        return _duel(np.array(shipped), np.array(champion.losses))

    @cached_property
    def _client(self) -> "MlflowClient":
        (self.root / "artifacts").mkdir(parents=True, exist_ok=True)
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.uri, self.uri)

    def _experiment(self, name: str) -> str:
        """The experiment's id. Its artefacts get a place of their own: by default they follow the working directory."""
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, (self.root / "artifacts" / name).as_uri()))

    def _versions(self, model: str) -> "list[ModelVersion]":
        return list(self._client.search_model_versions(f"name = '{self.name(model)}'"))

    def _logged(self, model: str, run_id: str) -> str | None:
        with _quiet():
            mine = [int(v.version) for v in self._versions(model) if v.tags.get("gelir.run_id") == run_id]
        return str(max(mine)) if mine else None


def _duel(challenger: np.ndarray[Any, Any], champion: np.ndarray[Any, Any]) -> Verdict:
    """Paired bootstrap over judged rows: in how many resamples the challenger's mean loss is the lower one."""
    if len(challenger) != len(champion):
        raise ValueError(f"judged on different rows: {len(challenger)} for the challenger, {len(champion)} before")
    unseen = ~np.isnan(champion)
    if not unseen.any():
        return Verdict(False, "the champion stays: it has learnt from every row on which they could be compared")
    gain = (champion - challenger)[unseen]
    picks = np.random.default_rng(0).integers(0, len(gain), (RESAMPLES, len(gain)))
    wins = float(np.mean(gain[picks].mean(axis=1) > 0))
    odds = f"lower loss in {wins:.0%} of resamples over {len(gain):,} rows"
    if wins >= SURE:
        return Verdict(True, f"the challenger is better: {odds}")
    return Verdict(False, f"the champion stays: the challenger has the {odds}, {SURE:.0%} are asked for")


def _tags(challenger: Challenger, run_id: str) -> dict[str, str]:
    judgement = challenger.judgement
    judged = {
        "metric": judgement.metric,
        "value": judgement.value,
        "baseline": judgement.baseline,
        "baseline_value": judgement.baseline_value,
    }
    return {
        "gelir.run_id": run_id,
        "features_hash": challenger.features_hash,
        "flavor": challenger.flavor,
        "ships": judgement.ships,
        "trained_as_of": challenger.trained_as_of.isoformat(),
        "judged": json.dumps(judged),
    }


def _metrics(judgement: Judgement) -> dict[str, float]:
    """Metrics under names that MLflow accepts; a figure that is not a number is left out."""
    named = {judgement.metric: judgement.value, f"baseline {judgement.metric}": judgement.baseline_value}
    every = {**judgement.metrics, **named}
    return {re.sub(r"[^\w\-./ ]", "_", name): value for name, value in every.items() if np.isfinite(value)}


def _log_estimator(challenger: Challenger) -> str:
    """Address of the logged estimator: native flavour, with signature and requirements."""
    import mlflow

    signature = mlflow.models.infer_signature(challenger.example, challenger.estimator.predict(challenger.example))
    info = getattr(mlflow, challenger.flavor).log_model(
        challenger.estimator,
        name=challenger.model,
        signature=signature,
        pip_requirements=[f"{package}=={installed(package)}" for package in REQUIREMENTS[challenger.flavor]],
        metadata={"features_hash": challenger.features_hash},
    )
    return str(info.model_uri)


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow for one thread at a time, without telemetry and without lines about its own migrations.

    Models learn side by side, and two threads that make the database at once break it.
    """
    with _ALONE:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow.pyfunc  # noqa: F401
        from mlflow.utils.logging_utils import disable_logging

        disable_logging()  # type: ignore[no-untyped-call]  # MLflow's own, without types
        logging.getLogger("alembic").setLevel(logging.ERROR)
        yield
