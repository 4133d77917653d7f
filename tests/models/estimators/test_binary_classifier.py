"""Chances on any table: scikit-learn's contract, probabilities that mean what they say, and bad tables refused."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from data.statistics import auc
from models.estimators.binary_classifier import BaseRateWarning, BinaryClassifier
from models.evaluation.metrics import calibration_error


@pytest.mark.filterwarnings("ignore::models.estimators.binary_classifier.BaseRateWarning")
@parametrize_with_checks([BinaryClassifier(folds=2)])
def test_scikit_learns_estimator_checks_pass(estimator: BaseEstimator, check: Any) -> None:
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
def fitted() -> BinaryClassifier:
    table, left, _ = customers(3_000, seed=1)
    return BinaryClassifier().fit(table, np.where(left, "left", "stayed"))


def test_planted_probabilities_are_recovered_and_calibrated(fitted: BinaryClassifier) -> None:
    table, left, chance = customers(4_000, seed=2)
    said = fitted.predict_proba(table)[:, list(fitted.classes_).index("left")]
    assert auc(said, left) > auc(chance, left) - 0.025
    assert calibration_error(said, left) < 0.03
    assert np.abs(said - chance).mean() < 0.07
    assert list(fitted.classes_) == ["left", "stayed"]


def test_missing_and_unseen_values_get_a_probability_between_those_of_seen_values(fitted: BinaryClassifier) -> None:
    row = pd.DataFrame({"age": 20.0, "plan": ["monthly", "yearly", "weekly", None], "tickets": 2.0, "large": False})
    said = fitted.predict_proba(row.assign(noise=0.0))[:, 0]
    assert said[1] < said[2] < said[0]
    assert said[1] < said[3] < said[0]


def test_the_same_rows_give_the_same_probabilities(fitted: BinaryClassifier) -> None:
    table, left, _ = customers(3_000, seed=1)
    again = BinaryClassifier().fit(table, np.where(left, "left", "stayed"))
    assert (again.predict_proba(table) == fitted.predict_proba(table)).all()


def test_pure_noise_gives_the_base_rate() -> None:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(1_500, 4)), columns=list("abcd"))
    left = (rng.random(1_500) < 0.2).astype(int)
    said = BinaryClassifier(folds=3).fit(table, left).predict_proba(table)[:, 1]
    assert np.abs(said - 0.2).max() < 0.1


def test_duplicate_rows_are_not_memorized() -> None:
    """Every row ten times, outcomes by chance: parts that share copies would find skill where there is none."""
    rng = np.random.default_rng(7)
    once = pd.DataFrame(rng.normal(size=(150, 5)), columns=list("abcde"))
    outcome = (rng.random(150) < 0.5).astype(int)
    twice = pd.concat([once] * 2, ignore_index=True)
    said = BinaryClassifier().fit(twice, np.tile(outcome, 2)).predict_proba(once)[:, 1]
    assert np.abs(said - 0.5).max() < 0.2


def drifting(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Of 12 months the effect of x turns round at month 6, and an index says which month it is."""
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(12), 250)
    x = rng.normal(size=len(month))
    turned = np.where(month < 6, -2.0, 2.0)
    table = pd.DataFrame({"x": x, "index": month + rng.normal(0, 0.01, len(month))})
    return table, (rng.random(len(month)) < expit(turned * x)).astype(int), month


def test_old_rows_lose_weight_where_they_mislead() -> None:
    table, came, month = drifting(seed=8)
    model = BinaryClassifier().fit(table[["x"]], came, times=month)
    assert model.half_life_ is not None
    said = model.predict_proba(pd.DataFrame({"x": [-2.0, 2.0]}))[:, 1]
    assert said[0] < 0.2
    assert said[1] > 0.8


def test_the_order_of_rows_does_not_matter_when_times_are_given() -> None:
    table, came, month = drifting(seed=9)
    shuffled = np.random.default_rng(1).permutation(len(table))
    model = BinaryClassifier().fit(table, came, times=month)
    assert model.ignored_ == {} or model.ignored_ == {"index": "drifts with time"}
    mixed = BinaryClassifier().fit(table.iloc[shuffled], came[shuffled], times=month[shuffled])
    assert mixed.half_life_ == model.half_life_


