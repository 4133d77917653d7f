"""Publishing: write, audit, publish.

A run's rows go into the scoring table under its ``run_id``, which no reader looks at; what was written is audited; one
transaction moves the pointer that the readers' views follow. Killed anywhere, readers see all of the old run or all of
the new one, and publishing again begins anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, insert, select, update

from data.errors import StoreError
from data.lake import Step
from data.outputs.catalogue import OUTPUTS
from data.store.audit import audit
from data.store.bulk_load import load, reader, rows_of
from data.store.score_ledger import keep as keep_scores
from data.store.score_ledger import withdraw_after
from data.store.views import BASES, POINTER, RUN_RECORDS, Store

CAPPED_AT = 20
"""So many broken rules are told; a run that breaks more is told how many more."""


@dataclass(frozen=True)
class RunRecord:
    """What is kept of a run beside its rows: the columns of ``data.outputs.catalogue.RUNS`` that are known before it ends.

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
    """Rows published of each output. After it, readers see this run, and the rows of the company's ``keep`` latest runs
    remain.

    Every output is a table of exactly one of the steps; a step may also hold what the ledger keeps (``data.store.score_ledger``).
    A run that was published before is audited again and nothing else: publishing it twice changes nothing, not even
    what readers see, who may have been rolled back since. Raises ``StoreError``, with every broken rule, when the audit
    finds one: readers keep what they had.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1; it is {keep}")
    sources = _sources(store, steps)
    counts = {name: rows_of(step.path(name)) for name, step in sources.items()}
    with store.reading() as connection:
        seen = _status(connection, run.run_id) == "published"
    if not seen:
        with store.writing() as connection, reader() as duck:
            _remove(connection, [run.run_id, *_left_behind(connection)])
            _record(connection, run, status="writing", published_at=None, reason=None)
            for output in OUTPUTS:
                parquet = sources[output.name].path(output.name)
                load(connection, duck, parquet, output, BASES[output.name], run.run_id)
    with store.reading() as connection:
        broken = audit(connection, run.run_id, BASES, counts)
    if broken:
        _refuse(store, run, broken, seen=seen)
    if not seen:
        with store.writing() as connection:
            _record(connection, run, status="published", published_at=published_at, reason=None)
            _point(connection, run.run_id)
            keep_scores(connection, run.run_id, run.company, run.as_of, published_at, steps)
            _retire(connection, run.company, keep)
    return counts


def record_stopped(store: Store, run: RunRecord, reason: str) -> None:
    """Keep that a run stopped, and why; rows that it had begun to write are removed.

    A run that was published before keeps its record: what stopped was only the repetition of it.
    """
    with store.writing() as connection:
        if _status(connection, run.run_id) in ("published", "retired"):
            return
        _remove(connection, [run.run_id])
        _record(connection, run, status="stopped", published_at=None, reason=reason)


def rollback(store: Store, run_id: str) -> None:
    """Make readers see an earlier run again, all at once.

    Raises ``StoreError`` that names the runs there are, for a run that was not published or whose rows were removed.
    """
    with store.writing() as connection:
        if _status(connection, run_id) != "published":
            query = select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "published")
            there = connection.execute(query.order_by(RUN_RECORDS.c.published_at.desc())).scalars().all()
            raise StoreError(
                f"there are no published rows of a run '{run_id}'",
                where=store.place,
                remedy=f"name one of {', '.join(there)}" if there else "publish a run first: gelir nightly",
            )
        _point(connection, run_id)
        gone_to = select(RUN_RECORDS.c.company, RUN_RECORDS.c.published_at).where(RUN_RECORDS.c.run_id == run_id)
        withdraw_after(connection, *connection.execute(gone_to).one())


def _sources(store: Store, steps: Sequence[Step]) -> dict[str, Step]:
    """The one step that wrote each output."""
    writers = {output.name: [step for step in steps if output.name in step.tables] for output in OUTPUTS}
    wrong = [
        f"{name} is in {' and '.join(step.name for step in found) or 'none of them'}"
        for name, found in writers.items()
        if len(found) != 1
    ]
    if wrong:
        raise StoreError(
            f"of the steps {', '.join(step.name for step in steps) or '(none)'}, one must write each output: "
            + "; ".join(wrong),
            where=store.place,
            remedy="give the finished steps that wrote the outputs, each once",
        )
    return {name: found[0] for name, found in writers.items()}


def _refuse(store: Store, run: RunRecord, broken: Sequence[str], *, seen: bool) -> None:
    if not seen:
        with store.writing() as connection:
            _remove(connection, [run.run_id])
    told = "".join(f"\n  - {sentence}" for sentence in broken[:CAPPED_AT])
    more = f"\n  … and {len(broken) - CAPPED_AT} more" if len(broken) > CAPPED_AT else ""
    raise StoreError(
        f"run {run.run_id} is not published, since the audit of its rows found:{told}{more}",
        where=store.place,
        remedy="roll back to another run, then publish this one again: its rows were changed after publishing"
        if seen
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
    """Runs that were killed while they wrote."""
    return list(connection.execute(select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "writing")).scalars())


def _retire(connection: Connection, company: str, keep: int) -> None:
    """Remove the rows of all but a company's latest published runs and the one that readers see; the records stay."""
    query = select(RUN_RECORDS.c.run_id).where(RUN_RECORDS.c.status == "published", RUN_RECORDS.c.company == company)
    latest_first = connection.execute(
        query.order_by(RUN_RECORDS.c.published_at.desc(), RUN_RECORDS.c.run_id.desc())
    ).scalars()
    seen = _pointer(connection)
    old = [run_id for run_id in list(latest_first)[keep:] if run_id != seen]
    _remove(connection, old)
    connection.execute(update(RUN_RECORDS).where(RUN_RECORDS.c.run_id.in_(old)).values(status="retired"))


def _remove(connection: Connection, run_ids: Iterable[str]) -> None:
    for table in BASES.values():
        connection.execute(delete(table).where(table.c.run_id.in_(list(run_ids))))
