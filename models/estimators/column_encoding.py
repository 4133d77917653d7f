"""How any table with named columns becomes numbers that both a linear model and trees can read.

Floats and booleans stay as they are; text and categories become the number of the value among those seen often enough
(rare and new ones are unknown, NaN); gaps stay gaps. Columns that tell nothing are left out, and it is said why.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, SplineTransformer, StandardScaler

from data.arrays import Floats

FEWEST_OF_VALUE = 10
"""A value of text seen in fewer rows is as good as unknown."""

HUGE = 1e100
"""Floats of a larger size are taken for a fault: squares of theirs are infinite."""

MOST_BENT = 200
"""With more number columns than this each has a straight effect only: bends would be more than the rows can tell."""

FEWEST_TO_BEND = 8
"""A number with fewer distinct values has one effect per step as well as a slope; with more, a smooth curve."""

MOST_NAMED = 5


@dataclass(frozen=True)
class Columns:
    """Which columns are read, in order: numbers first, then categories with the values that have a number."""

    numbers: tuple[Hashable, ...]
    categories: dict[Hashable, tuple[str, ...]]
    ignored: dict[Hashable, str]
    """Columns that are left out, and why."""

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Columns":
        """The reading that rows to learn from give. ValueError names columns that are neither numbers nor text."""
        numbers: list[Hashable] = []
        categories: dict[Hashable, tuple[str, ...]] = {}
        ignored: dict[Hashable, str] = {}
        for name in rows.columns:
            values = rows[name].dropna()
            if values.empty:
                ignored[name] = "has no value at all"
            elif values.nunique() == 1 and len(values) == len(rows):
                ignored[name] = f"is {values.iloc[0]} in every row"
            elif _is_number(rows[name]):
                numbers.append(name)
            else:
                counts = values.map(str).value_counts()
                enough = min(FEWEST_OF_VALUE, max(2, len(rows) // 20))
                if known := tuple(sorted(counts.index[counts >= enough])):
                    categories[name] = known
                else:
                    ignored[name] = f"has no value that {enough} rows share"
        return cls(tuple(numbers), categories, ignored)

    def matrix(self, rows: pd.DataFrame) -> Floats:
        """One line per row: numbers, then the numbers of categories. ValueError names columns that hold no such thing,
        or infinite or huge numbers.
        """
        lines = np.full((len(rows), len(self.numbers) + len(self.categories)), np.nan)
        bad: list[str] = []
        for at, name in enumerate(self.numbers):
            if not _is_number(rows[name]) and rows[name].notna().any():
                bad.append(f"{name!r} holds text where numbers were learnt from")
                continue
            lines[:, at] = pd.to_numeric(rows[name]).to_numpy(dtype=np.float64, na_value=np.nan)
            if (wrong := np.abs(lines[:, at]) > HUGE).any():
                bad.append(f"{name!r} holds {lines[wrong, at][0]:g} (row {np.argmax(wrong)})")
        if bad:
            more = f" and {len(bad) - MOST_NAMED} more" if len(bad) > MOST_NAMED else ""
            rule = f"numbers must be finite and within ±{HUGE:g}, so infinity and values too large for them are refused"
            raise ValueError(f"{'; '.join(bad[:MOST_NAMED])}{more}: {rule}. Leave gaps as missing values")
        for at, (name, known) in enumerate(self.categories.items(), start=len(self.numbers)):
            codes = {value: float(code) for code, value in enumerate(known)}
            lines[:, at] = [codes.get(str(value), np.nan) if value is not None else np.nan for value in rows[name]]
        return lines

    @property
    def coded(self) -> list[int]:
        """Positions of categories in the matrix."""
        return list(range(len(self.numbers), len(self.numbers) + len(self.categories)))


def table(X: Any, check: Any) -> pd.DataFrame:
    """A frame of what was handed in; ``check`` turns what is no frame into an array (scikit-learn's ``check_array``).

    ValueError: dates (say how many days ago instead), complex numbers, no rows or no columns.
    """
    rows = X if isinstance(X, pd.DataFrame) else pd.DataFrame(check(X)).infer_objects()
    for count, what in zip(rows.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(f"Found array with 0 {what} (shape={rows.shape}) while a minimum of 1 is required.")
    dated = [str(name) for name, kind in rows.dtypes.items() if kind.kind in "mM"]
    if dated:
        raise ValueError(f"{', '.join(dated[:MOST_NAMED])}: dates are no numbers; give days before a date instead")
    if any(is_complex_dtype(kind) for kind in rows.dtypes):
        raise ValueError("Complex data not supported")
    return rows


def design(columns: Columns, lines: Floats) -> ColumnTransformer:
    """What makes a linear model's inputs of matrix lines: smooth curves over ranks, one column a value, and gaps."""
    numbers = range(len(columns.numbers))
    many = len(columns.numbers) > MOST_BENT
    steps = [] if many else [at for at in numbers if len(np.unique(lines[:, at])) < FEWEST_TO_BEND]
    curves = [at for at in numbers if at not in set(steps)]
    ranks = QuantileTransformer(n_quantiles=min(200, len(lines)), subsample=None)
    middle = SimpleImputer(strategy="median", keep_empty_features=True)
    bend = "passthrough" if many else SplineTransformer(n_knots=5, include_bias=False, extrapolation="constant")
    straight = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    one_each = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [
        ("curves", make_pipeline(ranks, middle, FeatureUnion([("bend", bend), ("rank", StandardScaler())])), curves),
        ("steps", FeatureUnion([("each", one_each), ("slope", straight)]), steps),
        ("values", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.coded),
        ("gaps", MissingIndicator(features="missing-only", error_on_new=False), curves),
    ]
    return ColumnTransformer([part for part in parts if part[2]])


def _is_number(values: pd.Series) -> bool:
    return bool(is_numeric_dtype(values) or is_bool_dtype(values))