def small(rows: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    table = pd.DataFrame({"a": np.arange(rows, dtype=float), "b": ["x", "y"] * (rows // 2)})
    return table, np.arange(rows) % 3 % 2


def test_one_class_only_is_refused() -> None:
    table, _ = small()
    with pytest.raises(ValueError, match="one class only"):
        BinaryClassifier().fit(table, np.ones(len(table)))
    with pytest.raises(ValueError, match="one class only"):
        BinaryClassifier().fit(table, np.arange(60) % 2, sample_weight=np.arange(60) % 2)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_infinite_and_huge_numbers_are_refused_by_name(value: float) -> None:
    table, outcome = small()
    broken = table.assign(a=table["a"].where(table["a"] != 7, value))
    with pytest.raises(ValueError, match=rf"'a' holds {value:g}".replace("+", r"\+") + r" \(row 7\).*infinity"):
        BinaryClassifier().fit(broken, outcome)
    with pytest.raises(ValueError, match="'a' holds"):
        BinaryClassifier().fit(table, outcome).predict_proba(broken)


def test_dates_and_text_for_numbers_are_refused_by_name() -> None:
    table, outcome = small()
    with pytest.raises(ValueError, match="since: dates are no numbers"):
        BinaryClassifier().fit(table.assign(since=pd.Timestamp("2026-01-01")), outcome)
    with pytest.raises(ValueError, match="'a' holds text where training rows held numbers"):
        BinaryClassifier().fit(table, outcome).predict_proba(table.assign(a="many"))


def test_ten_rows_give_the_base_rate_and_a_warning() -> None:
    table, outcome = small(10)
    with pytest.warns(BaseRateWarning, match="3 rows of the rarer class among 10; at least 8 are needed"):
        model = BinaryClassifier().fit(table, outcome)
    assert model.abstained_ is not None
    assert model.predict_proba(table)[:, 1] == pytest.approx(np.full(10, 3.5 / 11))


def test_constant_and_rare_columns_are_left_out_with_the_reason() -> None:
    table, outcome = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = BinaryClassifier().fit(table.assign(empty=np.nan, same=4, id=[f"c{at}" for at in range(60)]), outcome)
    assert model.ignored_ == {
        "empty": "has no value at all",
        "same": "is 4 in every row",
        "id": "has no value that 3 rows share",
    }
    with pytest.warns(BaseRateWarning, match="none of 1 columns varies between rows"):
        BinaryClassifier().fit(table[["a"]].assign(a=1.0), outcome)


def test_five_thousand_noise_columns_show_no_skill() -> None:
    rng = np.random.default_rng(3)
    table, fresh = (pd.DataFrame(rng.normal(size=(80, 5_000))).rename(columns=str) for _ in range(2))
    outcome = (rng.random(80) < 0.5).astype(int)
    said = BinaryClassifier(folds=2).fit(table, outcome).predict_proba(fresh)[:, 1]
    assert np.abs(said - 0.5).mean() < 0.2


def test_the_intercept_follows_the_newest_outcomes_and_the_order_stays() -> None:
    rng = np.random.default_rng(11)
    x = rng.normal(size=2_000)
    came = (rng.random(2_000) < expit(x - 2)).astype(int)
    model = BinaryClassifier(folds=2).fit(pd.DataFrame({"x": x}), came)
    asked = pd.DataFrame({"x": [-1.0, 0.0, 1.0]})
    before = model.predict_proba(asked)[:, 1]
    for _ in range(10):
        fresh = rng.normal(size=40)
        model.update_intercept(pd.DataFrame({"x": fresh}), (rng.random(40) < expit(fresh)).astype(int))
    after = model.predict_proba(asked)[:, 1]
    assert after[1] == pytest.approx(0.5, abs=0.1)
    assert (np.diff(after) > 0).all()
    assert np.log(after / (1 - after)) - np.log(before / (1 - before)) == pytest.approx(
        np.full(3, model.intercept_tracker_.shift)
    )
    with pytest.raises(ValueError, match="y holds 2; classes are 0 and 1"):
        model.update_intercept(asked, [0, 1, 2])


def test_an_effect_that_did_not_last_is_shrunk() -> None:
    """What told rows apart in each of eight months told nothing in the next: x points somewhere else every time."""
    rng = np.random.default_rng(12)
    month = np.repeat(np.arange(8), 300)
    x = rng.normal(size=(len(month), 8))
    came = (rng.random(len(month)) < expit(2 * x[np.arange(len(month)), month] - 1)).astype(int)
    model = BinaryClassifier().fit(pd.DataFrame(x).rename(columns=str), came, times=month)
    drawn_by_lot = BinaryClassifier().fit(pd.DataFrame(x).rename(columns=str), came)
    fresh = pd.DataFrame(rng.normal(size=(500, 8))).rename(columns=str)
    spread, by_lot = (one.predict_proba(fresh)[:, 1].std() for one in (model, drawn_by_lot))
    assert spread < 0.5 * by_lot
