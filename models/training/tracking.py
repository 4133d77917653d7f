"""What was learnt, and which version scores: the one place that knows MLflow.

Each company and model has an experiment and a registered model of the same name, ``<company>.<model>``. A version holds
a native estimator with its signature, ``state.json`` beside it, and tags that say on which features it was made. A
version is registered last, with all its tags at once: what is registered is whole, and a killed log is done over.
Each call costs some hundredths of a second, and one thread at a time makes them: what belongs together goes in batches.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from functools import cached_property
from importlib import import_module
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from data.errors import SettingsError, TrackingError
from models.model import Challenger, Champion, Evaluation
from models.training.promotion import Rival
from models.training.tuning import Tuned
from models.training.versions import Details, Provenance, Version

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHAMPION = "champion"
"""Alias of the version that scores."""

LOSSES = "losses.parquet"
"""A loss per judged row."""

HELD = "held"
"""Alias of the version that a person chose: no challenger takes its place until it is let go."""

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "lightgbm": ("lightgbm", "numpy", "pandas", "scipy"),
    "sklearn": ("scikit-learn", "numpy", "pandas", "scipy"),
    "prophet": ("prophet", "numpy", "pandas"),
}
"""What a logged model needs where this project is unknown. Given, not inferred: inference takes six seconds a model."""


_ALONE = RLock()


class Tracking:
    """The model store of one company below one folder: an MLflow database and its artefacts."""

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
        """Where the database lies, as ``mlflow ui --backend-store-uri`` takes it."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    def get_ready(self) -> None:
        """Import MLflow and make its database, so that the first model need not wait for them."""
        with _quiet():
            import_mlflow()
            self._client.search_registered_models(max_results=1)

    def name(self, model: str) -> str:
        """The name under which a model's versions are registered."""
        return f"{self.company}.{model}"

    def log(self, challenger: Challenger, made: Provenance, rivals: Sequence[Rival] = (), verdict: str = "") -> str:
        """The version under which the challenger is kept; the same one when this run had logged it before.

        A run of the experiment with a run below it for every fold; ``rivals`` are kept with it, row by row.
        """
        before = self._logged(challenger.model, made.run_id)
        if before is not None:
            return before
        tags = _tags(challenger, made, verdict)
        with _quiet():
            import mlflow

            experiment = self._experiment(self.name(challenger.model))
            for half in self._client.search_runs([experiment], f"tags.`gelir.run_id` = '{made.run_id}'"):
                self._client.delete_run(half.info.run_id)
            mlflow.set_tracking_uri(self.uri)
            commit = {"mlflow.source.git.commit": made.commit.rstrip("+")} if made.commit else {}
            with mlflow.start_run(experiment_id=experiment, run_name=made.run_id, tags=tags | commit) as run:
                parent = run.info.run_id
                self._batch(parent, {**challenger.params, "rows": challenger.rows}, _metrics(challenger.evaluation))
                for fold in challenger.folds:
                    told = {"judged": ", ".join(map(str, fold.test_dates)), "rows": fold.rows}
                    self._child(experiment, parent, fold.name, told, fold.metrics, {"gelir.run_id": made.run_id})
                for picture, figure in challenger.figures.items():
                    mlflow.log_figure(figure, f"{picture}.png")
                mlflow.log_dict(challenger.state, "state.json")
                self._log_losses(parent, challenger.evaluation, rivals)
                kept = mlflow.register_model(_log_estimator(challenger), self.name(challenger.model), tags=tags)
        return str(kept.version)

    def log_tuning(self, model: str, tuned: Tuned, made: Provenance) -> None:
        """Keep a search: a run with a run below it for every trial. Logging the same search again adds nothing."""
        with _quiet():
            experiment = self._experiment(self.name(model))
            if self._client.search_runs([experiment], f"tags.`gelir.tuning` = '{made.run_id}'", max_results=1):
                return
            tags = {"gelir.tuning": made.run_id, "gelir.data_hash": made.data_hash, "gelir.says": tuned.says}
            parent = self._client.create_run(experiment, tags=tags, run_name=f"tuning {made.run_id}").info.run_id
            best = min(trial.loss for trial in tuned.trials)
            self._batch(parent, tuned.params, {"loss": best, "loss as it was": tuned.trials[0].loss})
            for trial in tuned.trials:
                self._child(experiment, parent, f"trial {trial.number}", trial.params, {"loss": trial.loss}, {})
            self._client.set_terminated(parent)

    def champion(self, model: str) -> Champion | None:
        """The version that scores, or ``None`` before the first one."""
        aliases = self._aliases(model)
        if CHAMPION not in aliases:
            return None
        return replace(self.load(model, aliases[CHAMPION]), pinned=aliases.get(HELD) == aliases[CHAMPION])

    def former(self, model: str, features_hash: str, as_of: date, most: int) -> list[Champion]:
        """The best versions that once were champion, by the share of the baseline's loss that they saved: made on these
        features, without knowing what came after the date. Those whose files are gone are left out.
        """
        known = [v for v in self.versions(model) if v.champion_by and not v.champion]
        able = [v for v in known if v.features_hash == features_hash and v.trained_as_of <= as_of]
        found: list[Champion] = []
        for version in sorted(able, key=lambda v: (-v.skill, -int(v.number))):
            if len(found) == most:
                break
            with suppress(TrackingError):
                found.append(self.load(model, version.number))
        return found

    def versions(self, model: str) -> list[Version]:
        """Every version, the latest first."""
        aliases = self._aliases(model)
        with _quiet():
            found = self._versions(model)
        return sorted((_version(model, v, aliases) for v in found), key=lambda v: -int(v.number))

    def version(self, model: str, number: str) -> Version:
        """A version by its number. Raises ``TrackingError`` that names those there are."""
        there = {version.number: version for version in self.versions(model)}
        if number not in there:
            raise TrackingError(
                f"there is no version {number} of {model}",
                where=f"{self.name(model)} in {self.uri}",
                remedy=f"name one of {', '.join(there)}" if there else "train it first: gelir train",
            )
        return there[number]

    def details(self, model: str, number: str) -> Details:
        """What lies beside a version. Raises ``TrackingError`` for one that there is not."""
        version = self.version(model, number)
        with _quiet():
            import mlflow

            mlflow.set_tracking_uri(self.uri)
            found = next(v for v in self._versions(model) if str(v.version) == number)
            run = self._client.get_run(str(found.run_id))
            signature = mlflow.models.get_model_info(f"models:/{self.name(model)}/{number}").signature
            features = tuple(map(str, signature.inputs.input_names())) if signature is not None else ()
            files = {file.path for file in self._client.list_artifacts(run.info.run_id)}
            losses = pd.DataFrame()
            if LOSSES in files:
                losses = pd.read_parquet(self._client.download_artifacts(run.info.run_id, LOSSES))
        return Details(version, dict(run.data.params), dict(run.data.metrics), features, losses)

    def load(self, model: str, version: str) -> Champion:
        """A version as it was logged. Raises ``TrackingError`` when missing or when its parts do not match."""
        where = f"{self.name(model)} version {version} in {self.uri}"
        with _quiet():
            import mlflow

            found = next((v for v in self._versions(model) if str(v.version) == version), None)
            if found is None:
                raise TrackingError(
                    "no such version", where=where, remedy="train the model again, or restore the model store"
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
                    remedy="restore the artefacts, or train the model again",
                ) from error
        if metadata.get("features_hash") != found.tags["features_hash"]:
            raise TrackingError(
                f"the estimator was made on features {metadata.get('features_hash')}, "
                f"the version says {found.tags['features_hash']}",
                where=where,
                remedy="train the model again; do not edit the store by hand",
            )
        return Champion(
            model=model,
            version=version,
            ships=cast(Literal["model", "baseline"], found.tags["ships"]),
            estimator=estimator,
            state=state,
            features_hash=found.tags["features_hash"],
            trained_as_of=date.fromisoformat(found.tags["trained_as_of"]),
            evaluation=json.loads(found.tags["judged"]),
            tuned_params=json.loads(found.tags.get("tuned", "{}")),
        )

    def promote(self, model: str, version: str, by: str = "hand") -> None:
        """Make a version the one that scores; that it was made so, and by which run, is kept for ever."""
        with _quiet():
            self._client.set_model_version_tag(self.name(model), version, "champion_by", by)
            self._client.set_registered_model_alias(self.name(model), CHAMPION, version)

    def hold(self, model: str, version: str) -> None:
        """Make a version the one that scores, and keep it so whatever challengers come. Raises ``TrackingError`` for a
        version that there is not.
        """
        self.version(model, version)
        self.promote(model, version)
        with _quiet():
            self._client.set_registered_model_alias(self.name(model), HELD, version)

    def release(self, model: str) -> None:
        """Let challengers take the place again."""
        if HELD in self._aliases(model):
            with _quiet():
                self._client.delete_registered_model_alias(self.name(model), HELD)

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

    def _aliases(self, model: str) -> dict[str, str]:
        """Version by alias; none before the first version."""
        with _quiet():
            found = self._client.search_registered_models(f"name = '{self.name(model)}'")
            if not found:
                return {}
            aliases = self._client.get_registered_model(self.name(model)).aliases
        return {str(alias): str(version) for alias, version in aliases.items()}

    def _batch(self, run: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Parameters and metrics of a run in one call."""
        from mlflow.entities import Metric, Param

        named = {re.sub(r"[^\w\-./ ]", "_", name): value for name, value in metrics.items() if np.isfinite(value)}
        self._client.log_batch(
            run,
            metrics=[Metric(name, value, 0, 0) for name, value in named.items()],
            params=[Param(name, str(value)) for name, value in params.items()],
        )

    def _child(
        self,
        experiment: str,
        parent: str,
        name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
    ) -> None:
        """A finished run below another."""
        child = self._client.create_run(experiment, tags={"mlflow.parentRunId": parent, **tags}, run_name=name)
        self._batch(child.info.run_id, params, metrics)
        self._client.set_terminated(child.info.run_id)

    def _log_losses(self, run: str, judgement: Evaluation, rivals: Sequence[Rival]) -> None:
        """A loss per judged row of the challenger, the baseline and every rival."""
        losses = {"challenger": judgement.shipped, "baseline": judgement.baseline_losses}
        losses |= {rival.name: rival.judgement.losses for rival in rivals}
        with TemporaryDirectory() as folder:
            file = Path(folder) / LOSSES
            pd.DataFrame({name: np.array(values, dtype=np.float64) for name, values in losses.items()}).to_parquet(file)
            self._client.log_artifact(run, str(file))

    def _versions(self, model: str) -> "list[ModelVersion]":
        return list(self._client.search_model_versions(f"name = '{self.name(model)}'"))

    def _logged(self, model: str, run_id: str) -> str | None:
        with _quiet():
            mine = [int(v.version) for v in self._versions(model) if v.tags.get("gelir.run_id") == run_id]
        return str(max(mine)) if mine else None


def _tags(challenger: Challenger, made: Provenance, verdict: str) -> dict[str, str]:
    judgement = challenger.evaluation
    return {
        "gelir.run_id": made.run_id,
        "gelir.data_hash": made.data_hash,
        "gelir.code": made.code,
        "gelir.commit": made.commit,
        "features_hash": challenger.features_hash,
        "flavor": challenger.flavor,
        "ships": judgement.ships,
        "trained_as_of": challenger.trained_as_of.isoformat(),
        "judged": json.dumps(judgement.summary),
        "tuned": json.dumps(challenger.tuned_params),
        "verdict": verdict,
    }


def _version(model: str, found: "ModelVersion", aliases: Mapping[str, str]) -> Version:
    tags, number = found.tags, str(found.version)
    champion = aliases.get(CHAMPION) == number
    return Version(
        model=model,
        number=number,
        ships=tags["ships"],
        features_hash=tags["features_hash"],
        trained_as_of=date.fromisoformat(tags["trained_as_of"]),
        judged=json.loads(tags["judged"]),
        made=Provenance(*(tags.get(f"gelir.{name}", "") for name in ("run_id", "data_hash", "code", "commit"))),
        tuned=json.loads(tags.get("tuned", "{}")),
        verdict=tags.get("verdict", ""),
        champion_by=tags.get("champion_by", "an earlier run" if champion else ""),
        champion=champion,
        held=aliases.get(HELD) == number,
    )


def _metrics(judgement: Evaluation) -> dict[str, float]:
    """Metrics by name, with the bounds of those that have some."""
    named = {judgement.metric: judgement.value, f"baseline {judgement.metric}": judgement.baseline_value}
    lows = {f"{name} low": low for name, (low, _) in judgement.intervals.items()}
    highs = {f"{name} high": high for name, (_, high) in judgement.intervals.items()}
    return {**judgement.metrics, **lows, **highs, **named}


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


def import_mlflow() -> None:
    """Import MLflow, and what it saves models with."""
    with _quiet():
        for name in ("mlflow.lightgbm", "mlflow.sklearn", "skops.io"):  # the last one keeps scikit-learn's estimators
            import_module(name)


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
