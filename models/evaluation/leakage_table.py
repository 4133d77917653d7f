"""The table that is searched for target leakage: its columns as numbers, and what they predict together out of fold."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype
from sklearn.model_selection import StratifiedKFold

from data.arrays import Bools, Floats
from models.evaluation.time_splits import minority_count

N_LEAKAGE_FOLDS = 3
N_LEAKAGE_TREES = 60
LEAKAGE_TREE_PARAMS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "cat_smooth": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
MIN_CODE_ROWS = 5
"""Values of text in fewer rows are one category."""
MAX_CATEGORY_VALUES = 50
"""A number with more distinct values is not searched value by value."""


@dataclass(frozen=True)
class LeakageTable:
    """Columns as they are (``table``), as numbers, which of them hold categories, and the outcome (0 or 1) of rows."""

    table: pd.DataFrame
    numbers: pd.DataFrame
    categories: tuple[str, ...]
    outcome: Floats
    seed: int

    @classmethod
    def encode(cls, table: pd.DataFrame, outcome: Floats, seed: int) -> "LeakageTable":
        """The columns of a table that vary."""
        table = table.loc[:, table.nunique(dropna=False) > 1]
        categories = tuple(
            str(name)
            for name in table
            if not is_numeric_dtype(table[name]) and not is_datetime64_any_dtype(table[name])
        )
        columns = {str(name): _encoded(table[name], is_text=str(name) in categories) for name in table}
        return cls(table, pd.DataFrame(columns, index=table.index), categories, outcome, seed)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in order."""
        return [str(name) for name in self.numbers]

    @property
    def n_minority(self) -> int:
        """Rows of the rarer outcome."""
        return minority_count(self.outcome)

    def without(self, columns: Collection[str]) -> "LeakageTable":
        """The table without some columns."""
        names = list(columns)
        categories = tuple(name for name in self.categories if name not in names)
        return replace(
            self, table=self.table.drop(columns=names), numbers=self.numbers.drop(columns=names), categories=categories
        )

    def where(self, rows: Bools) -> "LeakageTable":
        """Some rows of the table."""
        table, numbers = (frame[rows].reset_index(drop=True) for frame in (self.table, self.numbers))
        return replace(self, table=table, numbers=numbers, outcome=self.outcome[rows])

    def frequent_values(self, name: str) -> Iterator[Bools]:
        """Rows of each value of a column with few values, of no value, and of any value."""
        column = self.numbers[name]
        empty = column.isna().to_numpy()
        if empty.any():
            yield empty
            yield ~empty
        if name in self.categories or column.nunique() <= MAX_CATEGORY_VALUES:
            for value in column.dropna().unique():
                yield (column == value).to_numpy()
        elif (column == 0).any():
            yield (column != 0).to_numpy() & ~empty

    def predict(self) -> tuple[Floats, dict[str, float]]:
        """Out-of-fold probabilities from all columns together (boosted trees), and each column's gain importance."""
        probabilities = np.full(len(self.outcome), self.outcome.mean())
        importance = np.zeros(len(self.columns))
        if not self.columns:
            return probabilities, {}
        folds = StratifiedKFold(N_LEAKAGE_FOLDS, shuffle=True, random_state=self.seed)
        for train, test in folds.split(self.numbers, self.outcome):
            data = lgb.Dataset(
                self.numbers.iloc[train],
                self.outcome[train],
                categorical_feature=list(self.categories),
                params={"verbosity": -1},
            )
            booster = lgb.train({**LEAKAGE_TREE_PARAMS, "seed": self.seed}, data, num_boost_round=N_LEAKAGE_TREES)
            probabilities[test] = booster.predict(self.numbers.iloc[test])
            importance += booster.feature_importance("gain")
        return probabilities, dict(zip(self.columns, importance.tolist(), strict=True))


def _encoded(column: pd.Series, *, is_text: bool) -> Floats:
    """A column as numbers, NaN where empty: a text's values in alphabetical order, rare ones as one category."""
    if not is_text:
        if is_datetime64_any_dtype(column):
            seconds = column.to_numpy(dtype="datetime64[s]").astype(np.float64)
            return np.asarray(np.where(column.isna(), np.nan, seconds), dtype=np.float64)
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = column.astype(object).where(column.notna()).map(str, na_action="ignore")
    counts = values.value_counts()
    frequent = {value: float(code) for code, value in enumerate(sorted(counts.index[counts >= MIN_CODE_ROWS]))}
    codes = values.map(frequent).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(codes) & values.notna().to_numpy(), float(len(frequent)), codes)
