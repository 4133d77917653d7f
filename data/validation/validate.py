"""The validate step: valid rows go on, violating rows go to quarantine; a failed health check stops the night."""

from collections.abc import Mapping, Sequence

import duckdb
import pandas as pd

from data.calendar import RunDates
from data.errors import DataQualityError
from data.lake import Draft, Step
from data.validation.data_docs import ReasonSummary, TableSummary, write_index
from data.validation.expectations import ExpectationResult, run_expectations
from data.validation.health_checks import HealthLimits, measure_health
from data.validation.quarantine import SplitResult, quarantine

STALE_DAYS = 7
REPORT_BUG = "this is a fault of the program: please report it"


def validate(
    crm: Step,
    dates: RunDates,
    draft: Draft,
    *,
    tolerated_shares: Mapping[str, float],
    previous: Sequence[Step] = (),
    stale_days: int = STALE_DAYS,
) -> None:
    """Write the valid rows of every contract table, the rejected rows with their reasons, and the results of checks.

    ``quarantine``, ``quarantined``  see ``data.validation.quarantine.quarantine``.
    ``constraints``                  one row per table and constraint: its result on the valid rows.
    ``docs/index.html``              the same as pages.

    ``tolerated_shares`` is the largest share of a table's rows that may be rejected, where it differs from the default.
    ``previous`` are ``read`` steps of earlier nights, with which the number of rows is compared.
    Raises ``DataQualityError`` that lists every failed check.
    """
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    splits = quarantine(duck, crm, dates, draft)
    checks = measure_health(duck, splits, dates, draft, HealthLimits(tolerated_shares, stale_days), previous)
    duck.close()
    results = run_expectations(splits, checks, crm.run_id, dates, draft)
    draft.write(
        "constraints",
        pd.DataFrame(
            {
                "table_name": [result.table for result in results],
                "constraint_name": [result.constraint for result in results],
                "passed": [result.passed for result in results],
                "observed": [result.observed for result in results],
            }
        ),
    )
    failed = [result for result in results if not result.passed]
    if failed:
        raise _data_quality_error(crm, failed)
    _write_index(crm, splits, results, draft)


def _write_index(crm: Step, splits: Sequence[SplitResult], results: Sequence[ExpectationResult], draft: Draft) -> None:
    tables = []
    for split in splits:
        passed = [result.passed for result in results if result.table == split.table and result.health_check is None]
        if split.n_read:
            tables.append(TableSummary(split.table, split.n_read, split.n_rejected, len(passed), sum(passed)))
    quarantined = pd.read_parquet(draft.path("quarantined"))
    reasons = [ReasonSummary(*row) for row in quarantined.itertuples(index=False)]
    checks = [result for result in results if result.health_check is not None]
    write_index(draft.folder / "docs", f"Validation of {crm.run_id}", tables, reasons, checks)


def _data_quality_error(crm: Step, failed: Sequence[ExpectationResult]) -> DataQualityError:
    """One error with the message and the remedy of every failed check."""
    messages, remedies = [], []
    for result in failed:
        if result.crash is not None:
            messages.append(f"{result.table}: '{result.constraint}' could not be evaluated: {result.crash}")
            remedies.append(REPORT_BUG)
        elif result.health_check is not None:
            messages.append(result.health_check.message)
            remedies.append(result.health_check.remedy)
        else:
            messages.append(f"{result.table}: valid rows violate '{result.constraint}': {result.observed}")
            remedies.append(REPORT_BUG)
    summary = f"{len(messages)} checks of the data failed" if len(messages) > 1 else "a check of the data failed"
    return DataQualityError(
        f"{summary}; nothing was published\n    " + "\n    ".join(messages),
        where=f"run {crm.run_id}, tables as read in {crm.folder}",
        remedy="; ".join(dict.fromkeys(remedies)),
    )
