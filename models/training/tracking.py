"""The model store: versions of models, which one scores, and what was logged with each.

Each company and model has an experiment and a registered model of one name, ``<company>.<model>``. A version holds a
native estimator with its signature and ``state.json``. MLflow is known here and in ``mlflow_log`` only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import pandas as pd

from data.errors import SettingsError, TrackingError
from models.model import Challenger, Champion
from models.training.mlflow_log import (
    LOSSES_FILE,
    TrainingRecord,
    import_mlflow,
    log_search,
    log_training,
    mlflow_session,
)
from models.training.promotion import Rival
from models.training.tuning import TuningResult
from models.training.versions import Provenance, Version, VersionDetails

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION = "champion"
"""Alias of the version that scores."""

PINNED = "pinned"
"""Alias of the version that a person chose: no challenger replaces it until it is released."""

EVALUATION_TAG = "evaluation"
"""A version without it was logged by an older release, and is ignored."""


class Tracking:
    """The model store of one company below one folder: an MLflow database and its artifacts."""

    def __init__(self, root: Path, company: str) -> None:
        if re.fullmatch(r"[\w -]+", company) is None:
            raise SettingsError(
                f"'{company}' cannot name models",
                where="the company's name",
                remedy="use letters, digits, spaces, '-' and '_' only",
            )
        self.root = root.resolve()
        self.company = company

    @property
    def uri(self) -> str:
        """Address of the database, as ``mlflow ui --backend-store-uri`` takes it."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    def warm_up(self) -> None:
        """Import MLflow and create its database, so that the first model need not wait for them."""
        with mlflow_session():
            import_mlflow()
            self._client.search_registered_models(max_results=1)

    def name(self, model: str) -> str:
        """The name under which a model's versions are registered."""
        return f"{self.company}.{model}"

    def log(
        self, challenger: Challenger, provenance: Provenance, rivals: Sequence[Rival] = (), verdict: str = ""
    ) -> str:
        """The version under which the challenger is registered; the same one if this run had logged it before."""
        logged = self._logged_version(challenger.model, provenance.run_id)
        if logged is not None:
            return logged
        with mlflow_session():
            import mlflow

            mlflow.set_tracking_uri(self.uri)
            name = self.name(challenger.model)
            record = TrainingRecord(challenger, provenance, rivals, verdict)
            return log_training(self._client, self._experiment(name), name, record)

    def log_tuning(self, model: str, tuning: TuningResult, provenance: Provenance) -> None:
        """Log a search and its trials. Logging the same search again adds nothing."""
        with mlflow_session():
            log_search(self._client, self._experiment(self.name(model)), tuning, provenance)

    def champion(self, model: str) -> Champion | None:
        """The version that scores, or ``None`` before the first one."""
        aliases = self._aliases(model)
        if CHAMPION not in aliases or aliases[CHAMPION] not in {version.number for version in self.versions(model)}:
            return None
        return replace(self.load(model, aliases[CHAMPION]), pinned=aliases.get(PINNED) == aliases[CHAMPION])

    def former_champions(self, model: str, features_hash: str, as_of: date, limit: int) -> list[Champion]:
        """Up to ``limit`` former champions of the best skill, trained on these features and on nothing after a date.

        Those whose files are missing are left out.
        """
        former = [version for version in self.versions(model) if version.champion_by and not version.champion]
        usable = [v for v in former if v.features_hash == features_hash and v.trained_as_of <= as_of]
        champions: list[Champion] = []
        for version in sorted(usable, key=lambda v: (-v.skill, -int(v.number))):
            if len(champions) == limit:
                break
            with suppress(TrackingError):
                champions.append(self.load(model, version.number))
        return champions

    def versions(self, model: str) -> list[Version]:
        """Every version, the latest first."""
        aliases = self._aliases(model)
        with mlflow_session():
            registered = self._registered(model)
        return sorted((_version(model, entry, aliases) for entry in registered), key=lambda v: -int(v.number))

    def version(self, model: str, number: str) -> Version:
        """A version by its number. Raises ``TrackingError`` that names the existing ones."""
        versions = {version.number: version for version in self.versions(model)}
        if number not in versions:
            raise TrackingError(
                f"there is no version {number} of {model}",
                where=f"{self.name(model)} in {self.uri}",
                remedy=f"name one of {', '.join(versions)}" if versions else "train it first: gelir train",
            )
        return versions[number]

    def details(self, model: str, number: str) -> VersionDetails:
        """Parameters, metrics, features and losses of a version. Raises ``TrackingError`` for a missing one."""
        version = self.version(model, number)
        with mlflow_session():
            import mlflow

            mlflow.set_tracking_uri(self.uri)
            entry = next(entry for entry in self._registered(model) if str(entry.version) == number)
            run = self._client.get_run(str(entry.run_id))
            signature = mlflow.models.get_model_info(f"models:/{self.name(model)}/{number}").signature
            features = tuple(map(str, signature.inputs.input_names())) if signature is not None else ()
            files = {file.path for file in self._client.list_artifacts(run.info.run_id)}
            losses = pd.DataFrame()
            if LOSSES_FILE in files:
                losses = pd.read_parquet(self._client.download_artifacts(run.info.run_id, LOSSES_FILE))
        return VersionDetails(version, dict(run.data.params), dict(run.data.metrics), features, losses)

    def load(self, model: str, version: str) -> Champion:
        """A version as it was logged. Raises ``TrackingError`` if it is missing or its parts do not match."""
        where = f"{self.name(model)} version {version} in {self.uri}"
        with mlflow_session():
            import mlflow

            entry = next((entry for entry in self._registered(model) if str(entry.version) == version), None)
            if entry is None:
                raise TrackingError(
                    "no such version", where=where, remedy="train the model again, or restore the model store"
                )
            mlflow.set_tracking_uri(self.uri)
            uri = f"models:/{self.name(model)}/{version}"
            try:
                state = json.loads(Path(self._client.download_artifacts(str(entry.run_id), "state.json")).read_text())
                metadata = mlflow.models.get_model_info(uri).metadata or {}
                estimator = getattr(mlflow, entry.tags["flavor"]).load_model(uri)
            except (OSError, json.JSONDecodeError, mlflow.exceptions.MlflowException) as error:
                raise TrackingError(
                    f"the version's files cannot be read: {error}",
                    where=where,
                    remedy="restore the artifacts, or train the model again",
                ) from error
        if metadata.get("features_hash") != entry.tags["features_hash"]:
            raise TrackingError(
                f"the estimator was trained on features {metadata.get('features_hash')}, "
                f"the version says {entry.tags['features_hash']}",
                where=where,
                remedy="train the model again; do not edit the store by hand",
            )
        return Champion(
            model=model,
            version=version,
            ships=cast(Literal["model", "baseline"], entry.tags["ships"]),
            estimator=estimator,
            state=state,
            features_hash=entry.tags["features_hash"],
            trained_as_of=date.fromisoformat(entry.tags["trained_as_of"]),
            evaluation=json.loads(entry.tags[EVALUATION_TAG]),
            tuned_params=json.loads(entry.tags["tuned_params"]),
        )

    def promote(self, model: str, version: str, by: str = "hand") -> None:
        """Make a version the one that scores; which run (or ``hand``) did so is recorded for good."""
        with mlflow_session():
            self._client.set_model_version_tag(self.name(model), version, "champion_by", by)
            self._client.set_registered_model_alias(self.name(model), CHAMPION, version)

    def pin(self, model: str, version: str) -> None:
        """Make a version score, and keep scoring until ``unpin``. Raises ``TrackingError`` if it is missing."""
        self.version(model, version)
        self.promote(model, version)
        with mlflow_session():
            self._client.set_registered_model_alias(self.name(model), PINNED, version)

    def unpin(self, model: str) -> None:
        """Let challengers compete with the champion again."""
        if PINNED in self._aliases(model):
            with mlflow_session():
                self._client.delete_registered_model_alias(self.name(model), PINNED)

    @cached_property
    def _client(self) -> "MlflowClient":
        (self.root / "artifacts").mkdir(parents=True, exist_ok=True)
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.uri, self.uri)

    def _experiment(self, name: str) -> str:
        """The experiment's id, with a folder for its artifacts: by default they follow the working directory."""
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            return str(experiment.experiment_id)
        return str(self._client.create_experiment(name, (self.root / "artifacts" / name).as_uri()))

    def _aliases(self, model: str) -> dict[str, str]:
        """Version by alias; empty before the first version."""
        with mlflow_session():
            if not self._client.search_registered_models(f"name = '{self.name(model)}'"):
                return {}
            aliases = self._client.get_registered_model(self.name(model)).aliases
        return {str(alias): str(version) for alias, version in aliases.items()}

    def _registered(self, model: str) -> "list[ModelVersion]":
        entries = self._client.search_model_versions(f"name = '{self.name(model)}'")
        return [entry for entry in entries if EVALUATION_TAG in entry.tags]

    def _logged_version(self, model: str, run_id: str) -> str | None:
        with mlflow_session():
            entries = self._registered(model)
        numbers = [int(entry.version) for entry in entries if entry.tags.get("gelir.run_id") == run_id]
        return str(max(numbers)) if numbers else None


def _version(model: str, entry: "ModelVersion", aliases: Mapping[str, str]) -> Version:
    tags, number = entry.tags, str(entry.version)
    champion = aliases.get(CHAMPION) == number
    return Version(
        model=model,
        number=number,
        ships=tags["ships"],
        features_hash=tags["features_hash"],
        trained_as_of=date.fromisoformat(tags["trained_as_of"]),
        evaluation=json.loads(tags[EVALUATION_TAG]),
        provenance=Provenance(*(tags.get(f"gelir.{name}", "") for name in ("run_id", "data_hash", "code", "commit"))),
        tuned_params=json.loads(tags["tuned_params"]),
        verdict=tags.get("verdict", ""),
        champion_by=tags.get("champion_by", "an earlier run" if champion else ""),
        champion=champion,
        pinned=aliases.get(PINNED) == number,
    )
