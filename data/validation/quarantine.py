"""Rows that broke a promise are kept out, with all their reasons; the others go on."""

import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import duckdb

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES, Table
from data.lake import Draft, Step
from data.reading.typed_rows import key_of
from data.validation.constraints import Promise, promises, unique

REASON = "STRUCT(says VARCHAR, told VARCHAR)"
REFERRED = {column.references for table in CONTRACT for column in table.columns if column.references}


@dataclass(frozen=True)
class Sorted:
    """What became of the rows of one table, and the promises by which they were judged."""

    table: str
    promises: tuple[Promise, ...]
    read: int
    kept_out: int


def quarantine(duck: duckdb.DuckDBPyConnection, crm: Step, moment: RunDates, draft: Draft) -> list[Sorted]:
    """What became of each contract table, in the contract's order. Writes the clean tables and two more.

    ``quarantine``   one row per row kept out: its table, ``key_of`` it, ``reasons`` and the ``row``, both JSON.
    ``quarantined``  one row per table and reason: how many rows, and an example. A reason that begins with "emptied:"
                     counts rows that were kept, without the value that referred to nothing.

    A reference to a row that is kept out keeps out the row that refers. Leaves, on ``duck``, the clean keys of every
    table that others refer to as ``clean_<table>``.
    """
    empty, later = _empty(crm), _later(duck, crm)
    duck.execute("CREATE TEMP TABLE kept_out (table_name VARCHAR, key VARCHAR, found " + REASON + '[], "row" VARCHAR)')
    duck.execute("CREATE TEMP TABLE emptied (table_name VARCHAR, key VARCHAR, says VARCHAR, told VARCHAR)")
    done: dict[str, Sorted] = {}
    for name in _order():
        rules = promises(TABLES[name], moment, empty=empty, later=later)
        done[name] = _sort(duck, crm, TABLES[name], rules, draft)
    _write(duck, draft, "quarantine", QUARANTINE)
    _write(duck, draft, "quarantined", QUARANTINED)
    return [done[table.name] for table in CONTRACT]


def _sort(duck: duckdb.DuckDBPyConnection, crm: Step, table: Table, rules: Sequence[Promise], draft: Draft) -> Sorted:
    """One table: its broken rows to ``kept_out``, its clean rows to the draft."""
    source = crm.path(table.name)
    duck.execute(
        f"CREATE OR REPLACE TEMP VIEW read_{table.name} AS "
        f"SELECT *, file_row_number AS n FROM read_parquet({_text(source)}, file_row_number = true)"
    )
    once = unique(table)
    if table.name in REFERRED:
        duck.execute(f"CREATE TEMP TABLE clean_{table.name} AS SELECT {table.key[0]} FROM read_{table.name} LIMIT 0")
    if not crm.rows(table.name):
        _as_it_is(source, draft.folder / source.name)
        return Sorted(table.name, (*rules, once), 0, 0)
    unreadable, unread = _unreadable(duck, crm, table)
    keeping = [*unreadable, *(rule for rule in rules if rule.empties is None)]
    keeping = [_unless(rule, unread) for rule in keeping]
    duck.execute(f"CREATE OR REPLACE TEMP TABLE broken AS {_broken(table, keeping)}")
    duck.execute(f"INSERT INTO broken {_twice(table, once)}")
    read, out = duck.execute(
        f"SELECT (SELECT count(*) FROM read_{table.name}), (SELECT count(*) FROM broken)"
    ).fetchall()[0]
    clean = (
        f"SELECT * FROM read_{table.name} WHERE n NOT IN (SELECT n FROM broken)" if out else f"FROM read_{table.name}"
    )
    if table.name in REFERRED:
        duck.execute(f"INSERT INTO clean_{table.name} SELECT {table.key[0]} FROM ({clean})")
    emptied = _empty_values(duck, table, clean, [rule for rule in rules if rule.empties is not None])
    if out:
        row = "to_json({" + ", ".join(f"'{c}': r.{c}" for c in table.names) + "})"
        duck.execute(
            f"INSERT INTO kept_out SELECT '{table.name}', {key_of(table)}, b.found, CAST({row} AS VARCHAR) "
            f"FROM read_{table.name} r JOIN broken b USING (n)"
        )
    if out or emptied:
        values = ", ".join(f"{emptied.get(c, c)} AS {c}" for c in table.names)
        duck.execute(
            f"COPY (SELECT {values} FROM ({clean}) r ORDER BY n) TO {_text(draft.folder / f'{table.name}.parquet')} "
            "(FORMAT parquet)"
        )
    else:
        _as_it_is(source, draft.folder / source.name)
    return Sorted(table.name, (*rules, once), read, out)


