"""Cast a frame to the schema of a published table."""

from typing import Any

import pandas as pd
import pyarrow as pa

from data.schema import Column, Kind, Table

_PANDAS_TYPES: dict[Kind, Any] = {
    "text": "string",
    "integer": "Int64",
    "number": "float64",
    "boolean": "boolean",
    "date": pd.ArrowDtype(pa.date32()),
    "timestamp": "datetime64[us]",
}


def conform(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The frame with exactly the table's columns, in its order and types; missing columns are empty."""
    typed = {column.name: _typed(frame, column) for column in table.columns}
    return pd.DataFrame(typed, index=frame.index)


def _typed(frame: pd.DataFrame, column: Column) -> pd.Series:
    if column.name not in frame:
        return pd.Series([None] * len(frame), index=frame.index, dtype=_PANDAS_TYPES[column.kind])
    values = frame[column.name].astype(object)
    return values.where(values.notna(), None).astype(_PANDAS_TYPES[column.kind])
