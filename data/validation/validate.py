"""The validate step: rows that keep their promises go on, the others are kept out; broken vitals stop the night."""

from collections.abc import Mapping, Sequence

import duckdb
import pandas as pd

from data.calendar import RunDates
from data.errors import BrokenPromise
from data.lake import Draft, Step
from data.validation.data_docs import write_index
from data.validation.expectations import Verdict, judge
from data.validation.health_checks import vitals
from data.validation.quarantine import Sorted, quarantine

STALE_DAYS = 7


def validate(
    crm: Step,
    moment: RunDates,
    draft: Draft,
    *,
    tolerate: Mapping[str, float],
    previous: Sequence[Step] = (),
    stale_days: int = STALE_DAYS,
) -> None:
    """Write the contract's tables without the rows that broke a promise, what was kept out and why, and the verdicts.

    ``quarantine``, ``quarantined``  see ``data.validation.quarantine.quarantine``.
    ``promises``                     one row per table and promise: how Great Expectations judged it on what is left.
    ``docs/index.html``              the same as pages.

    ``tolerate`` is the largest share of a table's rows that may be kept out, where it differs from the usual.
    ``previous`` are ``read`` steps of earlier nights: a table that shrank to less than half was not loaded whole.
    Raises ``BrokenPromise``, which lists every broken promise that the night depends on.
    """
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    results = quarantine(duck, crm, moment, draft)
    measured = vitals(duck, results, moment, draft, tolerate=tolerate, previous=previous, stale_days=stale_days)
    duck.close()
    verdicts = judge(results, measured, crm.run_id, moment, draft)
    draft.write(
        "promises",
        pd.DataFrame(
            {
                "table_name": [verdict.table for verdict in verdicts],
                "promise": [verdict.promise for verdict in verdicts],
                "ok": [verdict.ok for verdict in verdicts],
                "observed": [verdict.observed for verdict in verdicts],
            }
        ),
    )
    _stop(crm, [verdict for verdict in verdicts if not verdict.ok])
    _write_index(crm, results, verdicts, draft)


def _write_index(crm: Step, results: Sequence[Sorted], verdicts: Sequence[Verdict], draft: Draft) -> None:
    tables = []
    for result in results:
        mine = [verdict.ok for verdict in verdicts if verdict.table == result.table and verdict.vital is None]
        if result.read:
            share = f"{result.kept_out / result.read:.1%}"
            tables.append((result.table, result.read, result.kept_out, share, f"{sum(mine)} of {len(mine)}"))
    reasons = pd.read_parquet(draft.folder / "quarantined.parquet").itertuples(index=False)
    vitals = [(verdict.promise, verdict.observed, verdict.ok) for verdict in verdicts if verdict.vital is not None]
    write_index(draft.folder / "docs", f"Validation of {crm.run_id}", tables, (tuple(row) for row in reasons), vitals)


def _stop(crm: Step, broken: Sequence[Verdict]) -> None:
    """Raise, when anything is broken, one error that says all of it."""
    if not broken:
        return
    told, mend = [], []
    for verdict in broken:
        if verdict.crashed is not None:
            told.append(f"{verdict.table}: '{verdict.promise}' could not be judged: {verdict.crashed}")
            mend.append("a promise that cannot be judged is a fault of the program: please report it")
        elif verdict.vital is not None:
            told.append(verdict.vital.told)
            mend.append(verdict.vital.mend)
        else:
            told.append(
                f"{verdict.table}: '{verdict.promise}' is still broken after the quarantine: {verdict.observed}"
            )
            mend.append("rows that break a promise and are not kept out are a fault of the program: please report it")
    many = f"{len(told)} promises that the night depends on are broken" if len(told) > 1 else "a promise is broken"
    raise BrokenPromise(
        f"{many}; nothing was published\n    " + "\n    ".join(told),
        where=f"run {crm.run_id}, tables as read in {crm.folder}",
        remedy="; ".join(dict.fromkeys(mend)),
    )