def _broken(table: Table, rules: Sequence[Promise]) -> str:
    """A query for the rows that break a promise: their number in the file, and all that is wrong with them."""
    flags = ", ".join(f"({rule.broken}) AS broken_{i}" for i, rule in enumerate(rules))
    any_of = " OR ".join(f"broken_{i}" for i in range(len(rules)))
    found = ", ".join(f"CASE WHEN r.broken_{i} THEN {_reason(rule)} END" for i, rule in enumerate(rules))
    return f"""
        SELECT n, list_filter([{found}], lambda reason: reason IS NOT NULL)::{REASON}[] AS found
        FROM (SELECT r.*, {flags} FROM read_{table.name} r) r WHERE {any_of}"""


def _reason(rule: Promise) -> str:
    """DuckDB struct of what a row is told. What it refers to may be there, but kept out itself."""
    if rule.refers_to is None:
        return f"{{'says': '{rule.says}', 'told': {rule.told}}}"
    column = rule.promise.split()[0]
    key = TABLES[rule.refers_to].key[0]
    known = f"r.{column} IN (SELECT {key} FROM read_{rule.refers_to})"
    says = f"{column} is of a row kept out of {rule.refers_to}"
    told = f"'{column} ''' || left(r.{column}, 60) || ''' is of a row kept out of {rule.refers_to}'"
    return (
        f"{{'says': CASE WHEN {known} THEN '{says}' ELSE '{rule.says}' END, "
        f"'told': CASE WHEN {known} THEN {told} ELSE {rule.told} END}}"
    )


def _twice(table: Table, rule: Promise) -> str:
    """A query for the rows whose key another row has: all but the one known last (of equals, any: by content)."""
    key = ", ".join(table.key)
    whole = f"SELECT * FROM read_{table.name} WHERE n NOT IN (SELECT n FROM broken)"
    # the grouping alone runs over all rows; the ranking only over the few keys that are there twice
    ranked = f"""
        SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY known_at DESC NULLS LAST, ALL_COLUMNS, n) AS place,
            count(*) OVER (PARTITION BY {key}) AS times
        FROM ({whole}) SEMI JOIN (SELECT {key} FROM ({whole}) GROUP BY {key} HAVING count(*) > 1) USING ({key})"""
    ranked = ranked.replace("ALL_COLUMNS", ", ".join(table.by_name))
    return f"SELECT n, [{_reason(rule)}]::{REASON}[] FROM ({ranked}) r WHERE {rule.broken}"


def _unreadable(duck: duckdb.DuckDBPyConnection, crm: Step, table: Table) -> tuple[list[Promise], Collection[str]]:
    """A rule for each column that holds values which could not be read as its kind, and the names of the columns."""
    if "unreadable" not in crm.tables:
        return [], ()
    duck.execute(
        "CREATE OR REPLACE TEMP TABLE unreadable AS SELECT key, column_name, min(value) AS value "
        f"FROM read_parquet({_text(crm.path('unreadable'))}) WHERE table_name = ? GROUP BY ALL",
        [table.name],
    )
    columns = [name for (name,) in duck.execute("SELECT DISTINCT column_name FROM unreadable ORDER BY 1").fetchall()]
    rules = []
    for name in columns:
        kind = "timestamp" if name == "known_at" else table[name].kind
        says = f"cannot read {name} as {KINDS[kind]}"
        values = f"(SELECT min(u.value) FROM unreadable u WHERE u.column_name = '{name}' AND u.key = {key_of(table)})"
        keys = f"(SELECT key FROM unreadable WHERE column_name = '{name}')"
        broken = f"{key_of(table)} IN {keys}" + ("" if name == "known_at" else f" AND r.{name} IS NULL")
        told = f"'{says}: ''' || left({values}, 60) || ''''"
        rules.append(
            Promise(table.name, f"{name} can be read as {KINDS[kind]}", says, broken, told, "", {"column": name})
        )
    return rules, columns


