"""What a forecaster learnt is kept as JSON, forecasts later nights without a backtest, and is judged on the unseen."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import fit_trees
from models.forecasting.local_methods import PLAIN
from models.forecasting.nested_evaluation import judged, level_weights
from models.forecasting.saved_state import carry_on, kept

LEAVES = pd.DataFrame({"unique_id": ["a", "b", "c"], "region": ["north", "north", "south"]})
MEMBERS = ("drift", "seasonal growth", "dynamic theta", "family season", "lightgbm")


def table(months: int = 48, extra: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    days = pd.date_range("2020-01-01", periods=months, freq="MS")
    wave = 1 + 0.3 * np.sin(2 * np.pi * np.arange(60)[:months] / 12)
    rows = []
    for name, size in zip(LEAVES["unique_id"], (100.0, 300.0, 50.0), strict=True):
        noise = rng.normal(1, 0.05, 60)[:months]
        rows.append(pd.DataFrame({"unique_id": name, "ds": days, "y": size * wave * noise * 1.01 ** np.arange(months)}))
    if extra:
        rows.append(pd.DataFrame({"unique_id": "d", "ds": days[-4:], "y": 40.0}))
    return pd.concat(rows, ignore_index=True)


def fresh() -> Forecaster:
    return Forecaster(6, frequency="M", members=MEMBERS, seed=1)


@pytest.fixture(scope="module")
def made() -> Forecaster:
    return fresh().fit(table(), LEAVES)


def test_the_same_table_is_forecast_the_same_from_what_was_kept(made: Forecaster) -> None:
    state = json.loads(json.dumps(kept(made), allow_nan=False))
    booster = fit_trees(made.table_, 0, 1, 1)
    again = carry_on(state, fresh(), table(), LEAVES, booster=booster).predict()
    first = made.predict()
    numbers = [name for name in first if name not in ("unique_id", "ds", "model", "notes")]
    pd.testing.assert_frame_equal(again[["unique_id", "ds"]], first[["unique_id", "ds"]])
    np.testing.assert_allclose(again[numbers], first[numbers], rtol=1e-4)
    assert again["model"].tolist() == first["model"].tolist()


def test_a_later_table_moves_on_and_a_new_series_is_a_share_of_its_whole(made: Forecaster) -> None:
    places = pd.concat([LEAVES, pd.DataFrame({"unique_id": ["d"], "region": ["south"]})])
    later = carry_on(kept(made), fresh(), table(50, extra=True), places)
    told = later.predict()
    assert told["ds"].min() == pd.Timestamp("2024-03-01")
    wide = told.pivot(index="ds", columns="unique_id", values="point")
    np.testing.assert_allclose(wide[["a", "b", "c", "d"]].sum(axis=1), wide["total"])
    young = told[told["unique_id"] == "d"]
    assert young["model"].str.startswith("share of region=south").all()
    assert (young["high_80"] > young["point"]).all()


def test_the_plain_forecast_is_shipped_where_it_is_asked_for(made: Forecaster) -> None:
    told = carry_on(kept(made), fresh(), table(), LEAVES, plain=True).predict()
    assert set(told["model"]) == {PLAIN}
    last = table().query("unique_id == 'a'")["y"].to_numpy()[-12:-6]
    np.testing.assert_allclose(told.query("unique_id == 'a'")["point"], last, rtol=0.05)  # and made coherent


def test_an_origin_is_judged_by_weights_of_what_was_over_by_then(made: Forecaster) -> None:
    before = judged(made)
    heard = made.heard_
    came = heard.came.copy()
    came[:, -1] *= 3.0  # what the nearest origin is judged on
    made.heard_ = replace(heard, came=came)
    try:
        after = judged(made)
    finally:
        made.heard_ = heard
    np.testing.assert_array_equal(after.lost[:, :-1], before.lost[:, :-1])
    said = [np.stack([one.came[-1] - one.missed[-1], one.came[-1] + one.missed[-1]]) for one in (before, after)]
    closest = np.abs(said[0][:, None] - said[1][None]).min(axis=(0, 1))
    known = ~np.isnan(closest)
    assert known.any()
    assert closest[known].max() < 1e-6


def test_every_level_counts_alike_in_the_judgement() -> None:
    known = np.ones((3, 2, 4), dtype=bool)
    weights = level_weights(["total", "leaf", "leaf"], known)
    assert weights[0].sum() == pytest.approx(weights[1:].sum())
    assert weights.mean() == pytest.approx(1.0)
