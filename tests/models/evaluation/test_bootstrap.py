"""Evidence of how good a model is: intervals that hold, pictures that show what is known by construction."""

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from data.arrays import Floats
from data.statistics import auc
from models.evaluation.bootstrap import mean_interval, metric_intervals
from models.evaluation.importance import gain_importance, importance_stability, sample_contributions
from models.evaluation.report import probability_figures
from models.plots.diagnostics import plot_learning_curve


def drawn(rows: int, seed: int, skill: float = 1.0) -> tuple[Floats, Floats]:
    """Chances, and what happened by them."""
    rng = np.random.default_rng(seed)
    predicted = expit(-1 + skill * rng.normal(size=rows))
    return predicted, (rng.random(rows) < predicted).astype(float)


def booster(rows: pd.DataFrame, target: Floats) -> lgb.Booster:
    params = {"objective": "regression", "verbosity": -1, "min_data_in_leaf": 5, "num_threads": 1}
    return lgb.train(params, lgb.Dataset(rows, target), num_boost_round=20)


def test_intervals_hold_the_metric_of_all_in_about_95_of_100_samples() -> None:
    truth = auc(*drawn(200_000, seed=99))
    held = 0
    for seed in range(100):
        low, high = metric_intervals(*drawn(250, seed), seed=0, metrics={"auc": auc})["auc"]
        held += low <= truth <= high
    assert 88 <= held <= 99


def test_the_same_seed_gives_the_same_bounds_and_more_rows_narrower_ones() -> None:
    few, many = drawn(200, 1), drawn(5_000, 1)
    assert metric_intervals(*few, seed=3) == metric_intervals(*few, seed=3)
    for name, (low, high) in metric_intervals(*many, seed=3).items():
        wide = metric_intervals(*few, seed=3)[name]
        assert high - low < wide[1] - wide[0]


def test_rows_of_one_case_are_drawn_together() -> None:
    predicted, happened = drawn(100, 5)
    thrice = np.tile(predicted, 3), np.tile(happened, 3)
    whose = np.tile(np.arange(100), 3)
    once = metric_intervals(predicted, happened, seed=1)["brier"]
    alone, together = (
        metric_intervals(*thrice, seed=1)["brier"],
        metric_intervals(*thrice, seed=1, clusters=whose)["brier"],
    )
    assert alone[1] - alone[0] < 0.75 * (once[1] - once[0])
    assert together[1] - together[0] == pytest.approx(once[1] - once[0], rel=0.3)


def test_what_is_not_defined_has_no_bounds() -> None:
    predicted = np.array([0.1, 0.2, 0.3])
    assert "auc" not in metric_intervals(predicted, np.zeros(3), seed=1)
    assert mean_interval([], seed=1) is None
    assert mean_interval([float("nan"), 2.0, 2.0], seed=1) == (2.0, 2.0)


def test_importance_is_of_the_feature_that_matters_and_is_stable_over_folds() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(600, 3)), columns=["matters", "little", "nothing"])
    target = 3 * rows["matters"].to_numpy() + 0.5 * rows["little"].to_numpy()
    shares = [gain_importance(booster(rows[part::2], target[part::2])) for part in (0, 1)]
    assert shares[0]["matters"] > 0.9
    assert sum(shares[0].values()) == pytest.approx(1.0)
    assert importance_stability(pd.DataFrame(shares)) == 1.0
    assert importance_stability(pd.DataFrame([{"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 3.0, "b": 2.0, "c": 1.0}])) == -1.0


def test_contributions_add_up_to_the_raw_score() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.normal(size=(900, 2)), columns=["a", "b"])
    trees = booster(rows, rows["a"].to_numpy())
    sample, shares = sample_contributions(trees, rows)
    assert len(sample) == 400
    assert list(shares.columns) == ["a", "b"]
    left = trees.predict(sample) - shares.sum(axis=1).to_numpy()
    assert np.ptp(left) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_pictures_are_drawn_of_any_number_of_rows(rows: int, tmp_path) -> None:
    predicted, happened = drawn(rows, 2)
    table = pd.DataFrame({"a": np.arange(rows, dtype=float), "b": 0.0})
    trees = booster(pd.DataFrame({"a": np.arange(50.0), "b": 0.0}), np.arange(50.0))
    pictures = probability_figures("said as of a date", predicted, happened, trees, table)
    assert set(pictures) == {"reliability", "gain", "shap summary"}
    for name, figure in {**pictures, "curve": plot_learning_curve("log loss", [5], [0.1], [0.2], 0.3)}.items():
        figure.savefig(tmp_path / f"{name}.png")
