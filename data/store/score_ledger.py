"""The ledger of published scores, kept after the rows of their run are removed, with their outcomes.

The first published night of each week (Monday to Sunday) is kept: other nights would add nearly the same rows. For a
night that was rolled back another of its week counts. A row is written once, and its outcome filled in once.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Double,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from data.lake import Step
from data.outputs.catalogue import PUBLISHED_SCORES
from data.outputs.report_tables import ALERTS
from data.store.forecast_ledger import KEPT_FORECASTS, keep_forecasts
from data.store.ledger_schema import LEDGER_METADATA, LEDGER_RUNS, database_rows
from data.store.views import BASE_TABLES, RUN_RECORDS, VIEWS, Store

KEPT_SCORES, SCORE_OUTCOMES = "kept_scores", "score_outcomes"
"""The tables that the report step writes for the ledger: the night's scores, and outcomes that became known."""
HISTORY_DAYS = 400
"""Scores with outcomes are read back this long: twelve complete months and the current one."""

SCORE_LEDGER = Table(
    "score_ledger",
    LEDGER_METADATA,
    Column("run_id", Text),
    Column("score", Text),
    Column("key", Text),
    Column("value", Double),
    Column("low", Double),
    Column("high", Double),
    Column("model", Text),
    Column("horizon_days", BigInteger),
    Column("closes_on", Date),
    Column("outcome", Double),
    Column("outcome_as_of", Date),
)


def scores_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """One row per score of a company's kept nights before ``as_of``: ``data.outputs.catalogue.PUBLISHED_SCORES``.

    Scores whose window has closed, of the last ``HISTORY_DAYS`` days or without an outcome, and all of the latest
    night. An outcome that became known after ``as_of`` is left out.
    """
    view = VIEWS[PUBLISHED_SCORES.name]
    with store.reading() as connection:
        latest = connection.execute(
            select(view.c.run_id)
            .where(view.c.company == company, view.c.as_of < as_of)
            .order_by(view.c.as_of.desc())
            .limit(1)
        ).scalar_one_or_none()
        relevant = (view.c.closes_on <= as_of) & (
            (view.c.as_of >= as_of - timedelta(days=HISTORY_DAYS)) | view.c.outcome_as_of.is_(None)
        )
        query = select(view).where(
            view.c.company == company, view.c.as_of < as_of, or_(relevant, view.c.run_id == latest)
        )
        records = connection.execute(query.order_by(view.c.as_of, view.c.score, view.c.key)).all()
    rows = pd.DataFrame([tuple(row) for row in records], columns=view.c.keys(), dtype=object)
    later = [day is not None and day > as_of for day in rows["outcome_as_of"]]
    rows.loc[later, ["outcome", "outcome_as_of"]] = None
    numbers = dict.fromkeys(("value", "low", "high", "outcome"), "float64")
    texts = dict.fromkeys(("run_id", "company", "score", "key", "model"), "str")
    return rows.astype({**numbers, **texts, "horizon_days": "int64"})


def alerts_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """One row per alert of a company's latest published run before ``as_of``, with the run's date as ``run_as_of``."""
    of_run = select(RUN_RECORDS.c.run_id, RUN_RECORDS.c.as_of).where(
        RUN_RECORDS.c.company == company, RUN_RECORDS.c.as_of < as_of, RUN_RECORDS.c.status == "published"
    )
    latest = of_run.order_by(RUN_RECORDS.c.as_of.desc(), RUN_RECORDS.c.published_at.desc()).limit(1)
    alerts = BASE_TABLES[ALERTS.name]
    columns = [alerts.c[name] for name in ALERTS.by_name]
    with store.reading() as connection:
        run = connection.execute(latest).one_or_none()
        if run is None:
            return pd.DataFrame(columns=[*(column.name for column in columns), "run_as_of"])
        records = connection.execute(select(*columns).where(alerts.c.run_id == run.run_id)).all()
    rows = pd.DataFrame([tuple(row) for row in records], columns=[column.name for column in columns], dtype=object)
    return rows.assign(run_as_of=run.as_of)


def update_ledgers(
    connection: Connection, run_id: str, company: str, as_of: date, published_at: datetime, steps: Sequence[Step]
) -> None:
    """Write the scores and forecasts of a run that is being published, if its night is kept, and new outcomes."""
    night = {"run_id": run_id, "company": company, "as_of": as_of, "published_at": published_at, "withdrawn": False}
    for step in steps:
        if SCORE_OUTCOMES in step.tables:
            _fill_outcomes(connection, step.frame(SCORE_OUTCOMES), as_of)
        if KEPT_SCORES in step.tables and not _has_other_night(connection, company, as_of):
            forecasts = step.frame(KEPT_FORECASTS) if KEPT_FORECASTS in step.tables else None
            _write(connection, night, step.frame(KEPT_SCORES), forecasts)


def withdraw_after(connection: Connection, company: str, published_at: datetime) -> None:
    """Withdraw a company's nights that were published after an instant, and restore its others."""
    after = LEDGER_RUNS.c.published_at > published_at
    connection.execute(update(LEDGER_RUNS).where(LEDGER_RUNS.c.company == company).values(withdrawn=after))


def _has_other_night(connection: Connection, company: str, as_of: date) -> bool:
    """Whether another date of the same week is kept."""
    monday = as_of - timedelta(days=as_of.weekday())
    others = select(LEDGER_RUNS.c.run_id).where(
        LEDGER_RUNS.c.company == company,
        LEDGER_RUNS.c.as_of.between(monday, monday + timedelta(days=6)),
        LEDGER_RUNS.c.as_of != as_of,
        ~LEDGER_RUNS.c.withdrawn,
    )
    return connection.execute(others.limit(1)).one_or_none() is not None


def _write(connection: Connection, night: dict[str, Any], scores: pd.DataFrame, forecasts: pd.DataFrame | None) -> None:
    run_id = night["run_id"]
    kept = connection.execute(select(LEDGER_RUNS.c.run_id).where(LEDGER_RUNS.c.run_id == run_id)).one_or_none()
    if kept is not None:  # published again after it was retired: its scores are the same
        connection.execute(update(LEDGER_RUNS).where(LEDGER_RUNS.c.run_id == run_id).values(**night))
        return
    connection.execute(insert(LEDGER_RUNS).values(**night))
    rows = database_rows(scores.assign(run_id=run_id, outcome=None, outcome_as_of=None)[SCORE_LEDGER.c.keys()])
    if rows:
        connection.execute(insert(SCORE_LEDGER), rows)
    if forecasts is not None:
        keep_forecasts(connection, run_id, forecasts)


def _fill_outcomes(connection: Connection, outcomes: pd.DataFrame, as_of: date) -> None:
    """Fill in outcomes that have none yet."""
    rows = database_rows(outcomes[["run_id", "score", "key", "outcome"]].rename(columns=lambda name: f"of_{name}"))
    statement = (
        update(SCORE_LEDGER)
        .where(
            SCORE_LEDGER.c.run_id == bindparam("of_run_id"),
            SCORE_LEDGER.c.score == bindparam("of_score"),
            SCORE_LEDGER.c.key == bindparam("of_key"),
            SCORE_LEDGER.c.outcome_as_of.is_(None),
        )
        .values(outcome=bindparam("of_outcome"), outcome_as_of=as_of)
    )
    if rows:
        connection.execute(statement, rows)
