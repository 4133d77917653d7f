"""Write a run's rows where no reader sees them, audit them, and publish them by moving one pointer.

Killed at any point, readers see all of the old run or all of the new one, and publishing can be repeated.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, insert, select, update

from data.errors import StoreError
from data.lake import Step
from data.outputs.catalogue import OUTPUTS
from data.store.audit import audit
from data.store.bulk_load import count_rows, load_table, parquet_reader
from data.store.score_ledger import update_ledgers, withdraw_after
from data.store.views import BASE_TABLES, POINTER, RUN_RECORDS, Store

MAX_RULES_LISTED = 20
"""Violated rules that an error lists; of others it gives the number."""


@dataclass(frozen=True)
class RunRecord:
    """The columns of ``data.outputs.catalogue.RUNS`` that are known before a run ends.

    Instants are naive UTC. ``model_versions`` is JSON; ``validation_report`` is a path.
    """

    run_id: str
    company: str
    mapping: str
    as_of: date
    started_at: datetime
    rows_read: int | None = None
    rows_quarantined: int | None = None
    data_until: datetime | None = None
    model_versions: str | None = None
    validation_report: str | None = None


def publish(
    store: Store, run: RunRecord, steps: Sequence[Step], published_at: datetime, *, keep: int = 30
) -> dict[str, int]:
    """Publish a run; the number of rows of each output. The rows of the company's ``keep`` latest runs remain.

    Every output is a table of exactly one of the steps, which may also hold tables for the ledgers. A run that was
    published before is only audited again: readers may have been rolled back since. Raises ``StoreError`` with every
    violated rule of the audit; readers then keep what they had.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1; it is {keep}")
    sources = _steps_by_output(store, steps)
    counts = {name: count_rows(step.path(name)) for name, step in sources.items()}
    with store.reading() as connection:
        repeated = _status(connection, run.run_id) == "published"
    if not repeated:
        with store.writing() as connection, parquet_reader() as duck:
            _remove(connection, [run.run_id, *_left_behind(connection)])
            _record(connection, run, status="writing", published_at=None, reason=None)
            for output in OUTPUTS:
                parquet = sources[output.name].path(output.name)
                load_table(connection, duck, parquet, output, BASE_TABLES[output.name], run.run_id)
    with store.reading() as connection:
        violations = audit(connection, run.run_id, BASE_TABLES, counts)
    if violations:
        _refuse(store, run, violations, repeated=repeated)
    if not repeated:
        with store.writing() as connection:
            _record(connection, run, status="published", published_at=published_at, reason=None)
            _point(connection, run.run_id)
            update_ledgers(connection, run.run_id, run.company, run.as_of, published_at, steps)
            _retire(connection, run.company, keep)
    return counts


def record_stopped(store: Store, run: RunRecord, reason: str) -> None:
    """Record that a run stopped, and the reason; rows that it had begun to write are removed.

    A run that was published before keeps its record: only its repetition stopped.
    """
    with store.writing() as connection:
        if _status(connection, run.run_id) in ("published", "retired"):
            return
        _remove(connection, [run.run_id])
        _record(connection, run, status="stopped", published_at=None, reason=reason)


def rollback(store: Store, run_id: str) -> None:
    """Make readers see an earlier run again, all at once.

    Raises ``StoreError`` that names the published runs for a run without published rows.
    """
    with store.writing() as connection:
        if _status(connection, run_id) != "published":
            query = select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "published")
            run_ids = connection.execute(query.order_by(RUN_RECORDS.c.published_at.desc())).scalars().all()
            raise StoreError(
                f"there are no published rows of a run '{run_id}'",
                where=store.name,
                remedy=f"name one of {', '.join(run_ids)}" if run_ids else "publish a run first: gelir nightly",
            )
        _point(connection, run_id)
        target = select(RUN_RECORDS.c.company, RUN_RECORDS.c.published_at).where(RUN_RECORDS.c.run_id == run_id)
        withdraw_after(connection, *connection.execute(target).one())


def _steps_by_output(store: Store, steps: Sequence[Step]) -> dict[str, Step]:
    """For each output the step that wrote it. Raises ``StoreError`` where none or several did."""
    writers = {output.name: [step for step in steps if output.name in step.tables] for output in OUTPUTS}
    wrong = [
        f"{name} is in {' and '.join(step.name for step in written_by) or 'none of them'}"
        for name, written_by in writers.items()
        if len(written_by) != 1
    ]
    if wrong:
        raise StoreError(
            f"of the steps {', '.join(step.name for step in steps) or '(none)'}, one must write each output: "
            + "; ".join(wrong),
            where=store.name,
            remedy="give the finished steps that wrote the outputs, each once",
        )
    return {name: written_by[0] for name, written_by in writers.items()}


def _refuse(store: Store, run: RunRecord, violations: Sequence[str], *, repeated: bool) -> None:
    """Remove the rows of a run that was not published before, and raise ``StoreError``."""
    if not repeated:
        with store.writing() as connection:
            _remove(connection, [run.run_id])
    listed = "".join(f"\n  - {sentence}" for sentence in violations[:MAX_RULES_LISTED])
    more = f"\n  … and {len(violations) - MAX_RULES_LISTED} more" if len(violations) > MAX_RULES_LISTED else ""
    raise StoreError(
        f"run {run.run_id} is not published, since the audit of its rows found:{listed}{more}",
        where=store.name,
        remedy="roll back to another run, then publish this one again: its rows were changed after publishing"
        if repeated
        else "look at the named tables in the lake; readers keep what was published before",
    )


def _pointer(connection: Connection) -> str | None:
    return connection.execute(select(POINTER.c.run_id)).scalar_one_or_none()


def _status(connection: Connection, run_id: str) -> str | None:
    query = select(RUN_RECORDS.c.status).where(RUN_RECORDS.c.run_id == run_id)
    return connection.execute(query).scalar_one_or_none()


def _record(
    connection: Connection, run: RunRecord, *, status: str, published_at: datetime | None, reason: str | None
) -> None:
    values = {**asdict(run), "status": status, "published_at": published_at, "reason": reason}
    if _status(connection, run.run_id) is None:
        connection.execute(insert(RUN_RECORDS).values(values))
    else:
        connection.execute(update(RUN_RECORDS).where(RUN_RECORDS.c.run_id == run.run_id).values(values))


def _point(connection: Connection, run_id: str) -> None:
    if connection.execute(update(POINTER).values(run_id=run_id)).rowcount == 0:
        connection.execute(insert(POINTER).values(only_row=1, run_id=run_id))


def _left_behind(connection: Connection) -> list[str]:
    """Runs that were killed while they were writing."""
    return list(connection.execute(select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "writing")).scalars())


def _retire(connection: Connection, company: str, keep: int) -> None:
    """Remove the rows of all but a company's latest published runs and the current one; the records stay."""
    query = select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "published", RUN_RECORDS.c.company == company)
    latest_first = connection.execute(
        query.order_by(RUN_RECORDS.c.published_at.desc(), RUN_RECORDS.c.run_id.desc())
    ).scalars()
    current = _pointer(connection)
    old = [run_id for run_id in list(latest_first)[keep:] if run_id != current]
    _remove(connection, old)
    connection.execute(update(RUN_RECORDS).where(RUN_RECORDS.c.run_id.in_(old)).values(status="retired"))


def _remove(connection: Connection, run_ids: Iterable[str]) -> None:
    for table in BASE_TABLES.values():
        connection.execute(delete(table).where(table.c.run_id.in_(list(run_ids))))
