"""Published forecasts of revenue: those of the nights that the ledger keeps, and the run that tonight is compared with.

A forecast is kept with what plain ways would have said the same night, and never changed: what came is known from the
company's own facts whenever it is asked for.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Column, Connection, Date, Double, Table, Text, insert, select

from data.outputs.score_tables import WIDTHS
from data.store.ledger_schema import LEDGERS, NIGHTS, plain_rows
from data.store.views import RUN_RECORDS, Store

FORESEEN = "kept_forecasts"
"""The table that the report step writes for the ledger: tonight's forecasts of the larger nodes."""
WEEK = timedelta(days=7)
NUMBERS = ("point", *(f"{side}_{width}" for width in WIDTHS for side in ("low", "high")), "naive", "pipeline")

FORECASTS = Table(
    "forecast_ledger",
    LEDGERS,
    Column("run_id", Text),
    Column("node", Text),
    Column("level", Text),
    Column("grain", Text),
    Column("period", Date),
    *(Column(name, Double) for name in NUMBERS),
)


@dataclass(frozen=True)
class Published:
    """A published run: its name, its date, and the versions of models by name that scored in it."""

    run_id: str
    as_of: date
    versions: dict[str, str]


def forecasts_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """One row per forecast that a company's kept nights before ``as_of`` gave of a period that began before it:
    ``run_id, as_of, node, level, grain, period`` and ``NUMBERS``. Nights that were rolled back are left out."""
    query = (
        select(NIGHTS.c.as_of, FORECASTS)
        .join(FORECASTS, FORECASTS.c.run_id == NIGHTS.c.run_id)
        .where(
            NIGHTS.c.company == company,
            NIGHTS.c.as_of < as_of,
            ~NIGHTS.c.withdrawn,
            FORECASTS.c.period < as_of,
        )
        .order_by(NIGHTS.c.as_of, FORECASTS.c.run_id, FORECASTS.c.node, FORECASTS.c.grain, FORECASTS.c.period)
    )
    with store.reading() as connection:
        found = connection.execute(query).all()
    names = ["as_of", *(column.name for column in FORECASTS.c)]
    rows = pd.DataFrame([tuple(row) for row in found], columns=names, dtype=object)
    return rows.astype(
        {**dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(("run_id", "node", "level", "grain"), "str")}
    )


def number_before(store: Store, company: str, as_of: date) -> Published | None:
    """The published run that a date's number is compared with: the latest that is a week older or more, else the latest
    of an earlier date; ``None`` where there is none whose rows are still there."""
    records = RUN_RECORDS.c
    query = (
        select(records.run_id, records.as_of, records.model_versions)
        .where(records.company == company, records.as_of < as_of, records.status == "published")
        .order_by(records.as_of.desc(), records.published_at.desc())
    )
    with store.reading() as connection:
        found = connection.execute(query).all()
    old = [run for run in found if run.as_of <= as_of - WEEK]
    chosen = (old or found)[:1]
    return next((Published(run.run_id, run.as_of, json.loads(run.model_versions or "{}")) for run in chosen), None)


def keep_forecasts(connection: Connection, run_id: str, told: pd.DataFrame) -> None:
    """Write the forecasts of a night that is kept."""
    rows = plain_rows(told.assign(run_id=run_id)[FORECASTS.c.keys()])
    if rows:
        connection.execute(insert(FORECASTS), rows)
