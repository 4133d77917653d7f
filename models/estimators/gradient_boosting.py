"""Gradient-boosted trees (LightGBM) with reproducible parameters, and the encoding of features for them."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.feature import Feature

MIN_CATEGORY_ROWS = 30
"""A category seen in fewer rows is encoded as unknown."""

BOOSTING_PARAMS: dict[str, Any] = {
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "cat_smooth": 30.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""Small, strongly regularized trees: a few hundred outcomes support no more, and the cost of reasons follows leaves
times trees. One thread each: models are trained side by side."""

N_TREES = 75


@dataclass(frozen=True)
class Encoding:
    """The columns that trees read, in order, and the codes of categories."""

    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    extra_numbers: tuple[str, ...] = ()
    """Numeric columns after the categories that are no features: the period ahead."""
    due_column: str | None = None
    """The feature that counts the days to a due date, at which the hazard may jump (``models.survival``)."""

    @classmethod
    def fit(
        cls,
        features: tuple[Feature, ...],
        categories: tuple[Feature, ...],
        rows: pd.DataFrame,
        due: str | None = None,
    ) -> "Encoding":
        """The encoding of training rows: categories in alphabetical order, rare ones left out."""
        frequent = {}
        for category in categories:
            counts = rows[category.name].value_counts()
            frequent[category.name] = tuple(sorted(str(v) for v in counts.index[counts >= MIN_CATEGORY_ROWS]))
        return cls(tuple(feature.name for feature in features), frequent, due_column=due)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Encoding":
        """The encoding that ``state()`` wrote."""
        categories = {name: tuple(values) for name, values in state["categories"].items()}
        return cls(tuple(state["numbers"]), categories, due_column=state.get("due"))

    def state(self) -> dict[str, Any]:
        """The encoding as JSON."""
        categories = {name: list(values) for name, values in self.categories.items()}
        return {"numbers": list(self.numbers), "categories": categories, "due": self.due_column}

    @property
    def columns(self) -> list[str]:
        """Columns of the encoded rows, in order."""
        return [*self.numbers, *self.categories, *self.extra_numbers]

    def encode(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows as float64 columns; unknown values are NaN."""
        encoded = {
            name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
            for name in (*self.numbers, *self.extra_numbers)
        }
        for name, values in self.categories.items():
            codes = {value: float(code) for code, value in enumerate(values)}
            encoded[name] = rows[name].map(codes).to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.DataFrame(encoded, index=rows.index, columns=self.columns)


def fit_booster(
    encoding: Encoding,
    rows: pd.DataFrame,
    target: Floats,
    *,
    seed: int,
    init_score: Floats | None = None,
    **params: Any,
) -> lgb.Booster:
    """Trees fitted to the target. ``init_score``: raw score per row from which they are fitted; ``params`` hold at
    least the ``objective``, and may hold ``trees``, their number.
    """
    trees = int(params.pop("trees", N_TREES))
    data = lgb.Dataset(
        encoding.encode(rows),
        target,
        init_score=init_score,
        categorical_feature=list(encoding.categories),
        params={"max_bin": BOOSTING_PARAMS["max_bin"], "verbosity": -1},
    )
    return lgb.train({**BOOSTING_PARAMS, "seed": seed, **params}, data, num_boost_round=trees)
