"""The ranker of candidate products: boosted trees, calibrated separately for repeat purchases and for new products."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from models.estimators.calibration import UNCALIBRATED, Calibration
from models.ranking.candidates import FEATURE_NAMES

PURCHASE_KINDS = ("repeat", "explore")
MIN_PURCHASES = 50
"""Fewer purchases support neither trees nor a calibration."""
RANKER_PARAMS: dict[str, Any] = {
    "num_leaves": 15,
    "learning_rate": 0.12,
    "min_data_in_leaf": 60,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # models train side by side
    "verbosity": -1,
}
N_RANKER_TREES = 60
"""Small trees: the cost of SHAP reasons is proportional to leaves times trees."""


@dataclass(frozen=True)
class ProductRanker:
    """Probabilities that candidates are bought. ``calibrations`` by ``PURCHASE_KINDS``.

    The trees are fitted to a binary objective, not to LambdaRank (Burges 2010): on inner splits of real purchases the
    order was as good, and probabilities can be calibrated, so that both kinds merge into one list.
    """

    booster: lgb.Booster
    calibrations: dict[str, Calibration]

    def predict(self, pairs: pd.DataFrame) -> Floats:
        """The probability of each pair (``FEATURE_NAMES`` and ``is_repeat``)."""
        return calibrate(self.calibrations, raw_scores(self.booster, pairs), pairs)


def fit_ranker_trees(pairs: pd.DataFrame, seed: int) -> lgb.Booster:
    """Trees fitted to pairs (``FEATURE_NAMES``) and whether each was ``bought`` (0 or 1)."""
    data = lgb.Dataset(
        pairs[FEATURE_NAMES],
        pairs["bought"].to_numpy(dtype=np.float64),
        params={"max_bin": RANKER_PARAMS["max_bin"], "verbosity": -1},
    )
    return lgb.train({**RANKER_PARAMS, "objective": "binary", "seed": seed}, data, num_boost_round=N_RANKER_TREES)


def raw_scores(booster: lgb.Booster, pairs: pd.DataFrame) -> Floats:
    """Uncalibrated probabilities of the trees, one per pair."""
    return np.asarray(booster.predict(pairs[FEATURE_NAMES]), dtype=np.float64).reshape(len(pairs))


def out_of_time_scores(fit: pd.DataFrame, calibration: pd.DataFrame, seed: int) -> list[pd.DataFrame]:
    """Raw scores (``is_repeat, bought, raw``) of later pairs by trees fitted on earlier ones; empty if those have too
    few purchases."""
    if fit["bought"].sum() < MIN_PURCHASES:
        return []
    return [calibration[["is_repeat", "bought"]].assign(raw=raw_scores(fit_ranker_trees(fit, seed), calibration))]


def fit_calibrations(out_of_time: list[pd.DataFrame]) -> dict[str, Calibration]:
    """The calibration of each of ``PURCHASE_KINDS`` from out-of-time raw scores; that of both where a kind has too few
    purchases, ``UNCALIBRATED`` if both have."""
    rows = pd.concat(out_of_time) if out_of_time else pd.DataFrame({"is_repeat": [], "bought": [], "raw": []})

    def fit(subset: pd.DataFrame, fallback: Calibration) -> Calibration:
        if subset["bought"].sum() < MIN_PURCHASES:
            return fallback
        return Calibration.fit(subset["raw"].to_numpy(dtype=np.float64), subset["bought"].to_numpy(dtype=np.float64))

    pooled = fit(rows, UNCALIBRATED)
    is_repeat = rows["is_repeat"].astype(bool)
    return {"repeat": fit(rows[is_repeat], pooled), "explore": fit(rows[~is_repeat], pooled)}


def calibrate(calibrations: dict[str, Calibration], raw: Floats, pairs: pd.DataFrame) -> Floats:
    """Calibrated probabilities of raw scores, by the kind of each pair."""
    is_repeat = pairs["is_repeat"].to_numpy(dtype=bool)
    return np.where(is_repeat, calibrations["repeat"].apply(raw), calibrations["explore"].apply(raw))
