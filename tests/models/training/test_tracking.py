"""The model store: versions load as they were logged, also where this project is unknown."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LinearRegression

from data.errors import SettingsError, TrackingError
from models.model import Challenger, Evaluation
from models.plots.figures import LazyFigures
from models.training.tracking import Tracking
from models.training.versions import Provenance

ROOMS = ("app", "flows", "actions", "reports", "models", "features", "data", "bench")
NOT_INSTALLED = (
    *ROOMS,
    "ibis",
    "duckdb",
    "prefect",
    "prophet",
    "great_expectations",
    "optuna",
    "statsforecast",
    "typer",
)
"""What an environment with only MLflow, LightGBM and scikit-learn cannot import."""

ROWS = pd.DataFrame({"orders": np.arange(60.0), "visits": np.arange(60.0) % 7})


def evaluation(losses: list[float], baseline: float = 1.0) -> Evaluation:
    return Evaluation(
        metric="log loss",
        value=float(np.mean(losses)),
        baseline="base rate",
        baseline_value=baseline,
        losses=tuple(losses),
        baseline_losses=(baseline,) * len(losses),
        metrics={"auc": 0.8, "top 10% lift": 3.0, "undefined": float("nan")},
    )


@pytest.fixture(scope="module")
def challenger() -> Challenger:
    data = lgb.Dataset(ROWS, (ROWS["orders"] > 30).astype(float))
    booster = lgb.train({"objective": "binary", "verbosity": -1, "min_data_in_leaf": 5}, data, num_boost_round=5)
    figure = Figure()
    figure.add_subplot().plot([0, 1])
    return Challenger(
        model="churn",
        flavor="lightgbm",
        estimator=booster,
        state={"rate": 0.25, "bands": [1, None]},
        evaluation=evaluation([0.1, 0.2, 0.3]),
        features_hash="abc",
        example=ROWS.head(3),
        params={"leaves": 31},
        figures=LazyFigures({"calibration": lambda: figure}),
        trained_as_of=date(2025, 3, 1),
        rows=60,
    )


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory, challenger: Challenger) -> Tracking:
    store = Tracking(tmp_path_factory.mktemp("my models"), "demo")
    assert store.champion("churn") is None
    assert store.log(challenger, Provenance("night-1")) == "1"
    return store


def test_a_version_loads_as_it_was_logged(tracking: Tracking, challenger: Challenger) -> None:
    champion = tracking.load("churn", "1")
    assert champion.state == challenger.state
    assert (champion.ships, champion.features_hash, champion.trained_as_of) == ("model", "abc", date(2025, 3, 1))
    assert champion.evaluation == {
        "metric": "log loss",
        "value": pytest.approx(0.2),
        "baseline": "base rate",
        "baseline_value": 1.0,
        "skill": pytest.approx(0.8),
    }
    np.testing.assert_array_equal(champion.estimator.predict(ROWS), challenger.estimator.predict(ROWS))


def test_logging_the_same_run_again_gives_the_same_version(tracking: Tracking, challenger: Challenger) -> None:
    assert tracking.log(challenger, Provenance("night-1")) == "1"
    assert Tracking(tracking.root, "demo").log(challenger, Provenance("night-1")) == "1"


def test_an_interrupted_log_is_repeated(tracking: Tracking, challenger: Challenger) -> None:
    broken = replace(challenger, model="win", example=pd.DataFrame({"other": ["text"]}))
    with pytest.raises(Exception, match=r"."):
        tracking.log(broken, Provenance("night-1"))
    assert tracking.log(replace(challenger, model="win"), Provenance("night-1")) == "1"
    runs = tracking._client.search_runs([tracking._experiment("demo.win")])
    assert [run.info.status for run in runs] == ["FINISHED"]


def test_the_version_that_scores_is_the_promoted_one(tracking: Tracking, challenger: Challenger) -> None:
    model = replace(challenger, model="upsell", evaluation=evaluation([2.0, 3.0]))
    first = tracking.log(model, Provenance("night-1"))
    assert tracking.champion("upsell") is None
    tracking.promote("upsell", first)
    second = tracking.log(model, Provenance("night-2"))
    champion = tracking.champion("upsell")
    assert champion is not None
    assert (champion.version, second, champion.label) == (first, "2", "upsell v1 (baseline)")
    tracking.promote("upsell", second)
    again = Tracking(tracking.root, "demo").champion("upsell")
    assert again is not None
    assert again.version == second


def test_companies_do_not_share_models(tracking: Tracking, challenger: Challenger) -> None:
    tracking.promote("churn", "1")
    other = Tracking(tracking.root, "demo2")
    assert other.champion("churn") is None
    assert other.log(challenger, Provenance("night-1")) == "1"


def test_metrics_parameters_and_figures_are_logged_with_the_model(tracking: Tracking) -> None:
    run = tracking._client.search_runs([tracking._experiment("demo.churn")])[0]
    assert run.data.metrics["auc"] == 0.8
    assert run.data.metrics["top 10_ lift"] == 3.0
    assert run.data.params == {"leaves": "31", "rows": "60"}
    files = {file.path for file in tracking._client.list_artifacts(run.info.run_id)}
    assert {"calibration.png", "state.json"} <= files


def test_excluded_features_are_logged_with_their_reasons(tracking: Tracking, challenger: Challenger) -> None:
    leaking = replace(challenger, model="leaking", excluded_features={"grade": "one outcome only: 90 rows"})
    version = tracking.log(leaking, Provenance("night-1"))
    params = tracking.details("leaking", version).params
    assert params["excluded as target leakage"] == "grade (one outcome only: 90 rows)"


def test_versions_of_an_older_release_are_ignored(tracking: Tracking, challenger: Challenger) -> None:
    version = tracking.log(replace(challenger, model="older"), Provenance("night-1"))
    tracking.promote("older", version)
    assert tracking.champion("older") is not None
    tracking._client.delete_model_version_tag(tracking.name("older"), version, "evaluation")
    assert tracking.champion("older") is None
    assert tracking.versions("older") == []


def test_all_files_are_below_the_root(tracking: Tracking) -> None:
    assert list((tracking.root / "artifacts").rglob("MLmodel"))
    assert not Path("mlruns/0").exists()


def test_a_missing_version_is_named(tracking: Tracking) -> None:
    with pytest.raises(TrackingError, match=r"demo\.churn version 99"):
        tracking.load("churn", "99")


def test_an_estimator_of_other_features_is_refused(tracking: Tracking, challenger: Challenger) -> None:
    version = tracking.log(replace(challenger, model="swapped"), Provenance("night-1"))
    (file,) = (tracking.root / "artifacts" / "demo.swapped").rglob("MLmodel")
    file.write_text(file.read_text().replace("features_hash: abc", "features_hash: xyz"))
    with pytest.raises(TrackingError, match="trained on features xyz, the version says abc"):
        tracking.load("swapped", version)


def test_a_company_name_that_cannot_name_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot name models"):
        Tracking(tmp_path, "a/b")


def test_models_load_where_only_mlflow_lightgbm_and_scikit_learn_are_installed(
    tracking: Tracking, challenger: Challenger, tmp_path: Path
) -> None:
    line = LinearRegression().fit(ROWS, ROWS["orders"] * 2.0 + ROWS["visits"])
    tracking.log(replace(challenger, model="line", flavor="sklearn", estimator=line), Provenance("night-1"))
    rows = pd.DataFrame({"orders": [1.0, 50.0], "visits": [1.0, 1.0]})
    predictions = predict_without_this_project(tracking, ["churn", "line"], tmp_path)
    assert predictions["churn"] == pytest.approx(list(challenger.estimator.predict(rows.to_numpy())))
    assert predictions["line"] == pytest.approx([3.0, 101.0])


def predict_without_this_project(tracking: Tracking, models: list[str], folder: Path) -> dict[str, list[float]]:
    """Predictions of the first versions for 1 and 50 orders, in a process that cannot import this project or its other
    libraries."""
    script = """
import json, sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is not known here")

BLOCKED = set(sys.argv[3].split())
sys.meta_path.insert(0, NotInstalled())
import mlflow, mlflow.lightgbm, mlflow.sklearn, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
rows = pd.DataFrame({"orders": [1.0, 50.0], "visits": [1.0, 1.0]})
predictions = {}
for name in sys.argv[2].split():
    address = f"models:/demo.{name}/1"
    flavors = mlflow.models.get_model_info(address).flavors
    native = mlflow.lightgbm if "lightgbm" in flavors else mlflow.sklearn
    predictions[name] = list(native.load_model(address).predict(rows))
    assert predictions[name] == list(mlflow.pyfunc.load_model(address).predict(rows))
assert not [name for name in sys.modules if name.split(".")[0] in BLOCKED]
print(json.dumps(predictions))
"""
    environment: dict[str, Any] = {"PATH": "/usr/bin:/bin", "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, tracking.uri, " ".join(models), " ".join(NOT_INSTALLED)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    predictions: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return predictions
