"""Great Expectations judges the clean tables and the night's vitals, and writes what it saw as pages (Data Docs)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from data.calendar import RunDates
from data.contract import TABLES, Table
from data.lake import Draft
from data.validation.constraints import Promise
from data.validation.data_docs import readable
from data.validation.health_checks import Vital
from data.validation.quarantine import REFERRED, Sorted

JUDGED_ROWS = 50_000
"""Of a larger table, Great Expectations judges a seeded sample of about this size, and counts over all rows."""

SEED = 7
NIGHT = "night"


@dataclass(frozen=True)
class Verdict:
    """How one promise was judged. ``crashed`` says why it could not be judged at all: then it is not kept either."""

    table: str
    promise: str
    ok: bool
    observed: str
    crashed: str | None = None
    vital: Vital | None = None


def judge(
    results: Sequence[Sorted], vitals: Sequence[Vital], run_id: str, moment: RunDates, draft: Draft
) -> list[Verdict]:
    """One verdict per promise of the tables that hold rows, and per vital. Writes ``docs`` when all promises are kept.

    The clean tables are read from where the draft wrote them, so that what is judged is what the night goes on with.
    """
    duck = _opened(draft)
    judged = [result for result in results if result.read > result.kept_out]
    counted = [_count(duck, result) for result in judged if result.read - result.kept_out > JUDGED_ROWS]
    gx = _Judge(run_id, moment, draft.folder / "docs")
    verdicts = gx.vitals([*vitals, *counted])
    for result in judged:
        frame = _frame(duck, result)
        verdicts += gx.table(TABLES[result.table], result.promises, frame, result.read - result.kept_out)
    duck.close()
    if all(verdict.ok for verdict in verdicts):  # a night that stops leaves no pages behind
        gx.write_pages()
    return verdicts


def import_great_expectations() -> Any:
    """The package, which takes seconds to import."""
    import great_expectations

    return great_expectations


class _Judge:
    """One ephemeral Great Expectations context: nothing of it stays but the pages."""

    def __init__(self, run_id: str, moment: RunDates, pages: Path) -> None:
        gx = import_great_expectations()
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )
        from great_expectations.expectations.row_conditions import Column

        self.gx: Any = gx
        self.column: Any = Column
        self.pages = pages
        # the run's date, not the clock: the same night makes the same pages
        self.run = RunIdentifier(run_name=run_id, run_time=moment.as_of_at.replace(tzinfo=UTC))
        config = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={"docs": _site(pages)},
            progress_bars=ProgressBarsConfig(globally=False),
        )
        self.context: Any = gx.get_context(project_config=config, mode="ephemeral")
        self.source: Any = self.context.data_sources.add_pandas("clean")

    def table(self, table: Table, promises: Sequence[Promise], frame: pd.DataFrame, rows: int) -> list[Verdict]:
        """Verdicts on a clean table's rows."""
        shape = Promise(
            table.name,
            "columns are the contract's",
            "",
            "",
            "",
            "ExpectTableColumnsToMatchOrderedList",
            {"column_list": list(frame.columns)},
        )
        every = [shape, *promises]
        found = self._judged(table.name, [self._expectation(p) for p in every], frame)
        of = f"{len(frame):,} of {rows:,} rows" if len(frame) < rows else f"{rows:,} rows"
        return [
            Verdict(
                table.name, p.promise, bool(result.success), f"{_broken_rows(result)} of {of} broke it", _crash(result)
            )
            for p, result in zip(every, found, strict=True)
        ]

    def vitals(self, vitals: Sequence[Vital]) -> list[Verdict]:
        """Verdicts on the night's vitals: a table of one row, one measurement a column."""
        frame = pd.DataFrame({vital.name: [vital.observed] for vital in vitals}, dtype="float64")
        expectations = [
            self.gx.expectations.ExpectColumnValuesToNotBeNull(column=vital.name, description=vital.promise)
            if vital.observed is None
            else self.gx.expectations.ExpectColumnValuesToBeBetween(
                column=vital.name, min_value=vital.least, max_value=vital.most, description=vital.promise
            )
            for vital in vitals
        ]
        found = self._judged(NIGHT, expectations, frame)
        return [
            Verdict(
                vital.table,
                vital.promise,
                bool(result.success),
                _shown(vital.observed),
                _crash(result),
                vital,
            )
            for vital, result in zip(vitals, found, strict=True)
        ]

    def write_pages(self) -> None:
        """The pages of every suite that was judged, readable without the internet."""
        self.context.build_data_docs(build_index=False)
        readable(self.pages, f"Validation of {self.run.run_name}")

    def _expectation(self, promise: Promise) -> Any:
        terms = {**promise.terms, "description": promise.promise}
        if promise.where is not None:
            column, value = promise.where
            rows = self.column(column)
            terms["row_condition"] = rows.is_not_null() if value is None else rows == value
        return getattr(self.gx.expectations, promise.expectation)(**terms)

    def _judged(self, name: str, expectations: Sequence[Any], frame: pd.DataFrame) -> list[Any]:
        """Great Expectations' results, in the order of the expectations."""
        for place, expectation in enumerate(expectations):
            expectation.meta = {"place": place}
        suite = self.context.suites.add(self.gx.ExpectationSuite(name, expectations=list(expectations)))
        batch = self.source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        definition = self.context.validation_definitions.add(
            self.gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        outcome = definition.run(
            batch_parameters={"dataframe": frame}, run_id=self.run, result_format={"result_format": "BASIC"}
        )
        return sorted(outcome.results, key=lambda result: result.expectation_config.meta["place"])


def _opened(draft: Draft) -> duckdb.DuckDBPyConnection:
    """A DuckDB that knows the keys of the clean tables as ``clean_<table>``, as they were written."""
    duck = duckdb.connect()
    duck.execute("SET enable_progress_bar = false")
    for name in sorted(REFERRED):
        duck.execute(f"CREATE VIEW clean_{name} AS SELECT {TABLES[name].key[0]} FROM {_written(draft, name)}")
    for name in TABLES:
        duck.execute(f"CREATE VIEW rows_{name} AS SELECT *, file_row_number AS n FROM {_written(draft, name)}")
    return duck


def _written(draft: Draft, table: str) -> str:
    path = str(draft.folder / f"{table}.parquet").replace("'", "''")
    return f"read_parquet('{path}', file_row_number = true)"


def _frame(duck: duckdb.DuckDBPyConnection, result: Sorted) -> pd.DataFrame:
    """The table's rows, or a seeded sample of them, with the columns that promises need beside its own."""
    columns = [f"r.{name}" for name in TABLES[result.table].names]
    columns += [f'({p.derived[1]}) AS "{p.derived[0]}"' for p in result.promises if p.derived]
    rows = result.read - result.kept_out
    sample = f"WHERE hash(n, {SEED}) % {rows} < {JUDGED_ROWS}" if rows > JUDGED_ROWS else ""
    return duck.execute(f"SELECT {', '.join(columns)} FROM (FROM rows_{result.table} {sample}) r").df()


def _count(duck: duckdb.DuckDBPyConnection, result: Sorted) -> Vital:
    """How many rows of a large table still break a promise: none, or the quarantine is at fault."""
    key = ", ".join(TABLES[result.table].key)
    rules = [f"({p.broken})" for p in result.promises[:-1]]
    again = (
        f"SELECT coalesce(sum(times - 1), 0) FROM (SELECT count(*) AS times FROM rows_{result.table} GROUP BY {key})"
    )
    broken = duck.execute(
        f"SELECT ({again}) + (SELECT count(*) FROM rows_{result.table} r WHERE {' OR '.join(rules)})"
    ).fetchall()[0][0]
    return Vital(
        result.table,
        f"usable rows of {result.table} that break a promise",
        float(broken),
        f"{broken:,} rows of {result.table} break a promise and were not kept out",
        "this is a fault of the program: please report it",
        most=0,
    )


def _broken_rows(result: Any) -> str:
    count = (result.result or {}).get("unexpected_count")
    return f"{count:,}" if count is not None else ("0" if result.success else "some")


def _shown(observed: float | None) -> str:
    if observed is None:
        return "nothing"
    return f"{observed:,.0f}" if float(observed).is_integer() else f"{observed:.4g}"


def _crash(result: Any) -> str | None:
    """A crashed check also says that it failed; what tells it apart is the exception that it carries."""
    info = result.exception_info or {}
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
