"""Chances on any table: scikit-learn's contract, probabilities that mean what they say, and bad tables refused."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from models.estimators.binary_classifier import AbstainedWarning, ChanceClassifier
from models.evaluation.metrics import auc, calibration_error


@pytest.mark.filterwarnings("ignore::models.estimators.binary_classifier.AbstainedWarning")
@parametrize_with_checks([ChanceClassifier(folds=2)])
def test_the_contract_of_scikit_learn_is_kept(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def customers(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A table, whether each left, and its true chance: by plan, by a bend in age, and by both tickets and size."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.exponential(24, count),
            "plan": rng.choice(["monthly", "yearly", None], count, p=[0.5, 0.4, 0.1]),
            "tickets": rng.poisson(2, count).astype(float),
            "large": rng.random(count) < 0.3,
            "noise": rng.normal(size=count),
        }
    )
    table.loc[rng.random(count) < 0.2, "tickets"] = np.nan
    odds = -0.5 - 1.5 * np.minimum(table["age"] / 24, 1) + 1.2 * (table["plan"] == "monthly")
    odds += np.where(table["large"], 1.2, 0.0) * (table["tickets"].fillna(2) - 2)
    chance = expit(odds.to_numpy())
    return table, (rng.random(count) < chance).astype(int), chance


@pytest.fixture(scope="module")
def learnt() -> ChanceClassifier:
    table, left, _ = customers(3_000, seed=1)
    return ChanceClassifier().fit(table, np.where(left, "left", "stayed"))


def test_planted_chances_come_back_calibrated(learnt: ChanceClassifier) -> None:
    table, left, chance = customers(4_000, seed=2)
    said = learnt.predict_proba(table)[:, list(learnt.classes_).index("left")]
    assert auc(said, left) > auc(chance, left) - 0.025
    assert calibration_error(said, left) < 0.03
    assert np.abs(said - chance).mean() < 0.07
    assert list(learnt.classes_) == ["left", "stayed"]


def test_gaps_and_values_never_seen_get_a_chance_between_those_of_values_seen(learnt: ChanceClassifier) -> None:
    row = pd.DataFrame({"age": 20.0, "plan": ["monthly", "yearly", "weekly", None], "tickets": 2.0, "large": False})
    said = learnt.predict_proba(row.assign(noise=0.0))[:, 0]
    assert said[1] < said[2] < said[0]
    assert said[1] < said[3] < said[0]


def test_the_same_rows_give_the_same_chances(learnt: ChanceClassifier) -> None:
    table, left, _ = customers(3_000, seed=1)
    again = ChanceClassifier().fit(table, np.where(left, "left", "stayed"))
    assert (again.predict_proba(table) == learnt.predict_proba(table)).all()


def test_where_nothing_can_be_known_the_rate_is_said() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(1_500, 4)), columns=list("abcd"))
    left = (rng.random(1_500) < 0.2).astype(int)
    said = ChanceClassifier(folds=3).fit(table, left).predict_proba(table)[:, 1]
    assert np.abs(said - 0.2).max() < 0.1


def test_copies_of_rows_are_not_learnt_by_heart() -> None:
    """Every row ten times, outcomes by chance: parts that share copies would find skill where there is none."""
    rng = np.random.default_rng(7)
    once = pd.DataFrame(rng.normal(size=(150, 5)), columns=list("abcde"))
    outcome = (rng.random(150) < 0.5).astype(int)
    twice = pd.concat([once] * 2, ignore_index=True)
    said = ChanceClassifier().fit(twice, np.tile(outcome, 2)).predict_proba(once)[:, 1]
    assert np.abs(said - 0.5).max() < 0.2


def drifting(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Of 12 months the effect of x turns round at month 6, and an index says which month it is."""
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(12), 250)
    x = rng.normal(size=len(month))
    turned = np.where(month < 6, -2.0, 2.0)
    table = pd.DataFrame({"x": x, "index": month + rng.normal(0, 0.01, len(month))})
    return table, (rng.random(len(month)) < expit(turned * x)).astype(int), month


def test_the_past_fades_where_it_misleads() -> None:
    table, came, month = drifting(seed=8)
    model = ChanceClassifier().fit(table[["x"]], came, when=month)
    assert model.half_life_ is not None
    said = model.predict_proba(pd.DataFrame({"x": [-2.0, 2.0]}))[:, 1]
    assert said[0] < 0.2
    assert said[1] > 0.8


def test_nothing_after_a_row_is_needed_to_order_time() -> None:
    table, came, month = drifting(seed=9)
    shuffled = np.random.default_rng(1).permutation(len(table))
    model = ChanceClassifier().fit(table, came, when=month)
    assert model.ignored_ == {} or model.ignored_ == {"index": "tells the time more than the row"}
    mixed = ChanceClassifier().fit(table.iloc[shuffled], came[shuffled], when=month[shuffled])
    assert mixed.half_life_ == model.half_life_


