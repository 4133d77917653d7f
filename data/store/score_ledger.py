"""The ledger of published scores: what every night said, kept after its run is retired, and what came of it.

One published night of each week (Monday to Sunday) is kept, its first: scores of neighbouring nights are nearly the
same and look at nearly the same months, so that the others would add rows and hardly a fact. A night that was rolled
back does not count, and another of its week takes its place. A row is written once; its outcome is filled in once.
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
from data.store.forecast_ledger import FORESEEN, keep_forecasts
from data.store.ledger_schema import LEDGERS, NIGHTS, plain_rows
from data.store.views import BASES, RUN_RECORDS, VIEWS, Store

TOLD, CAME = "kept_scores", "score_outcomes"
"""The tables that the report step writes for the ledger: tonight's scores, and outcomes that became known."""
SHOWN_DAYS = 400
"""Matched scores are read back for so long: a year of months, and the one under way."""

SCORES = Table(
    "score_ledger",
    LEDGERS,
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


def said_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """One row per score that a company's night before ``as_of`` gave, as far as reports need it:
    ``data.outputs.catalogue.PUBLISHED_SCORES``.

    Those whose window has closed by then and that were given in the last ``SHOWN_DAYS`` days or have no outcome yet,
    and all of the latest night. An outcome that became known after ``as_of`` is not told.
    """
    view = VIEWS[PUBLISHED_SCORES.name]
    with store.reading() as connection:
        latest = connection.execute(
            select(view.c.run_id)
            .where(view.c.company == company, view.c.as_of < as_of)
            .order_by(view.c.as_of.desc())
            .limit(1)
        ).scalar_one_or_none()
        wanted = (view.c.closes_on <= as_of) & (
            (view.c.as_of >= as_of - timedelta(days=SHOWN_DAYS)) | view.c.outcome_as_of.is_(None)
        )
        query = select(view).where(
            view.c.company == company, view.c.as_of < as_of, or_(wanted, view.c.run_id == latest)
        )
        found = connection.execute(query.order_by(view.c.as_of, view.c.score, view.c.key)).all()
    rows = pd.DataFrame([tuple(row) for row in found], columns=view.c.keys(), dtype=object)
    later = [day is not None and day > as_of for day in rows["outcome_as_of"]]
    rows.loc[later, ["outcome", "outcome_as_of"]] = None
    numbers = dict.fromkeys(("value", "low", "high", "outcome"), "float64")
    texts = dict.fromkeys(("run_id", "company", "score", "key", "model"), "str")
    return rows.astype({**numbers, **texts, "horizon_days": "int64"})


def alerts_before(store: Store, company: str, as_of: date) -> pd.DataFrame:
    """The alerts of a company's latest published run before ``as_of``, with that run's ``as_of`` as ``run_as_of``."""
    of_run = select(RUN_RECORDS.c.run_id, RUN_RECORDS.c.as_of).where(
        RUN_RECORDS.c.company == company, RUN_RECORDS.c.as_of < as_of, RUN_RECORDS.c.status == "published"
    )
    latest = of_run.order_by(RUN_RECORDS.c.as_of.desc(), RUN_RECORDS.c.published_at.desc()).limit(1)
    written = BASES[ALERTS.name]
    columns = [written.c[name] for name in ALERTS.by_name]
    with store.reading() as connection:
        run = connection.execute(latest).one_or_none()
        if run is None:
            return pd.DataFrame(columns=[*(column.name for column in columns), "run_as_of"])
        found = connection.execute(select(*columns).where(written.c.run_id == run.run_id)).all()
    rows = pd.DataFrame([tuple(row) for row in found], columns=[column.name for column in columns], dtype=object)
    return rows.assign(run_as_of=run.as_of)


def keep(
    connection: Connection, run_id: str, company: str, as_of: date, published_at: datetime, steps: Sequence[Step]
) -> None:
    """Write what a run that is being published said, where its night is to be kept; and outcomes that it found."""
    night = {"run_id": run_id, "company": company, "as_of": as_of, "published_at": published_at, "withdrawn": False}
    for step in steps:
        if CAME in step.tables:
            _settle(connection, step.frame(CAME), as_of)
        if TOLD in step.tables and not _has_another(connection, company, as_of):
            foreseen = step.frame(FORESEEN) if FORESEEN in step.tables else None
            _write(connection, night, step.frame(TOLD), foreseen)


def withdraw_after(connection: Connection, company: str, published_at: datetime) -> None:
    """A company's nights that were published after an instant count no more, its others do: readers went back to it."""
    after = NIGHTS.c.published_at > published_at
    connection.execute(update(NIGHTS).where(NIGHTS.c.company == company).values(withdrawn=after))


def _has_another(connection: Connection, company: str, as_of: date) -> bool:
    """Whether another date of the same week is kept."""
    monday = as_of - timedelta(days=as_of.weekday())
    others = select(NIGHTS.c.run_id).where(
        NIGHTS.c.company == company,
        NIGHTS.c.as_of.between(monday, monday + timedelta(days=6)),
        NIGHTS.c.as_of != as_of,
        ~NIGHTS.c.withdrawn,
    )
    return connection.execute(others.limit(1)).one_or_none() is not None


def _write(connection: Connection, night: dict[str, Any], told: pd.DataFrame, foreseen: pd.DataFrame | None) -> None:
    run_id = night["run_id"]
    known = connection.execute(select(NIGHTS.c.run_id).where(NIGHTS.c.run_id == run_id)).one_or_none()
    if known is not None:  # published anew after it was retired: what it said is what it says
        connection.execute(update(NIGHTS).where(NIGHTS.c.run_id == run_id).values(**night))
        return
    connection.execute(insert(NIGHTS).values(**night))
    rows = plain_rows(told.assign(run_id=run_id, outcome=None, outcome_as_of=None)[SCORES.c.keys()])
    if rows:
        connection.execute(insert(SCORES), rows)
    if foreseen is not None:
        keep_forecasts(connection, run_id, foreseen)


def _settle(connection: Connection, came: pd.DataFrame, as_of: date) -> None:
    """Fill in outcomes that have none yet."""
    rows = plain_rows(came[["run_id", "score", "key", "outcome"]].rename(columns=lambda name: f"of_{name}"))
    statement = (
        update(SCORES)
        .where(
            SCORES.c.run_id == bindparam("of_run_id"),
            SCORES.c.score == bindparam("of_score"),
            SCORES.c.key == bindparam("of_key"),
            SCORES.c.outcome_as_of.is_(None),
        )
        .values(outcome=bindparam("of_outcome"), outcome_as_of=as_of)
    )
    if rows:
        connection.execute(statement, rows)
