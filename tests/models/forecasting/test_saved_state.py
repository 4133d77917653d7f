"""A fitted ensemble is saved as JSON, and forecasts later tables without a backtest."""

import json

import numpy as np
import pandas as pd
import pytest

from models.forecasting.ensemble import FittedEnsemble
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import LIGHTGBM, PARENT_SEASONALITY, fit_global_trees
from models.forecasting.method import BASELINE
from models.forecasting.saved_state import from_state, to_state

LEAVES = pd.DataFrame({"unique_id": ["a", "b", "c"], "region": ["north", "north", "south"]})
METHODS = ("drift", "seasonal growth", "dynamic theta", PARENT_SEASONALITY, LIGHTGBM)


def sales(months: int = 48, with_young: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    dates = pd.date_range("2020-01-01", periods=months, freq="MS")
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(60)[:months] / 12)
    parts = []
    for name, size in zip(LEAVES["unique_id"], (100.0, 300.0, 50.0), strict=True):
        noise = rng.normal(1, 0.05, 60)[:months]
        values = size * season * noise * 1.01 ** np.arange(months)
        parts.append(pd.DataFrame({"unique_id": name, "ds": dates, "y": values}))
    if with_young:
        parts.append(pd.DataFrame({"unique_id": "d", "ds": dates[-4:], "y": 40.0}))
    return pd.concat(parts, ignore_index=True)


def unfitted() -> Forecaster:
    return Forecaster(6, freq="M", methods=METHODS, seed=1)


@pytest.fixture(scope="module")
def fitted() -> Forecaster:
    return unfitted().fit(sales(), LEAVES)


@pytest.fixture(scope="module")
def loaded(fitted: Forecaster) -> FittedEnsemble:
    return from_state(json.loads(json.dumps(to_state(fitted.ensemble_), allow_nan=False)))


def test_a_loaded_ensemble_has_the_state_that_was_saved(fitted: Forecaster, loaded: FittedEnsemble) -> None:
    assert to_state(loaded) == to_state(fitted.ensemble_)
    assert loaded.methods == fitted.ensemble_.methods
    np.testing.assert_allclose(loaded.weights, fitted.ensemble_.weights, atol=1e-6)


def test_the_same_table_is_forecast_the_same_by_a_loaded_ensemble(fitted: Forecaster, loaded: FittedEnsemble) -> None:
    booster = fit_global_trees(fitted.panel_, 0, 1, 1)
    again = unfitted().refit(sales(), LEAVES, ensemble=loaded, booster=booster).predict()
    first = fitted.predict()
    numbers = [name for name in first if name not in ("unique_id", "ds", "model", "notes")]
    pd.testing.assert_frame_equal(again[["unique_id", "ds"]], first[["unique_id", "ds"]])
    np.testing.assert_allclose(again[numbers], first[numbers], rtol=1e-4)
    assert again["model"].tolist() == first["model"].tolist()


def test_a_later_table_is_forecast_further_and_a_new_series_is_a_share_of_its_parent(loaded: FittedEnsemble) -> None:
    leaves = pd.concat([LEAVES, pd.DataFrame({"unique_id": ["d"], "region": ["south"]})])
    predicted = unfitted().refit(sales(50, with_young=True), leaves, ensemble=loaded).predict()
    assert predicted["ds"].min() == pd.Timestamp("2024-03-01")
    wide = predicted.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide[["a", "b", "c", "d"]].sum(axis=1), wide["total"])
    young = predicted[predicted["unique_id"] == "d"]
    assert young["model"].str.startswith("share of region=south").all()
    assert young["notes"].str.contains("too few for a backtest: wider intervals").all()
    assert (young["high_80"] > young["point"]).all()


def test_a_baseline_only_ensemble_forecasts_every_series_by_the_baseline(loaded: FittedEnsemble) -> None:
    leaves = pd.concat([LEAVES, pd.DataFrame({"unique_id": ["d"], "region": ["south"]})])
    old_enough = pd.concat([sales(), sales().query("unique_id == 'c'").assign(unique_id="d")])
    predicted = unfitted().refit(old_enough, leaves, ensemble=loaded.baseline_only()).predict()
    assert set(predicted["model"]) == {BASELINE}
    last = sales().query("unique_id == 'a'")["y"].to_numpy()[-12:-6]
    np.testing.assert_allclose(predicted.query("unique_id == 'a'")["point"], last, rtol=0.05)  # reconciled


def test_an_unknown_series_gets_mean_weights_and_an_unknown_method_none(loaded: FittedEnsemble) -> None:
    weights = loaded.weights_of(["new"], [*loaded.methods, "oracle"])
    np.testing.assert_allclose(weights, [[*loaded.weights.mean(axis=0), 0.0]])
    assert loaded.untested_of(["new", "a"]).tolist() == [True, False]
    assert loaded.baseline_wins_of(["new"]).tolist() == [False]
