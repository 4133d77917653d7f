"""The nights that the ledgers keep: one published night of each week, long after its run's rows are gone."""

from typing import Any

import pandas as pd
from sqlalchemy import Boolean, Column, Date, DateTime, MetaData, Table, Text

LEDGERS = MetaData()
NIGHTS = Table(
    "ledger_runs",
    LEDGERS,
    Column("run_id", Text),
    Column("company", Text),
    Column("as_of", Date),
    Column("published_at", DateTime),
    Column("withdrawn", Boolean),
)
"""One row per night; ``withdrawn`` once it was rolled back."""


def plain_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as a database takes them: nothing where a value is missing."""
    values = rows.astype(object)
    names, values = list(rows.columns), values.where(values.notna(), None)
    return [dict(zip(names, row, strict=True)) for row in values.itertuples(index=False, name=None)]
