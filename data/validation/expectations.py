"""Run Great Expectations on the valid rows and the health checks, and write its pages (Data Docs)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from data.calendar import RunDates
from data.contract import TABLES
from data.lake import Draft
from data.schema import Table
from data.sql import quote_identifier, scan_parquet
from data.validation.constraints import Constraint
from data.validation.data_docs import make_self_contained
from data.validation.health_checks import HealthCheck
from data.validation.quarantine import REFERENCED_TABLES, SplitResult

MAX_SAMPLE_ROWS = 50_000
"""Of a larger table, Great Expectations checks a seeded sample of about this size, and DuckDB counts over all rows."""

SAMPLE_SEED = 7
NIGHT = "night"
"""Name of the suite with the health checks."""


@dataclass(frozen=True)
class ExpectationResult:
    """The result of one expectation on valid rows, or of one health check."""

    table: str
    constraint: str
    passed: bool
    observed: str
    crash: str | None = None
    """The exception, if the expectation could not be evaluated; it has not passed then."""
    health_check: HealthCheck | None = None


def run_expectations(
    results: Sequence[SplitResult], checks: Sequence[HealthCheck], run_id: str, dates: RunDates, draft: Draft
) -> list[ExpectationResult]:
    """One result per health check, and per constraint of the tables with valid rows. Writes ``docs`` if all passed.

    The tables are read back from the draft, so that the checked rows are those that the night goes on with.
    """
    duck = _connect(draft)
    with_rows = [result for result in results if result.n_valid]
    counts = [_count_violations(duck, result) for result in with_rows if result.n_valid > MAX_SAMPLE_ROWS]
    gx = _GreatExpectations(run_id, dates, draft.folder / "docs")
    outcomes = gx.run_health_checks([*checks, *counts])
    for result in with_rows:
        frame = _sample(duck, result)
        outcomes += gx.run_constraints(TABLES[result.table], result.constraints, frame, result.n_valid)
    duck.close()
    if all(outcome.passed for outcome in outcomes):  # a night that stops leaves no pages behind
        gx.write_pages()
    return outcomes


def import_great_expectations() -> Any:
    """The package, which takes seconds to import."""
    import great_expectations

    return great_expectations


class _GreatExpectations:
    """One ephemeral context of Great Expectations; only its pages stay."""

    def __init__(self, run_id: str, dates: RunDates, pages: Path) -> None:
        gx = import_great_expectations()
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )
        from great_expectations.expectations.row_conditions import Column as ConditionColumn

        self.gx: Any = gx
        self.condition_column: Any = ConditionColumn
        self.pages = pages
        # the run's date, not the clock: the same night makes the same pages
        self.run = RunIdentifier(run_name=run_id, run_time=dates.as_of_at.replace(tzinfo=UTC))
        config = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={"docs": _site(pages)},
            progress_bars=ProgressBarsConfig(globally=False),
        )
        self.context: Any = gx.get_context(project_config=config, mode="ephemeral")
        self.source: Any = self.context.data_sources.add_pandas("clean")

    def run_constraints(
        self, table: Table, constraints: Sequence[Constraint], frame: pd.DataFrame, n_rows: int
    ) -> list[ExpectationResult]:
        """One result per constraint on a sample of a table's ``n_rows`` valid rows, after that of its columns."""
        names = ["columns are the contract's", *(constraint.name for constraint in constraints)]
        columns = self.gx.expectations.ExpectTableColumnsToMatchOrderedList(
            column_list=list(frame.columns), description=names[0]
        )
        outcomes = self._run(table.name, [columns, *(self._expectation(c) for c in constraints)], frame)
        rows = f"{len(frame):,} of {n_rows:,} rows" if len(frame) < n_rows else f"{n_rows:,} rows"
        return [
            ExpectationResult(
                table.name,
                name,
                bool(outcome.success),
                f"{_n_violations(outcome)} of {rows} violate it",
                _crash(outcome),
            )
            for name, outcome in zip(names, outcomes, strict=True)
        ]

    def run_health_checks(self, checks: Sequence[HealthCheck]) -> list[ExpectationResult]:
        """One result per health check: to Great Expectations, a table of one row with one measurement per column."""
        frame = pd.DataFrame({check.name: [check.observed] for check in checks}, dtype="float64")
        expectations = [
            self.gx.expectations.ExpectColumnValuesToNotBeNull(column=check.name, description=check.description)
            if check.observed is None
            else self.gx.expectations.ExpectColumnValuesToBeBetween(
                column=check.name, min_value=check.minimum, max_value=check.maximum, description=check.description
            )
            for check in checks
        ]
        outcomes = self._run(NIGHT, expectations, frame)
        return [
            ExpectationResult(
                check.table,
                check.description,
                bool(outcome.success),
                _format_measurement(check.observed),
                _crash(outcome),
                check,
            )
            for check, outcome in zip(checks, outcomes, strict=True)
        ]

    def write_pages(self) -> None:
        """Write a page per suite that was run, readable without the internet."""
        self.context.build_data_docs(build_index=False)
        make_self_contained(self.pages, f"Validation of {self.run.run_name}")

    def _expectation(self, constraint: Constraint) -> Any:
        arguments = {**constraint.arguments, "description": constraint.name}
        if constraint.row_filter is not None:
            name, value = constraint.row_filter
            column = self.condition_column(name)
            arguments["row_condition"] = column.is_not_null() if value is None else column == value
        return getattr(self.gx.expectations, constraint.expectation)(**arguments)

    def _run(self, name: str, expectations: Sequence[Any], frame: pd.DataFrame) -> list[Any]:
        """Great Expectations' results, in the order of the expectations (its own order differs)."""
        for position, expectation in enumerate(expectations):
            expectation.meta = {"position": position}
        suite = self.context.suites.add(self.gx.ExpectationSuite(name, expectations=list(expectations)))
        batch = self.source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        definition = self.context.validation_definitions.add(
            self.gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        outcome = definition.run(
            batch_parameters={"dataframe": frame}, run_id=self.run, result_format={"result_format": "BASIC"}
        )
        return sorted(outcome.results, key=lambda result: result.expectation_config.meta["position"])


def _connect(draft: Draft) -> duckdb.DuckDBPyConnection:
    """A DuckDB with the draft's tables as ``rows_<table>`` and the keys of referenced ones as ``clean_<table>``."""
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    for name, table in TABLES.items():
        rows = scan_parquet(draft.path(name), row_numbers=True)
        duck.execute(f"CREATE VIEW rows_{name} AS SELECT *, file_row_number AS n FROM {rows}")
        if name in REFERENCED_TABLES:
            duck.execute(f"CREATE VIEW clean_{name} AS SELECT {table.key[0]} FROM {rows}")
    return duck


def _sample(duck: duckdb.DuckDBPyConnection, result: SplitResult) -> pd.DataFrame:
    """The table's rows, or a seeded sample of them, with the columns that expectations need beside its own."""
    columns = [f"r.{name}" for name in TABLES[result.table].names]
    derived = [constraint.derived_column for constraint in result.constraints if constraint.derived_column]
    columns += [f"({definition}) AS {quote_identifier(name)}" for name, definition in derived]
    n_rows = result.n_valid
    sample = f"WHERE hash(n, {SAMPLE_SEED}) % {n_rows} < {MAX_SAMPLE_ROWS}" if n_rows > MAX_SAMPLE_ROWS else ""
    return duck.execute(f"SELECT {', '.join(columns)} FROM (FROM rows_{result.table} {sample}) r").df()


def _count_violations(duck: duckdb.DuckDBPyConnection, result: SplitResult) -> HealthCheck:
    """Violations left among all valid rows of a large table; more than none is a fault of the quarantine."""
    table = result.table
    key = ", ".join(TABLES[table].key)
    # the last constraint is the uniqueness of the key
    conditions = " OR ".join(f"({constraint.violated})" for constraint in result.constraints[:-1])
    groups = f"SELECT count(*) AS n_rows FROM rows_{table} GROUP BY {key}"
    (count,) = duck.execute(
        f"SELECT (SELECT coalesce(sum(n_rows - 1), 0) FROM ({groups})) "
        f"+ (SELECT count(*) FROM rows_{table} r WHERE {conditions})"
    ).fetchall()[0]
    return HealthCheck(
        table,
        f"valid rows of {table} that violate a constraint",
        float(count),
        f"{count:,} rows of {table} violate a constraint and were not rejected",
        "this is a fault of the program: please report it",
        maximum=0,
    )


def _n_violations(outcome: Any) -> str:
    count = (outcome.result or {}).get("unexpected_count")
    return f"{count:,}" if count is not None else ("0" if outcome.success else "some")


def _format_measurement(observed: float | None) -> str:
    if observed is None:
        return "nothing"
    return f"{observed:,.0f}" if float(observed).is_integer() else f"{observed:.4g}"


def _crash(outcome: Any) -> str | None:
    """The message of an exception in the check; Great Expectations reports such a check as failed."""
    info = outcome.exception_info or {}
    for part in [info, *(value for value in info.values() if isinstance(value, dict))]:
        if part.get("raised_exception"):
            return str(part.get("exception_message") or "no message")
    return None


def _site(pages: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": os.fspath(pages.resolve())},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "site_section_builders": {"expectations": "None", "profiling": "None"},
    }
