"""The runs that the ledgers keep, one published night of each week, after their rows were removed."""

from typing import Any

import pandas as pd
from sqlalchemy import Boolean, Column, Date, DateTime, MetaData, Table, Text

LEDGER_METADATA = MetaData()
LEDGER_RUNS = Table(
    "ledger_runs",
    LEDGER_METADATA,
    Column("run_id", Text),
    Column("company", Text),
    Column("as_of", Date),
    Column("published_at", DateTime),
    Column("withdrawn", Boolean),
)
"""One row per run; ``withdrawn`` while readers are rolled back behind it."""


def database_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dictionaries, with ``None`` for missing values."""
    values = rows.astype(object)
    names, values = list(rows.columns), values.where(values.notna(), None)
    return [dict(zip(names, row, strict=True)) for row in values.itertuples(index=False, name=None)]
