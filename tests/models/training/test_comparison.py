"""Two versions side by side: what differs between them, who scored which nights, and which is better."""

import json
from dataclasses import replace
from datetime import date, datetime

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from data.errors import TrackingError
from models.model import Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.training.comparison import SAME_TEST, compare, nights
from models.training.promotion import Rival
from models.training.tracking import Tracking
from models.training.versions import Provenance

ROWS = 200
COMMON = np.random.default_rng(0).gamma(2.0, 0.3, ROWS)


def judgement(gain: float) -> Evaluation:
    losses = COMMON - gain
    return Evaluation(
        "log loss", float(losses.mean()), "rate", 2.0, tuple(losses), (2.0,) * ROWS, {"auc": 0.7}, {"auc": (0.6, 0.8)}
    )


def challenger(gain: float, columns: list[str], leaves: int, trained_as_of: date) -> Challenger:
    rows = pd.DataFrame({name: np.arange(30.0) for name in columns})
    params = {"verbosity": -1, "min_data_in_leaf": 5}
    return Challenger(
        model="churn",
        flavor="lightgbm",
        estimator=lgb.train(params, lgb.Dataset(rows, np.arange(30.0)), num_boost_round=1),
        state={},
        evaluation=judgement(gain),
        features_hash="abc",
        example=rows.head(2),
        params={"leaves": leaves, "seed": 7},
        figures=LazyFigures(),
        trained_as_of=trained_as_of,
        rows=30,
    )


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    """Three versions: the second of the date and data of the first, the third later and evaluated with the first."""
    store = Tracking(tmp_path_factory.mktemp("mlruns"), "acme")
    first = challenger(0.0, ["orders", "visits"], 15, date(2025, 1, 1))
    store.log(first, Provenance("night-1", "same", "code", "c0mm1t"))
    store.promote("churn", "1", by="night-1")
    store.log(challenger(0.1, ["orders", "tickets"], 31, date(2025, 1, 1)), Provenance("train-2", "same"))
    champion = Champion("churn", "1", "model", None, {}, "abc", date(2025, 1, 1))
    half = tuple(np.where(np.arange(ROWS) < 100, np.nan, COMMON))
    third = replace(first, evaluation=judgement(-0.2), trained_as_of=date(2025, 4, 1))
    store.log(third, Provenance("night-3", "other"), [Rival(champion, replace(judgement(0.0), losses=half))])
    return store


@pytest.fixture
def runs() -> pd.DataFrame:
    """Two nights of the first version (the rows of one were removed since), and what must not be counted."""
    rows = [
        ("n1", "acme", date(2025, 1, 2), "retired", {"churn": "1"}),
        ("n2", "acme", date(2025, 1, 3), "published", {"churn": "1", "win": "2"}),
        ("n3", "acme", date(2025, 1, 4), "stopped", {"churn": "1"}),
        ("n4", "other", date(2025, 1, 5), "published", {"churn": "1"}),
    ]
    frame = pd.DataFrame(rows, columns=["run_id", "company", "as_of", "status", "model_versions"])
    return frame.assign(
        model_versions=frame["model_versions"].map(json.dumps), started_at=datetime(2025, 1, 1), reason=None
    )


def test_versions_of_the_same_date_and_data_are_compared_row_by_row(tracking: Tracking, runs: pd.DataFrame) -> None:
    found = compare(tracking, runs, "churn", "1", "v2")
    assert (found.first.number, found.second.number, found.compared_on) == ("1", "2", SAME_TEST)
    assert found.paired is not None
    assert (found.paired.rows, found.paired.gain, found.paired.win_share) == (ROWS, pytest.approx(0.1), 1.0)


def test_a_champion_that_was_evaluated_with_a_challenger_is_compared_on_those_rows(
    tracking: Tracking, runs: pd.DataFrame
) -> None:
    for pair, gain in ((("1", "3"), -0.2), (("3", "1"), 0.2)):
        found = compare(tracking, runs, "churn", *pair)
        assert found.paired is not None
        assert (found.paired.rows, found.paired.gain) == (100, pytest.approx(gain))
        assert "the test rows of v3" in found.compared_on


def test_versions_without_common_test_rows_have_no_difference(tracking: Tracking, runs: pd.DataFrame) -> None:
    found = compare(tracking, runs, "churn", "2", "3")
    assert found.paired is None
    assert "never evaluated on the same rows" in found.compared_on


def test_parameters_and_features_differ_as_they_were_logged(tracking: Tracking, runs: pd.DataFrame) -> None:
    found = compare(tracking, runs, "churn", "1", "2")
    assert found.params.to_dict("records") == [{"parameter": "leaves", "first": "15", "second": "31"}]
    assert (found.added, found.removed) == (("tickets",), ("visits",))
    auc = found.metrics.set_index("metric").loc["auc"]
    assert list(auc[["first", "first_low", "first_high", "second"]]) == [0.7, 0.6, 0.8, 0.7]
    assert not set(found.metrics["metric"]) & {"auc low", "auc high"}
    assert (found.first.provenance.commit, found.second.provenance.data_hash) == ("c0mm1t", "same")


def test_nights_are_those_that_readers_saw(tracking: Tracking, runs: pd.DataFrame) -> None:
    assert nights(runs, "acme", "churn", "1") == [date(2025, 1, 2), date(2025, 1, 3)]
    assert compare(tracking, runs, "churn", "1", "2").nights == {"1": [date(2025, 1, 2), date(2025, 1, 3)], "2": []}


def test_without_names_the_champion_meets_the_latest(tracking: Tracking, runs: pd.DataFrame) -> None:
    found = compare(tracking, runs, "churn", None, None)
    assert (found.first.number, found.second.number) == ("1", "3")


@pytest.mark.parametrize(
    ("model", "pair", "words"),
    [
        ("churn", ("1", "9"), r"no version 9 of churn(?s:.)*name one of 3, 2, 1"),
        ("churn", ("x", "1"), "no version x of churn"),
        ("win", (None, None), r"win has 0 versions(?s:.)*gelir train"),
    ],
)
def test_versions_that_there_are_not_are_named(
    tracking: Tracking, runs: pd.DataFrame, model: str, pair: tuple[str | None, str | None], words: str
) -> None:
    with pytest.raises(TrackingError, match=words):
        compare(tracking, runs, model, *pair)
