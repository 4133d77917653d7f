"""The nights that the ledgers keep: one published night of each week, long after its run's rows are gone."""

from sqlalchemy import Boolean, Column, Date, DateTime, MetaData, Table, Text

LEDGERS = MetaData()
NIGHTS = Table(
    "ledger_nights",
    LEDGERS,
    Column("run_id", Text),
    Column("company", Text),
    Column("as_of", Date),
    Column("published_at", DateTime),
    Column("withdrawn", Boolean),
)
"""One row per night; ``withdrawn`` once it was rolled back."""
