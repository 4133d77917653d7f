"""Encodes any table with named columns as numbers that both a linear model and trees can read.

Numbers and booleans stay as they are; text and categories become the code of their value, NaN if rare or new.
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

MIN_TEXT_ROWS = 10
"""A text value in fewer rows is encoded as unknown."""

MAX_MAGNITUDE = 1e100
"""Larger numbers are refused as faults: their squares are infinite."""

MAX_SPLINE_COLUMNS = 200
"""With more numeric columns than this each has a linear effect only: the rows do not support curves."""

MIN_SPLINE_VALUES = 8
"""A number with fewer distinct values gets one effect per value and a slope; with more, a smooth curve."""

MAX_NAMED = 5


@dataclass(frozen=True)
class Columns:
    """The columns that are read, in order: numbers, then categories with the values that have a code."""

    numbers: tuple[Hashable, ...]
    categories: dict[Hashable, tuple[str, ...]]
    ignored: dict[Hashable, str]
    """Columns that are left out, with the reason."""

    @classmethod
    def fit(cls, rows: pd.DataFrame) -> "Columns":
        """The encoding of training rows."""
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
                min_rows = min(MIN_TEXT_ROWS, max(2, len(rows) // 20))
                if frequent := tuple(sorted(counts.index[counts >= min_rows])):
                    categories[name] = frequent
                else:
                    ignored[name] = f"has no value that {min_rows} rows share"
        return cls(tuple(numbers), categories, ignored)

    def encode(self, rows: pd.DataFrame) -> Floats:
        """Rows × columns. Raises ``ValueError`` that names columns with text for numbers, or numbers out of range."""
        matrix = np.full((len(rows), len(self.numbers) + len(self.categories)), np.nan)
        faults: list[str] = []
        for i, name in enumerate(self.numbers):
            if not _is_number(rows[name]) and rows[name].notna().any():
                faults.append(f"{name!r} holds text where training rows held numbers")
                continue
            matrix[:, i] = pd.to_numeric(rows[name]).to_numpy(dtype=np.float64, na_value=np.nan)
            if (huge := np.abs(matrix[:, i]) > MAX_MAGNITUDE).any():
                faults.append(f"{name!r} holds {matrix[huge, i][0]:g} (row {np.argmax(huge)})")
        if faults:
            hidden = f" and {len(faults) - MAX_NAMED} more" if len(faults) > MAX_NAMED else ""
            rule = f"numbers must be finite and within ±{MAX_MAGNITUDE:g}, so infinity and values too large are refused"
            raise ValueError(f"{'; '.join(faults[:MAX_NAMED])}{hidden}: {rule}. Leave gaps as missing values")
        for i, (name, values) in enumerate(self.categories.items(), start=len(self.numbers)):
            codes = {value: float(code) for code, value in enumerate(values)}
            matrix[:, i] = [codes.get(str(value), np.nan) if value is not None else np.nan for value in rows[name]]
        return matrix

    @property
    def category_positions(self) -> list[int]:
        """Positions of the categories in the matrix."""
        return list(range(len(self.numbers), len(self.numbers) + len(self.categories)))


def to_table(X: Any, check: Any) -> pd.DataFrame:
    """The input as a frame; ``check`` (scikit-learn's ``check_array``) turns anything else into an array first.

    Raises ``ValueError`` for dates, complex numbers, no rows or no columns.
    """
    rows = X if isinstance(X, pd.DataFrame) else pd.DataFrame(check(X)).infer_objects()
    for count, what in zip(rows.shape, ("sample(s)", "feature(s)"), strict=True):
        if count == 0:
            raise ValueError(f"Found array with 0 {what} (shape={rows.shape}) while a minimum of 1 is required.")
    dates = [str(name) for name, kind in rows.dtypes.items() if kind.kind in "mM"]
    if dates:
        raise ValueError(f"{', '.join(dates[:MAX_NAMED])}: dates are no numbers; give days before a date instead")
    if any(is_complex_dtype(kind) for kind in rows.dtypes):
        raise ValueError("Complex data not supported")
    return rows


def design_transformer(columns: Columns, matrix: Floats) -> ColumnTransformer:
    """The inputs of a linear model from an encoded matrix: splines over ranks, one column a value, missing flags."""
    numbers = range(len(columns.numbers))
    many = len(columns.numbers) > MAX_SPLINE_COLUMNS
    steps = [] if many else [i for i in numbers if len(np.unique(matrix[:, i])) < MIN_SPLINE_VALUES]
    curves = [i for i in numbers if i not in set(steps)]
    ranks = QuantileTransformer(n_quantiles=min(200, len(matrix)), subsample=None)
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    spline = "passthrough" if many else SplineTransformer(n_knots=5, include_bias=False, extrapolation="constant")
    linear = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    by_value = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    transformers = [
        (
            "curves",
            make_pipeline(ranks, median, FeatureUnion([("spline", spline), ("rank", StandardScaler())])),
            curves,
        ),
        ("steps", FeatureUnion([("values", by_value), ("slope", linear)]), steps),
        ("values", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns.category_positions),
        ("missing", MissingIndicator(features="missing-only", error_on_new=False), curves),
    ]
    return ColumnTransformer([transformer for transformer in transformers if transformer[2]])


def _is_number(values: pd.Series) -> bool:
    return bool(is_numeric_dtype(values) or is_bool_dtype(values))
