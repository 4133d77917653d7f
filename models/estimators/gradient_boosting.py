"""Gradient-boosted trees on features: how rows become numbers, and trees that come out the same twice."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.feature import Feature

FEWEST_OF_CATEGORY = 30
"""A category seen in fewer rows is as good as unknown."""

PARAMS: dict[str, Any] = {
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
"""Small trees, much of them held back: a few hundred outcomes cannot carry more. The cost of reasons follows leaves
times trees. One thread each: models learn side by side."""

TREES = 75


@dataclass(frozen=True)
class Encoding:
    """Which columns feed the trees, and the numbers that stand for categories."""

    numbers: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    more: tuple[str, ...] = ()
    """Floats behind the categories, which are not features: the period ahead."""
    due: str | None = None
    """The number that says in how many days something is due, on which an event may fall (``models.survival.hazard_curve``)."""

    @classmethod
    def of(
        cls,
        features: tuple[Feature, ...],
        categories: tuple[Feature, ...],
        rows: pd.DataFrame,
        due: str | None = None,
    ) -> "Encoding":
        """The encoding that rows to learn from give: categories in order of name, rare ones left out."""
        known = {}
        for category in categories:
            counts = rows[category.name].value_counts()
            known[category.name] = tuple(sorted(str(v) for v in counts.index[counts >= FEWEST_OF_CATEGORY]))
        return cls(tuple(feature.name for feature in features), known, due=due)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Encoding":
        """What ``state()`` wrote."""
        categories = {name: tuple(values) for name, values in state["categories"].items()}
        return cls(tuple(state["numbers"]), categories, due=state.get("due"))

    def state(self) -> dict[str, Any]:
        """As JSON."""
        categories = {name: list(values) for name, values in self.categories.items()}
        return {"numbers": list(self.numbers), "categories": categories, "due": self.due}

    @property
    def columns(self) -> list[str]:
        """Columns of the encoded rows, in order."""
        return [*self.numbers, *self.categories, *self.more]

    def encode(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows as float64 columns; unknown is NaN."""
        encoded = {name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (*self.numbers, *self.more)}
        for name, values in self.categories.items():
            codes = {value: float(code) for code, value in enumerate(values)}
            encoded[name] = rows[name].map(codes).to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.DataFrame(encoded, index=rows.index, columns=self.columns)


def fit(
    encoding: Encoding,
    rows: pd.DataFrame,
    target: Floats,
    *,
    seed: int,
    start: Floats | None = None,
    **params: Any,
) -> lgb.Booster:
    """Trees fitted to the target. ``start`` is where each row begins (on the scale of the raw score); ``params``
    hold at least the ``objective``; ``trees`` among them is how many.
    """
    trees = int(params.pop("trees", TREES))
    data = lgb.Dataset(
        encoding.encode(rows),
        target,
        init_score=start,
        categorical_feature=list(encoding.categories),
        params={"max_bin": PARAMS["max_bin"], "verbosity": -1},
    )
    return lgb.train({**PARAMS, "seed": seed, **params}, data, num_boost_round=trees)
