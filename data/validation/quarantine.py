"""Split the rows of every contract table: valid rows go on, rejected rows are kept aside with all their reasons."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter

import duckdb

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES
from data.lake import Draft, Step, hard_link_or_copy
from data.reading.typed_rows import key_text
from data.schema import Kind, Table
from data.sql import copy_to_parquet, quote_literal, scan_parquet
from data.validation.constraints import MAX_VALUE_LENGTH, Constraint, constraints_of, unique_key

REASON = "STRUCT(summary VARCHAR, message VARCHAR)"
"""DuckDB type of one violation of one row: in words without and with the row's values."""

NULLED_PREFIX = "value removed: "
"""Start of a reason that counts rows kept without one value."""

REFERENCED_TABLES = {column.references for table in CONTRACT for column in table.columns if column.references}


@dataclass(frozen=True)
class SplitResult:
    """Rows read and rejected of one table, and the constraints that were applied; uniqueness of the key is the last."""

    table: str
    constraints: tuple[Constraint, ...]
    n_read: int
    n_rejected: int

    @property
    def n_valid(self) -> int:
        """Rows that go on."""
        return self.n_read - self.n_rejected


def quarantine(duck: duckdb.DuckDBPyConnection, crm: Step, dates: RunDates, draft: Draft) -> list[SplitResult]:
    """One result per contract table, in the contract's order. Writes the valid rows of each, and two more tables.

    ``quarantine``   one row per rejected row: its table, the text of its key, ``reasons`` and the ``row``, both JSON.
    ``quarantined``  one row per table and reason: number of rows, and an example. Reasons that begin with
                     ``NULLED_PREFIX`` count rows that were kept without the violating value.

    A row that refers to a rejected row is rejected too, so tables are split after those that they refer to. Leaves, on
    ``duck``, the valid keys of every referenced table as ``clean_<table>``.
    """
    empty = {name for name in TABLES if crm.rows(name) == 0}
    later = _tables_known_later(duck, crm)
    duck.execute(f'CREATE TEMP TABLE rejected (table_name VARCHAR, key VARCHAR, reasons {REASON}[], "row" VARCHAR)')
    duck.execute(f"CREATE TEMP TABLE nulled (table_name VARCHAR, key VARCHAR, reason {REASON})")
    results: dict[str, SplitResult] = {}
    for table in _referenced_first():
        constraints = constraints_of(table, dates, empty=empty, later=later)
        results[table.name] = _split(duck, crm, table, constraints, draft)
    duck.execute(copy_to_parquet(QUARANTINE_QUERY, draft.path("quarantine")))
    duck.execute(copy_to_parquet(QUARANTINED_QUERY, draft.path("quarantined")))
    return [results[table.name] for table in CONTRACT]


def _split(
    duck: duckdb.DuckDBPyConnection, crm: Step, table: Table, constraints: Sequence[Constraint], draft: Draft
) -> SplitResult:
    """One table: its violating rows to ``rejected``, its valid rows to the draft and ``clean_<table>``."""
    name, uniqueness = table.name, unique_key(table)
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW read_{name} AS "
        f"SELECT *, file_row_number AS n FROM {scan_parquet(crm.path(name), row_numbers=True)}"
    )
    if crm.rows(name):
        unreadable = _unreadable_columns(duck, crm, table)
        rejecting = [constraint for constraint in constraints if constraint.nulled_column is None]
        _find_violations(duck, table, _with_unreadable(table, rejecting, unreadable), uniqueness)
    else:
        duck.execute(f"CREATE OR REPLACE TEMP TABLE violations (n BIGINT, reasons {REASON}[])")
    n_rejected = _record_rejected(duck, table)
    valid = f"FROM read_{name}"
    if n_rejected:
        valid = f"SELECT * {valid} WHERE n NOT IN (SELECT n FROM violations)"
    if name in REFERENCED_TABLES:
        duck.execute(f"CREATE TEMP TABLE clean_{name} AS SELECT {table.key[0]} FROM ({valid})")
    nulling = [constraint for constraint in constraints if constraint.nulled_column is not None]
    replacements = _null_values(duck, table, valid, nulling)
    if n_rejected or replacements:
        values = ", ".join(f"{replacements.get(column, column)} AS {column}" for column in table.names)
        duck.execute(copy_to_parquet(f"SELECT {values} FROM ({valid}) r ORDER BY n", draft.path(name)))
    else:
        hard_link_or_copy(crm.path(name), draft.path(name))
    return SplitResult(name, (*constraints, uniqueness), crm.rows(name), n_rejected)


