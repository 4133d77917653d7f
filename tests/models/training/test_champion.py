"""Who scores tonight: the way from a challenger to the champion, to a held one, to a tuned one, and back."""

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
from features.company import Company
from models.evaluation.cross_validation import Fitted, Range, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.training.champion import Terms, train, train_tuned
from models.training.tracking import Tracking
from models.training.tuning import Budget
from tests.models.small_company import living_company

FIRST = date(2025, 1, 1)
ROWS = 50
PLACES = count()


class Guess:
    """A model of one parameter: a tuned one loses what its guess is away from 0, one that is not tuned ``loss``.

    ``now`` says what each version loses today; one that it does not name has learnt from every row.
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
            evaluation=_judgement(self.loss),
            features_hash=self.features_hash,
            example=rows.head(2),
            params={"guess": self.loss},
            figures=LazyFigures(),
            trained_as_of=company.as_of,
            rows=ROWS,
            tuned_params=self.params,
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        return _judgement(self.now.get(champion.version, float("nan")))

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        return {}

    def study(self, company: Company) -> Study | Abstention:
        days = [company.as_of - timedelta(days=90 * back) for back in range(1, 6)]
        rows = pd.DataFrame({"case": "C", "as_of": sorted(days)})
        return Study(
            key="case",
            rows=rows,
            horizon_days=90,
            judged=(days[0],),
            metric="loss",
            fit=lambda _, params: Fitted(lambda asked: np.full(len(asked), params.get("guess", 0.5)), {"a": 1.0}),
            losses=lambda said, _: np.abs(said),
            metrics=lambda said, _: {},
            plain=lambda _, asked: np.ones(len(asked)),
            space={"guess": Range(-1.0, 1.0)},
            words={},
        )


def _judgement(loss: float) -> Evaluation:
    return Evaluation("loss", loss, "nothing", 1.0, (loss,) * ROWS, (1.0,) * ROWS)


@pytest.fixture(scope="module")
def company() -> Company:
    return living_company(10)


class Place:
    """A model store and a lake, in which nights are learnt one after the other."""

    def __init__(self, root: Path, name: str, company: Company) -> None:
        self.tracking = Tracking(root, name)
        self.lake = Lake(root / name)
        self.company = company
        self.runs = 0

    def night(self, model: Guess, week: int = 0, **terms: Any) -> dict[str, Any]:
        """The row of a model that learns some weeks after the first date."""
        self.runs += 1
        company = replace(self.company, as_of=FIRST + timedelta(days=7 * week))
        agreed = Terms(f"night-{self.runs}", 7, **terms)
        with self.lake.writing(agreed.run_id, "learn") as draft:
            train(model, company, self.tracking, agreed, draft)
        return dict(self.lake.step(agreed.run_id, "learn").frame("result").iloc[0])

    def tune(self, model: Any, week: int, trials: int = 20) -> dict[str, Any]:
        self.runs += 1
        company = replace(self.company, as_of=FIRST + timedelta(days=7 * week))
        with self.lake.writing(f"tune-{self.runs}", "learn") as draft:
            train_tuned(model, company, self.tracking, Terms(f"tune-{self.runs}", 7), Budget(trials=trials), draft)
        return dict(self.lake.step(f"tune-{self.runs}", "learn").frame("result").iloc[0])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: to make MLflow's database takes seconds, and companies do not share models."""
    return tmp_path_factory.mktemp("mlruns")


@pytest.fixture
def place(root: Path, company: Company) -> Place:
    return Place(root, f"acme-{next(PLACES)}", company)


def test_a_challenger_must_beat_the_best_champion_there_ever_was(place: Place) -> None:
    assert place.night(Guess())["version"] == "1"
    assert place.night(Guess(0.4, now={"1": 0.6}), week=1)["version"] == "2"
    row = place.night(Guess(0.3, now={"1": 0.2, "2": 0.8}), week=2)
    assert row["version"] == "2"
    assert "lower loss than v1 (once champion, harder to beat here than v2)" in row["verdict"]
    assert place.night(Guess(0.1, now={"1": 0.2, "2": 0.8}), week=3)["version"] == "4"
    made = {version.number: version for version in place.tracking.versions("guess")}
    assert {number: version.champion_by for number, version in made.items()} == {
        "1": "night-1",
        "2": "night-2",
        "3": "",
        "4": "night-4",
    }
    assert made["3"].verdict == row["verdict"]
    assert list(place.tracking.details("guess", "4").losses) == ["challenger", "baseline", "v2", "v1"]


def test_age_alone_takes_no_place(place: Place) -> None:
    place.night(Guess())
    row = place.night(Guess(), week=50)
    assert row["version"] == "1"
    assert "v1 has learnt from every row" in row["verdict"]


