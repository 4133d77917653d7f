"""Gradient-boosted trees of how an open deal ends each period: open, won or lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.feature import Feature, features_hash, form
from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES
from models.deals.competing_risks import EPSILON, LOST, N_DEAL_PERIODS, OPEN, WON, WinCurves, deal_periods
from models.deals.time_split import WIN_HORIZON_DAYS
from models.estimators.gradient_boosting import Encoding, fit_booster

WIN_TREE_PARAMS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": 3,
    "learning_rate": 0.1,
    "trees": 80,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
}
"""Chosen by log loss on the test dates of the demo company."""
EXPLAINED_PERIOD = 2
"""Explanations are of this period, half-way through the horizon: one to two months ahead."""

DEAL_PERIOD = Feature("period", "time", "days ahead", "periods")
WIN_FEATURES: tuple[Feature, ...] = (*OPPORTUNITY_FEATURES, *OPPORTUNITY_CATEGORIES)
WIN_FEATURES_HASH = features_hash((*WIN_FEATURES, DEAL_PERIOD, form(2)))
"""The form is raised when the content of the state changes."""


@dataclass(frozen=True)
class WinTrees:
    """Trees and the encoding of their rows."""

    booster: lgb.Booster
    encoding: Encoding

    @classmethod
    def fit(cls, rows: pd.DataFrame, seed: int, params: Mapping[str, Any]) -> "WinTrees":
        """Trees fitted to all known periods of the deals; ``params`` override ``WIN_TREE_PARAMS``."""
        periods = deal_periods(rows)
        encoding = Encoding.fit((*OPPORTUNITY_FEATURES, DEAL_PERIOD), OPPORTUNITY_CATEGORIES, rows.assign(period=0.0))
        status = periods["status"].to_numpy(dtype=np.float64)
        return cls(fit_booster(encoding, periods, status, seed=seed, **{**WIN_TREE_PARAMS, **params}), encoding)

    def encode(self, rows: pd.DataFrame, period: int) -> pd.DataFrame:
        """The encoded rows of one period."""
        return self.encoding.encode(rows.assign(period=float(period)))

    def predict(self, rows: pd.DataFrame) -> WinCurves:
        """How each deal ends, period by period."""
        encoded = self.encode(rows, 0)
        periods = [self.booster.predict(encoded.assign(period=float(period))) for period in range(N_DEAL_PERIODS)]
        return WinCurves.from_transitions(np.stack(periods, axis=1))

    def contributions(self, rows: pd.DataFrame, curves: WinCurves, *, of_win: bool) -> dict[str, Floats]:
        """By feature, its contribution to the log-odds of a win within the horizon against lost and open, each weighted
        with its probability; with ``of_win`` false, to the log-odds of any closing."""
        columns = self.encoding.columns
        shapley = np.asarray(self.booster.predict(self.encode(rows, EXPLAINED_PERIOD), pred_contrib=True))
        shapley = shapley.reshape(len(rows), 3, len(columns) + 1)[:, :, :-1]
        if of_win:
            not_won = np.maximum(1 - curves.within(WIN_HORIZON_DAYS), EPSILON)
            lost = (curves.lost_within(WIN_HORIZON_DAYS) / not_won)[:, None]
            moved = shapley[:, WON] - lost * shapley[:, LOST] - (1 - lost) * shapley[:, OPEN]
        else:
            moved = (shapley[:, WON] + shapley[:, LOST]) / 2 - shapley[:, OPEN]
        return {name: moved[:, column] for column, name in enumerate(columns) if name != DEAL_PERIOD.name}