def _find_violations(
    duck: duckdb.DuckDBPyConnection, table: Table, constraints: Sequence[Constraint], uniqueness: Constraint
) -> None:
    """Create ``violations``: one row per violating row of the table, its number ``n`` in the file and its reasons.

    Uniqueness is checked among the rows that meet all other constraints; the row known last keeps the key (of rows
    known at one instant, the first by content).
    """
    flags = ", ".join(f"({constraint.violated}) AS violated_{i}" for i, constraint in enumerate(constraints))
    any_flag = " OR ".join(f"violated_{i}" for i in range(len(constraints)))
    reasons = ", ".join(f"CASE WHEN r.violated_{i} THEN {_reason(c)} END" for i, c in enumerate(constraints))
    duck.execute(f"""
        CREATE OR REPLACE TEMP TABLE violations AS
        SELECT n, list_filter([{reasons}], lambda reason: reason IS NOT NULL)::{REASON}[] AS reasons
        FROM (SELECT r.*, {flags} FROM read_{table.name} r) r WHERE {any_flag}""")
    key, content = ", ".join(table.key), ", ".join(table.by_name)
    rows = f"SELECT * FROM read_{table.name} WHERE n NOT IN (SELECT n FROM violations)"
    # only the grouping runs over all rows; the ranking runs over the few keys that occur more than once
    duck.execute(f"""
        INSERT INTO violations
        SELECT n, [{_reason(uniqueness)}]::{REASON}[] FROM (
            SELECT *,
                row_number() OVER (PARTITION BY {key} ORDER BY known_at DESC NULLS LAST, {content}, n) AS position,
                count(*) OVER (PARTITION BY {key}) AS n_rows
            FROM ({rows}) SEMI JOIN (SELECT {key} FROM ({rows}) GROUP BY {key} HAVING count(*) > 1) USING ({key})
        ) r WHERE {uniqueness.violated}""")


def _reason(constraint: Constraint) -> str:
    """DuckDB expression of the ``REASON`` of a row; a reference to a rejected row has a reason of its own."""
    own = f"{{'summary': {quote_literal(constraint.summary)}, 'message': {constraint.message}}}"
    if constraint.references is None:
        return own
    column, target = constraint.references
    rejected = f"{{'summary': '{column} refers to a rejected row of {target}', 'message': '{column} ''' || "
    rejected += f"left(r.{column}, {MAX_VALUE_LENGTH}) || ''' refers to a rejected row of {target}'}}"
    exists = f"r.{column} IN (SELECT {TABLES[target].key[0]} FROM read_{target})"
    return f"CASE WHEN {exists} THEN {rejected} ELSE {own} END"