def test_of_the_same_date_and_data_what_was_recorded_counts(place: Place) -> None:
    place.night(Guess())
    assert place.night(Guess(), always=True)["version"] == "1"
    row = place.night(Guess(0.1), always=True)
    assert row["version"] == "3"
    assert "lower loss than v1 in 100% of resamples over 50 rows" in row["verdict"]


def test_a_held_version_stays_until_it_is_let_go(place: Place) -> None:
    place.night(Guess())
    place.night(Guess(0.4, now={"1": 0.6}), week=1)
    place.tracking.hold("guess", "1")
    row = place.night(Guess(0.1, now={"1": 0.6, "2": 0.6}), week=2)
    assert row["version"] == "1"
    assert "v1 is held by hand until `gelir champion guess --release`; v3 is better" in row["verdict"]
    place.tracking.release("guess")
    assert place.night(Guess(0.05, now={"1": 0.6, "2": 0.6}), week=3)["version"] == "4"


def test_a_version_that_there_is_not_cannot_be_held(place: Place) -> None:
    place.night(Guess())
    with pytest.raises(TrackingError, match=r"no version 7 of guess(?s:.)*name one of 1"):
        place.tracking.hold("guess", "7")


def test_tuned_parameters_take_the_place_and_are_learnt_with_from_then_on(place: Place) -> None:
    place.night(Guess())
    row = place.tune(Guess(), week=1)
    assert row["version"] == "2"
    champion = place.tracking.champion("guess")
    assert champion is not None
    assert abs(champion.tuned_params["guess"]) < 0.2
    place.night(Guess(now={"2": 0.5}), week=2)
    assert place.tracking.versions("guess")[0].tuned == champion.tuned_params


def test_a_search_is_kept_with_all_its_trials(place: Place) -> None:
    place.tune(Guess(), week=0, trials=3)
    client = place.tracking._client
    runs = client.search_runs([place.tracking._experiment(place.tracking.name("guess"))])
    (search,) = (run for run in runs if run.data.tags.get("gelir.tuning"))
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == search.info.run_id]
    assert sorted(run.info.run_name for run in trials) == [f"trial {number}" for number in range(4)]
    assert all(run.info.status == "FINISHED" for run in runs)


def test_what_cannot_be_studied_cannot_be_tuned(place: Place) -> None:
    class Fixed:
        name = "fixed"

    with pytest.raises(TrackingError, match="fixed cannot be tuned"):
        place.tune(Fixed(), week=0)


def test_a_training_that_has_time_keeps_every_fold_as_a_run_below_its_own(place: Place) -> None:
    place.night(Guess(), always=True)
    runs = place.tracking._client.search_runs([place.tracking._experiment(place.tracking.name("guess"))])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    below = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert sorted(run.info.run_name for run in below) == [str(FIRST - timedelta(days=90 * n)) for n in (4, 3, 2, 1)]
    assert all(run.data.metrics == {"loss": 0.5, "loss low": 0.5, "loss high": 0.5} for run in below)
    files = {file.path for file in place.tracking._client.list_artifacts(parent.info.run_id)}
    assert {"learning curve.png", "folds.png", "importance.png", "losses.parquet", "state.json"} <= files
    assert {"loss low", "loss high"} <= set(parent.data.metrics)


def test_a_replay_scores_with_the_versions_of_its_run(place: Place) -> None:
    place.night(Guess())
    place.night(Guess(0.4, now={"1": 0.6}), week=1)
    row = place.night(Guess(), week=1, replays="night-1", versions={"guess": "1"})
    assert (row["version"], row["verdict"]) == ("1", "scored in run night-1, which is replayed")
    assert len(place.tracking.versions("guess")) == 2
    row = place.night(Guess(), week=1, replays="night-1", versions={})
    assert row["abstained"] == "no version of it scored in run night-1"


def test_a_replay_on_other_features_is_refused(place: Place) -> None:
    place.night(Guess())
    other = Guess()
    other.features_hash = "xyz"
    with pytest.raises(TrackingError, match="v1 of guess was made on features abc"):
        place.night(other, replays="night-1", versions={"guess": "1"})


def test_the_run_says_what_it_was_made_of(place: Place) -> None:
    place.night(Guess(), code="c0de", commit="c0mm1t+")
    (version,) = place.tracking.versions("guess")
    assert version.made.run_id == "night-1"
    assert (version.made.code, version.made.commit) == ("c0de", "c0mm1t+")
    assert version.made.data_hash == place.company.digest()


def test_the_hash_of_the_data_changes_with_any_row_and_not_with_their_order(company: Company) -> None:
    orders = company.tables["orders"]
    turned = replace(company, tables={**company.tables, "orders": orders.order_by(orders.order_id.desc())})
    fewer = replace(company, tables={**company.tables, "orders": orders.filter(orders.order_id != "O000000")})
    assert turned.digest() == company.digest()
    assert fewer.digest() != company.digest()
