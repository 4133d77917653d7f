"""Trees that put a customer's list in order, and how far up the list what was bought came to stand."""

from typing import Any, Literal

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats, Ints

Objective = Literal["binary", "lambdarank"]

PARAMS: dict[str, Any] = {
    "num_leaves": 31,
    "learning_rate": 0.08,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "lambdarank_truncation_level": 20,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""One thread each: models learn side by side."""
TREES = 100


def fit(
    features: pd.DataFrame,
    bought: Floats,
    lists: Ints,
    *,
    seed: int,
    objective: Objective = "binary",
    weights: Floats | None = None,
    trees: int = TREES,
    **params: Any,
) -> lgb.Booster:
    """Trees fitted to what was bought (0 or 1) of lists; ``lists`` names the list of each row, those of one together.

    *binary* says chances, which can be calibrated; *lambdarank* (Burges 2010) only an order.
    """
    grouped: dict[str, Any] = {}
    if objective == "lambdarank":
        begins = np.flatnonzero(np.append(True, lists[1:] != lists[:-1])) if len(lists) else np.zeros(0, dtype=int)
        grouped = {"group": np.diff(np.append(begins, len(lists)))}
    data = lgb.Dataset(
        features, bought, weight=weights, params={"max_bin": PARAMS["max_bin"], "verbosity": -1}, **grouped
    )
    return lgb.train({**PARAMS, **params, "objective": objective, "seed": seed}, data, num_boost_round=trees)


def raw(booster: lgb.Booster, features: pd.DataFrame) -> Floats:
    """What the trees say of each row: chances where they learnt *binary*, else scores."""
    return np.asarray(booster.predict(features), dtype=np.float64).reshape(len(features))