def small(rows: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.DataFrame({"a": np.arange(rows, dtype=float), "b": ["x", "y"] * (rows // 2)})
    return table, np.arange(rows) % 3 % 2


def test_one_class_only_is_refused() -> None:
    table, _ = small()
    with pytest.raises(ValueError, match="one class only"):
        ChanceClassifier().fit(table, np.ones(len(table)))
    with pytest.raises(ValueError, match="one class only"):
        ChanceClassifier().fit(table, np.arange(60) % 2, sample_weight=np.arange(60) % 2)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_infinite_and_huge_numbers_are_refused_by_name(value: float) -> None:
    table, outcome = small()
    broken = table.assign(a=table["a"].where(table["a"] != 7, value))
    with pytest.raises(ValueError, match=rf"'a' holds {value:g}".replace("+", r"\+") + r" \(row 7\).*infinity"):
        ChanceClassifier().fit(broken, outcome)
    with pytest.raises(ValueError, match="'a' holds"):
        ChanceClassifier().fit(table, outcome).predict_proba(broken)


def test_dates_and_text_for_numbers_are_refused_by_name() -> None:
    table, outcome = small()
    with pytest.raises(ValueError, match="since: dates are no numbers"):
        ChanceClassifier().fit(table.assign(since=pd.Timestamp("2026-01-01")), outcome)
    with pytest.raises(ValueError, match="'a' holds text where numbers were learnt from"):
        ChanceClassifier().fit(table, outcome).predict_proba(table.assign(a="many"))


def test_ten_rows_give_the_flat_rate_and_it_is_said() -> None:
    table, outcome = small(10)
    with pytest.warns(AbstainedWarning, match="3 rows of the rarer class among 10; at least 8 are needed"):
        model = ChanceClassifier().fit(table, outcome)
    assert model.abstained_ is not None
    assert model.predict_proba(table)[:, 1] == pytest.approx(np.full(10, 3.5 / 11))


def test_columns_that_tell_nothing_are_left_out_with_the_reason() -> None:
    table, outcome = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ChanceClassifier().fit(table.assign(empty=np.nan, same=4, id=[f"c{at}" for at in range(60)]), outcome)
    assert model.ignored_ == {
        "empty": "has no value at all",
        "same": "is 4 in every row",
        "id": "has no value that 3 rows share",
    }
    with pytest.warns(AbstainedWarning, match="none of 1 columns tells rows apart"):
        ChanceClassifier().fit(table[["a"]].assign(a=1.0), outcome)


def test_five_thousand_columns_are_learnt_from_without_inventing_skill() -> None:
    rng = np.random.default_rng(3)
    table, fresh = (pd.DataFrame(rng.normal(size=(80, 5_000))).rename(columns=str) for _ in range(2))
    outcome = (rng.random(80) < 0.5).astype(int)
    said = ChanceClassifier(folds=2).fit(table, outcome).predict_proba(fresh)[:, 1]
    assert np.abs(said - 0.5).mean() < 0.2


def test_the_level_follows_the_newest_outcomes_and_the_order_stays() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=2_000)
    came = (rng.random(2_000) < expit(x - 2)).astype(int)
    model = ChanceClassifier(folds=2).fit(pd.DataFrame({"x": x}), came)
    asked = pd.DataFrame({"x": [-1.0, 0.0, 1.0]})
    before = model.predict_proba(asked)[:, 1]
    for _ in range(10):
        fresh = rng.normal(size=40)
        model.follow(pd.DataFrame({"x": fresh}), (rng.random(40) < expit(fresh)).astype(int))
    after = model.predict_proba(asked)[:, 1]
    assert after[1] == pytest.approx(0.5, abs=0.1)
    assert (np.diff(after) > 0).all()
    assert np.log(after / (1 - after)) - np.log(before / (1 - before)) == pytest.approx(np.full(3, model.level_.added))
    with pytest.raises(ValueError, match="y holds 2; classes are 0 and 1"):
        model.follow(asked, [0, 1, 2])


def test_an_order_that_did_not_last_is_not_trusted() -> None:
    """What told rows apart in each of eight months told nothing in the next: x points somewhere else every time."""
    rng = np.random.default_rng(12)
    month = np.repeat(np.arange(8), 300)
    x = rng.normal(size=(len(month), 8))
    came = (rng.random(len(month)) < expit(2 * x[np.arange(len(month)), month] - 1)).astype(int)
    model = ChanceClassifier().fit(pd.DataFrame(x).rename(columns=str), came, when=month)
    drawn_by_lot = ChanceClassifier().fit(pd.DataFrame(x).rename(columns=str), came)
    fresh = pd.DataFrame(rng.normal(size=(500, 8))).rename(columns=str)
    spread, by_lot = (one.predict_proba(fresh)[:, 1].std() for one in (model, drawn_by_lot))
    assert spread < 0.5 * by_lot
