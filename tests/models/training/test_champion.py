"""Selection of the version that scores: promoted, pinned, tuned and replayed versions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from data.errors import TrackingError
from data.lake import Lake
from features.company import Company, data_digest
from models.evaluation.cross_validation import FittedModel, Range, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.training.champion import TrainingPolicy, train, train_tuned
from models.training.tracking import Tracking
from models.training.tuning import Budget
from tests.models.small_company import simulated_company

FIRST = date(2025, 1, 1)
ROWS = 50
NUMBERS = count()


class Guess:
    """A model of one parameter: tuned, its loss is the distance of the guess from 0; otherwise ``loss``.

    ``now``: loss of each version today; versions missing there were trained on every row.
    """

    name = "guess"
    question = "What is it?"
    needs: tuple[tuple[str, ...], ...] = (("accounts",),)
    tables: tuple[str, ...] = ()
    rows = "cases"
    features_hash = "abc"

    def __init__(
        self, loss: float = 0.5, now: dict[str, float] | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        self.params = dict(params or {})
        self.now = now or {}
        self.loss = abs(float(self.params.get("guess", loss)))

    def with_params(self, params: Mapping[str, Any]) -> "Guess":
        return Guess(self.loss, self.now, params)

    def train(self, company: Company) -> Challenger | Abstention:
        rows = pd.DataFrame({"a": np.arange(20.0)})
        params = {"verbosity": -1, "min_data_in_leaf": 5}
        return Challenger(
            model=self.name,
            flavor="lightgbm",
            estimator=lgb.train(params, lgb.Dataset(rows, rows["a"]), num_boost_round=1),
            state={},
            evaluation=_evaluation(self.loss),
            features_hash=self.features_hash,
            example=rows.head(2),
            params={"guess": self.loss},
            figures=LazyFigures(),
            trained_as_of=company.as_of,
            rows=ROWS,
            tuned_params=self.params,
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        return _evaluation(self.now.get(champion.version, float("nan")))

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        return {}

    def study(self, company: Company) -> Study | Abstention:
        days = [company.as_of - timedelta(days=90 * back) for back in range(1, 6)]
        rows = pd.DataFrame({"case": "C", "as_of": sorted(days)})
        return Study(
            key="case",
            rows=rows,
            horizon_days=90,
            test_dates=(days[0],),
            metric="loss",
            fit=lambda _, params: FittedModel(lambda rows: np.full(len(rows), params.get("guess", 0.5)), {"a": 1.0}),
            losses=lambda predictions, _: np.abs(predictions),
            metrics=lambda predictions, _: {},
            predict_baseline=lambda _, rows: np.ones(len(rows)),
            space={"guess": Range(-1.0, 1.0)},
            feature_labels={},
        )


def _evaluation(loss: float) -> Evaluation:
    return Evaluation("loss", loss, "nothing", 1.0, (loss,) * ROWS, (1.0,) * ROWS)


@pytest.fixture(scope="module")
def company() -> Company:
    return simulated_company(10)


class Nights:
    """A model store and a lake in which nights are trained one after the other."""

    def __init__(self, root: Path, name: str, company: Company) -> None:
        self.tracking = Tracking(root, name)
        self.lake = Lake(root / name)
        self.company = company
        self.runs = 0

    def night(self, model: Guess, week: int = 0, **policy: Any) -> dict[str, Any]:
        """The row of a model that is trained some weeks after the first date."""
        self.runs += 1
        company = replace(self.company, as_of=FIRST + timedelta(days=7 * week))
        training = TrainingPolicy(f"night-{self.runs}", 7, **policy)
        with self.lake.write_step(training.run_id, "train") as draft:
            train(model, company, self.tracking, training, draft)
        return dict(self.lake.step(training.run_id, "train").frame("result").iloc[0])

    def tune(self, model: Any, week: int, trials: int = 20) -> dict[str, Any]:
        self.runs += 1
        company = replace(self.company, as_of=FIRST + timedelta(days=7 * week))
        with self.lake.write_step(f"tune-{self.runs}", "train") as draft:
            policy = TrainingPolicy(f"tune-{self.runs}", 7)
            train_tuned(model, company, self.tracking, policy, Budget(trials=trials), draft)
        return dict(self.lake.step(f"tune-{self.runs}", "train").frame("result").iloc[0])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: to make MLflow's database takes seconds, and companies do not share models."""
    return tmp_path_factory.mktemp("mlruns")


@pytest.fixture
def nights(root: Path, company: Company) -> Nights:
    return Nights(root, f"acme-{next(NUMBERS)}", company)


def test_a_challenger_must_beat_every_earlier_champion(nights: Nights) -> None:
    assert nights.night(Guess())["version"] == "1"
    assert nights.night(Guess(0.4, now={"1": 0.6}), week=1)["version"] == "2"
    row = nights.night(Guess(0.3, now={"1": 0.2, "2": 0.8}), week=2)
    assert row["version"] == "2"
    assert "lower loss than v1 (a former champion, harder to beat here than v2)" in row["verdict"]
    assert nights.night(Guess(0.1, now={"1": 0.2, "2": 0.8}), week=3)["version"] == "4"
    versions = {version.number: version for version in nights.tracking.versions("guess")}
    assert {number: version.champion_by for number, version in versions.items()} == {
        "1": "night-1",
        "2": "night-2",
        "3": "",
        "4": "night-4",
    }
    assert versions["3"].verdict == row["verdict"]
    assert list(nights.tracking.details("guess", "4").losses) == ["challenger", "baseline", "v2", "v1"]