def _record_rejected(duck: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Add the rows of ``violations`` to ``rejected``; returns their number."""
    row = "to_json({" + ", ".join(f"'{column}': r.{column}" for column in table.names) + "})"
    (count,) = duck.execute(
        f"INSERT INTO rejected SELECT '{table.name}', {key_text(table)}, v.reasons, CAST({row} AS VARCHAR) "
        f"FROM read_{table.name} r JOIN violations v USING (n)"
    ).fetchall()[0]
    return int(count)


def _null_values(
    duck: duckdb.DuckDBPyConnection, table: Table, valid: str, constraints: Sequence[Constraint]
) -> dict[str, str]:
    """Column → DuckDB expression of ``r`` without its violating values; every removed value is added to ``nulled``."""
    violated: dict[str, list[str]] = {}
    for constraint in constraints:
        (count,) = duck.execute(
            f"INSERT INTO nulled SELECT '{table.name}', {key_text(table)}, {_reason(constraint)} "
            f"FROM ({valid}) r WHERE {constraint.violated}"
        ).fetchall()[0]
        if count:
            violated.setdefault(str(constraint.nulled_column), []).append(constraint.violated)
    return {
        column: f"CASE WHEN {' OR '.join(conditions)} THEN NULL ELSE r.{column} END"
        for column, conditions in violated.items()
    }


def _unreadable_columns(duck: duckdb.DuckDBPyConnection, crm: Step, table: Table) -> list[str]:
    """Columns with values that the read step could not cast, sorted. Creates ``unreadable`` with these values."""
    if "unreadable" not in crm.tables:
        return []
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE unreadable AS SELECT key, column_name, min(value) AS value "
        f"FROM {scan_parquet(crm.path('unreadable'))} WHERE table_name = ? GROUP BY ALL",
        [table.name],
    )
    return [name for (name,) in duck.execute("SELECT DISTINCT column_name FROM unreadable ORDER BY 1").fetchall()]


def _with_unreadable(table: Table, constraints: Sequence[Constraint], columns: Collection[str]) -> list[Constraint]:
    """A constraint per unreadable column, and the given ones: an unreadable value is not reported as missing too."""
    key = key_text(table)
    result = []
    for name in columns:
        kind = KIND_NAMES[table.kind_of(name)]
        summary = f"cannot read {name} as {kind}"
        value = f"(SELECT min(u.value) FROM unreadable u WHERE u.column_name = '{name}' AND u.key = {key})"
        violated = f"{key} IN {_unreadable_keys(name)}" + ("" if name == "known_at" else f" AND r.{name} IS NULL")
        message = f"'{summary}: ''' || left({value}, {MAX_VALUE_LENGTH}) || ''''"
        result.append(Constraint(table.name, f"{name} can be read as {kind}", summary, violated, message, ""))
    for constraint in constraints:
        column = constraint.arguments.get("column")
        if constraint.expectation == "ExpectColumnValuesToNotBeNull" and column in columns:
            readable = f"{key} NOT IN {_unreadable_keys(str(column))}"
            result.append(replace(constraint, violated=f"{constraint.violated} AND {readable}"))
        else:
            result.append(constraint)
    return result


def _unreadable_keys(column: str) -> str:
    return f"(SELECT key FROM unreadable WHERE column_name = '{column}')"


def _referenced_first() -> list[Table]:
    """The contract's tables, every table after those that it refers to."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for table in CONTRACT:
        sorter.add(table.name, *sorted({c.references for c in table.columns if c.references} - {table.name}))
    return [TABLES[name] for name in sorter.static_order()]


def _tables_known_later(duck: duckdb.DuckDBPyConnection, crm: Step) -> set[str]:
    """The tables of which more rows become known after the run's date."""
    if "reading" not in crm.tables:
        return set()
    names = duck.execute(f"SELECT table_name FROM {scan_parquet(crm.path('reading'))} WHERE later > 0").fetchall()
    return {name for (name,) in names}


KIND_NAMES: dict[Kind, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a day",
    "timestamp": "a time",
}

QUARANTINE_QUERY = """
    SELECT table_name, key,
        CAST(to_json(list_transform(reasons, lambda reason: reason.message)) AS VARCHAR) AS reasons, "row"
    FROM rejected ORDER BY table_name, key, "row\""""

QUARANTINED_QUERY = f"""
    WITH reasons AS (
        SELECT table_name, key, reason.summary AS summary, reason.message AS message
        FROM (SELECT table_name, key, unnest(reasons) AS reason FROM rejected)
        UNION ALL
        SELECT table_name, key, '{NULLED_PREFIX}' || reason.summary, reason.message FROM nulled),
    messages AS (
        SELECT table_name, summary, message, count(*) AS times, min(key) AS key FROM reasons GROUP BY ALL),
    summaries AS (
        SELECT table_name, summary, sum(times) AS times,
            arg_min({{'message': message, 'times': times, 'key': key}}, {{'fewer': -times, 'message': message}}) AS top
        FROM messages GROUP BY ALL)
    SELECT table_name, summary AS reason, CAST(times AS BIGINT) AS "rows",
        CASE WHEN top.message = summary THEN 'such as ' || top.key
            WHEN top.times = 1 THEN top.message || ' (' || top.key || ')'
            ELSE format('{{}} ({{:,}} rows, such as {{}})', top.message, top.times, top.key) END AS example
    FROM summaries ORDER BY table_name, "rows" DESC, reason"""