def _unless(rule: Promise, unread: Collection[str]) -> Promise:
    """A column that could not be read is not called missing as well."""
    column = rule.terms.get("column")
    if rule.expectation != "ExpectColumnValuesToNotBeNull" or column not in unread:
        return rule
    table = TABLES[rule.table]
    keys = f"(SELECT key FROM unreadable WHERE column_name = '{column}')"
    return Promise(
        rule.table,
        rule.promise,
        rule.says,
        f"{rule.broken} AND {key_of(table)} NOT IN {keys}",
        rule.told,
        rule.expectation,
        rule.terms,
    )


def _empty_values(
    duck: duckdb.DuckDBPyConnection, table: Table, clean: str, rules: Sequence[Promise]
) -> dict[str, str]:
    """DuckDB expressions for the columns in which a value refers to nothing; which ones is noted in ``emptied``."""
    broken: dict[str, list[str]] = {}
    for rule in rules:
        reason = _reason(rule)
        told = duck.execute(
            f"INSERT INTO emptied SELECT '{table.name}', {key_of(table)}, 'emptied: ' || ({reason}).says, "
            f"({reason}).told FROM ({clean}) r WHERE {rule.broken}"
        ).fetchall()[0][0]
        if told:
            broken.setdefault(str(rule.empties), []).append(rule.broken)
    return {column: f"CASE WHEN {' OR '.join(found)} THEN NULL ELSE r.{column} END" for column, found in broken.items()}


def _order() -> list[str]:
    """The tables' names, every table after those that it refers to."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for table in CONTRACT:
        sorter.add(table.name, *sorted({c.references for c in table.columns if c.references} - {table.name}))
    return list(sorter.static_order())


def _empty(crm: Step) -> set[str]:
    return {name for name in TABLES if crm.rows(name) == 0}


def _later(duck: duckdb.DuckDBPyConnection, crm: Step) -> set[str]:
    """The tables of which more rows become known after the run's date."""
    if "reading" not in crm.tables:
        return set()
    found = duck.execute(
        f"SELECT table_name FROM read_parquet({_text(crm.path('reading'))}) WHERE later > 0"
    ).fetchall()
    return {name for (name,) in found}


def _write(duck: duckdb.DuckDBPyConnection, draft: Draft, table: str, query: str) -> None:
    duck.execute(f"COPY ({query}) TO {_text(draft.folder / f'{table}.parquet')} (FORMAT parquet)")


def _as_it_is(source: Path, target: Path) -> None:
    """The same file in both steps, where the file system can: finished steps are never rewritten."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _text(path: Path) -> str:
    """A path as DuckDB text."""
    return "'" + str(path).replace("'", "''") + "'"


KINDS = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a day",
    "timestamp": "a time",
}

QUARANTINE = """
    SELECT table_name, key,
        CAST(to_json(list_transform(found, lambda reason: reason.told)) AS VARCHAR) AS reasons, "row"
    FROM kept_out ORDER BY table_name, key, "row\""""

QUARANTINED = """
    WITH found AS (
        SELECT table_name, key, reason.says AS says, reason.told AS told
        FROM (SELECT table_name, key, unnest(found) AS reason FROM kept_out)
        UNION ALL SELECT * FROM emptied),
    alike AS (
        SELECT table_name, says, told, count(*) AS times, min(key) AS key FROM found GROUP BY ALL),
    best AS (
        SELECT table_name, says, sum(times) AS times,
            arg_min({'told': told, 'times': times, 'key': key}, {'fewer': -times, 'told': told}) AS top
        FROM alike GROUP BY ALL)
    SELECT table_name, says AS reason, CAST(times AS BIGINT) AS "rows",
        CASE WHEN top.told = says THEN 'such as ' || top.key
            WHEN top.times = 1 THEN top.told || ' (' || top.key || ')'
            ELSE format('{} ({:,} rows, such as {})', top.told, top.times, top.key) END AS example
    FROM best ORDER BY table_name, "rows" DESC, reason"""