def test_age_alone_replaces_no_champion(nights: Nights) -> None:
    nights.night(Guess())
    row = nights.night(Guess(), week=50)
    assert row["version"] == "1"
    assert "v1 was trained on every row" in row["verdict"]


def test_champions_of_the_same_date_and_data_compete_by_their_logged_evaluation(nights: Nights) -> None:
    nights.night(Guess())
    assert nights.night(Guess(), always=True)["version"] == "1"
    row = nights.night(Guess(0.1), always=True)
    assert row["version"] == "3"
    assert "lower loss than v1 in 100% of resamples over 50 rows" in row["verdict"]


def test_a_pinned_version_stays_until_it_is_released(nights: Nights) -> None:
    nights.night(Guess())
    nights.night(Guess(0.4, now={"1": 0.6}), week=1)
    nights.tracking.pin("guess", "1")
    row = nights.night(Guess(0.1, now={"1": 0.6, "2": 0.6}), week=2)
    assert row["version"] == "1"
    assert "v1 is pinned until `gelir champion guess --release`; v3 is better" in row["verdict"]
    nights.tracking.unpin("guess")
    assert nights.night(Guess(0.05, now={"1": 0.6, "2": 0.6}), week=3)["version"] == "4"


def test_a_missing_version_cannot_be_pinned(nights: Nights) -> None:
    nights.night(Guess())
    with pytest.raises(TrackingError, match=r"no version 7 of guess(?s:.)*name one of 1"):
        nights.tracking.pin("guess", "7")


def test_tuned_parameters_are_promoted_and_used_from_then_on(nights: Nights) -> None:
    nights.night(Guess())
    row = nights.tune(Guess(), week=1)
    assert row["version"] == "2"
    champion = nights.tracking.champion("guess")
    assert champion is not None
    assert abs(champion.tuned_params["guess"]) < 0.2
    nights.night(Guess(now={"2": 0.5}), week=2)
    assert nights.tracking.versions("guess")[0].tuned_params == champion.tuned_params


def test_a_search_is_logged_with_all_its_trials(nights: Nights) -> None:
    nights.tune(Guess(), week=0, trials=3)
    client = nights.tracking._client
    runs = client.search_runs([nights.tracking._experiment(nights.tracking.name("guess"))])
    (search,) = (run for run in runs if run.data.tags.get("gelir.tuning"))
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == search.info.run_id]
    assert sorted(run.info.run_name for run in trials) == [f"trial {number}" for number in range(4)]
    assert all(run.info.status == "FINISHED" for run in runs)


def test_a_model_without_a_study_cannot_be_tuned(nights: Nights) -> None:
    class Fixed:
        name = "fixed"

    with pytest.raises(TrackingError, match="fixed cannot be tuned"):
        nights.tune(Fixed(), week=0)


def test_a_thorough_training_logs_every_fold_as_a_child_run(nights: Nights) -> None:
    nights.night(Guess(), always=True)
    runs = nights.tracking._client.search_runs([nights.tracking._experiment(nights.tracking.name("guess"))])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in below) == [str(FIRST - timedelta(days=90 * n)) for n in (4, 3, 2, 1)]
    assert all(run.data.metrics == {"loss": 0.5, "loss low": 0.5, "loss high": 0.5} for run in below)
    files = {file.path for file in nights.tracking._client.list_artifacts(parent.info.run_id)}
    assert {"learning curve.png", "folds.png", "importance.png", "losses.parquet", "state.json"} <= files
    assert {"loss low", "loss high"} <= set(parent.data.metrics)


def test_a_replay_scores_with_the_versions_of_its_run(nights: Nights) -> None:
    nights.night(Guess())
    nights.night(Guess(0.4, now={"1": 0.6}), week=1)
    row = nights.night(Guess(), week=1, replayed_run="night-1", replayed_versions={"guess": "1"})
    assert (row["version"], row["verdict"]) == ("1", "scored in run night-1, which is replayed")
    assert len(nights.tracking.versions("guess")) == 2
    row = nights.night(Guess(), week=1, replayed_run="night-1", replayed_versions={})
    assert row["abstained"] == "no version of it scored in run night-1"


def test_a_replay_on_other_features_is_refused(nights: Nights) -> None:
    nights.night(Guess())
    other = Guess()
    other.features_hash = "xyz"
    with pytest.raises(TrackingError, match="v1 of guess was trained on features abc"):
        nights.night(other, replayed_run="night-1", replayed_versions={"guess": "1"})


def test_the_run_logs_its_provenance(nights: Nights) -> None:
    nights.night(Guess(), code="c0de", commit="c0mm1t+")
    (version,) = nights.tracking.versions("guess")
    assert version.provenance.run_id == "night-1"
    assert (version.provenance.code, version.provenance.commit) == ("c0de", "c0mm1t+")
    assert version.provenance.data_hash == data_digest(nights.company)


def test_the_hash_of_the_data_changes_with_any_row_and_not_with_their_order(company: Company) -> None:
    orders = company.tables["orders"]
    turned = replace(company, tables={**company.tables, "orders": orders.order_by(orders.order_id.desc())})
    fewer = replace(company, tables={**company.tables, "orders": orders.filter(orders.order_id != "O000000")})
    assert data_digest(turned) == data_digest(company)
    assert data_digest(fewer) != data_digest(company)
