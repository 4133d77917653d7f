"""The ledger of revenue forecasts, and the earlier run with which a forecast is compared.

A forecast is kept with those of two simple methods of the same night and never changed; actuals are computed from the
company's facts when they are needed.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Column, Connection, Date, Double, Table, Text, insert, select

from data.outputs.score_tables import INTERVAL_LEVELS
from data.store.ledger_schema import LEDGER_METADATA, LEDGER_RUNS, database_rows
from data.store.views import RUN_RECORDS, Store

KEPT_FORECASTS = "kept_forecasts"
"""The table that the report step writes for the ledger: the night's forecasts of the larger nodes."""
WEEK = timedelta(days=7)
FORECAST_COLUMNS = (
    "point",
    *(f"{side}_{width}" for width in INTERVAL_LEVELS for side in ("low", "high")),
    "naive",
    "pipeline",
)

FORECAST_LEDGER = Table(
    "forecast_ledger",
    LEDGER_METADATA,
    Column("run_id", Text),
    Column("node", Text),
    Column("level", Text),
    Column("grain", Text),
    Column("period", Date),
    *(Column(name, Double) for name in FORECAST_COLUMNS),
)


@dataclass(frozen=True)
class PublishedRun:
    """A published run: its id, its date, and the version of each model that scored in it."""

    run_id: str
    as_of: date
    versions: dict[str, str]


def forecasts_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """One row per forecast of a company's kept nights before ``as_of``, for periods that began before it.

    Columns: ``run_id, as_of, node, level, grain, period`` and ``FORECAST_COLUMNS``; withdrawn nights are left out.
    """
    query = (
        select(LEDGER_RUNS.c.as_of, FORECAST_LEDGER)
        .join(FORECAST_LEDGER, FORECAST_LEDGER.c.run_id == LEDGER_RUNS.c.run_id)
        .where(
            LEDGER_RUNS.c.company == company,
            LEDGER_RUNS.c.as_of < as_of,
            ~LEDGER_RUNS.c.withdrawn,
            FORECAST_LEDGER.c.period < as_of,
        )
        .order_by(
            LEDGER_RUNS.c.as_of,
            FORECAST_LEDGER.c.run_id,
            FORECAST_LEDGER.c.node,
            FORECAST_LEDGER.c.grain,
            FORECAST_LEDGER.c.period,
        )
    )
    with store.reading() as connection:
        records = connection.execute(query).all()
    names = ["as_of", *(column.name for column in FORECAST_LEDGER.c)]
    rows = pd.DataFrame([tuple(row) for row in records], columns=names, dtype=object)
    return rows.astype(
        {**dict.fromkeys(FORECAST_COLUMNS, "float64"), **dict.fromkeys(("run_id", "node", "level", "grain"), "str")}
    )


def run_before(store: Store, company: str, as_of: date) -> PublishedRun | None:
    """The published run with which a date's forecast is compared; ``None`` where none has its rows left.

    It is the latest that is at least a week older, else the latest of an earlier date.
    """
    run = RUN_RECORDS.c
    query = (
        select(run.run_id, run.as_of, run.model_versions)
        .where(run.company == company, run.as_of < as_of, run.status == "published")
        .order_by(run.as_of.desc(), run.published_at.desc())
    )
    with store.reading() as connection:
        candidates = connection.execute(query).all()
    week_older = [run for run in candidates if run.as_of <= as_of - WEEK]
    chosen = (week_older or candidates)[:1]
    return next((PublishedRun(run.run_id, run.as_of, json.loads(run.model_versions or "{}")) for run in chosen), None)


def keep_forecasts(connection: Connection, run_id: str, forecasts: pd.DataFrame) -> None:
    """Write the forecasts of a kept night."""
    rows = database_rows(forecasts.assign(run_id=run_id)[FORECAST_LEDGER.c.keys()])
    if rows:
        connection.execute(insert(FORECAST_LEDGER), rows)
