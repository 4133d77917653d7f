"""Bind a mapping to a source: every table and column that its SQL names exists, and its results fit the contract.

All problems are found before a row is read, and reported together.
"""

import difflib
from collections.abc import Iterable

import duckdb
import ibis.expr.types as ir
import sqlglot
import sqlglot.expressions as sge

from data.contract import TABLES
from data.errors import MappingError, SourceError
from data.mapping.mapping import Mapping, SourceTable
from data.source.names import snake_case
from data.source.source import QueryError, Source, TableView

MAX_NAMES_SHOWN = 25


def bind(source: Source, mapping: Mapping) -> dict[str, ir.Table]:
    """Contract table → the rows of the mapping's SQL over the source, lazily; tables without SQL are left out.

    Raises ``SourceError`` for files that cannot be read, ``MappingError`` for SQL that does not fit; each lists all.
    """
    problems: list[str] = []
    names = {table: found for table in mapping.sql if (found := _tables_read(mapping, table, problems)) is not None}
    views = _register(source, mapping, names, problems)
    results = {}
    for table, tables_read in names.items():
        if all(name in views for name in tables_read):
            rows = _result(source, mapping, table, [views[name] for name in tables_read], problems)
            if rows is not None:
                results[table] = rows
    if problems:
        raise MappingError(
            f"the mapping '{mapping.name}' does not fit the source: " + "; ".join(problems),
            where=f"{mapping.folder} over {source.location} (tables: {_shorten(source.tables)})",
            remedy="correct the named SQL files, or point the source at the CRM that the mapping was written for",
        )
    return results


def is_projection(sql: str) -> bool:
    """Whether SQL only selects columns of one table, so that running it twice costs no more than reading twice."""
    parsed = sqlglot.parse_one(sql, read="duckdb")
    work = (sge.Join, sge.Group, sge.Window, sge.SetOperation, sge.With, sge.Distinct, sge.AggFunc, sge.Subquery)
    return parsed.find(*work) is None


def _tables_read(mapping: Mapping, table: str, problems: list[str]) -> tuple[str, ...] | None:
    """Names of the source's tables that a table's SQL reads, in order of appearance; ``None`` if it is no SELECT."""
    sql = mapping.sql[table]
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            problems.append(f"{table}.sql must be one SELECT; it has {len(statements)} statement(s)")
            return None
        parsed = sqlglot.parse_one(sql, read="duckdb")
    except duckdb.Error as error:
        lines = str(error).splitlines()
        number = next((line.split(":")[0].removeprefix("LINE ") for line in lines if line.startswith("LINE ")), "?")
        problems.append(f"{table}.sql line {number}: {lines[0]}")
        return None
    except sqlglot.ParseError as error:
        problems.append(f"{table}.sql line {error.errors[0]['line']}: {error.errors[0]['description']}")
        return None
    common_tables = {cte.alias.lower() for cte in parsed.find_all(sge.CTE)}
    names = [node.name.lower() for node in parsed.find_all(sge.Table) if isinstance(node.this, sge.Identifier)]
    return tuple(dict.fromkeys(name for name in names if name not in common_tables))


def _register(
    source: Source, mapping: Mapping, names: dict[str, tuple[str, ...]], problems: list[str]
) -> dict[str, TableView]:
    """Table of the source → its view, for those of ``names`` that the source has; queries may read them afterwards.

    Adds missing tables to ``problems``; raises ``SourceError`` that lists every file that cannot be read.
    """
    views: dict[str, TableView] = {}
    missing: set[str] = set()
    unreadable: list[SourceError] = []
    for table, tables_read in names.items():
        for name in tables_read:
            if name in views or name in missing:
                continue
            try:
                view = _view(source, mapping, name)
            except SourceError as error:
                unreadable.append(error)
                missing.add(name)
                continue
            if view is None:
                missing.add(name)
                problems.append(f"{table}.sql reads '{name}', which the source lacks{_suggest(name, source.tables)}")
            else:
                source.register(view)
                views[name] = view
    if unreadable:
        raise _combine(unreadable)
    return views


def _view(source: Source, mapping: Mapping, name: str) -> TableView | None:
    """A table of the source under the mapping's names of its columns; ``None`` if a required table is missing."""
    description = mapping.source_tables.get(name, SourceTable())
    source_table = next((table for table in (name, *description.also) if table in source.tables), None)
    if source_table is None:
        return TableView(name, None, dict.fromkeys(description.columns)) if description.optional else None
    originals: dict[str, str] = {}
    for column, original in source.columns(source_table).items():
        originals.setdefault(column, original)
        for prefix in mapping.column_prefixes:
            if column.startswith(prefix):
                originals.setdefault(column.removeprefix(prefix), original)
    for column, other_names in description.other_names.items():
        match = next((originals[other] for other in other_names if other in originals), None)
        if column not in originals and match is not None:
            originals[column] = match
    columns: dict[str, str | None] = {**originals}
    for column in description.columns:
        columns.setdefault(column, None)
    return TableView(name, source_table, columns)


def _result(
    source: Source, mapping: Mapping, table: str, views: Iterable[TableView], problems: list[str]
) -> ir.Table | None:
    """The rows of a table's SQL under the contract's column names; ``None`` if they do not fit (see ``problems``)."""
    try:
        rows = source.query(mapping.sql[table])
    except QueryError as error:
        line = f" line {error.line}" if error.line else ""
        columns = "; ".join(f"'{view.name}' has {_shorten(view.columns)}" for view in views if view.columns)
        problems.append(f"{table}.sql{line}: {error.message}" + (f" ({columns})" if columns else ""))
        return None
    contract = TABLES[table]
    originals = {column.lower(): column for column in rows.columns}
    unknown = [column for column in originals if column not in contract.names]
    missing = [column for column in contract.required if column not in originals]
    problems += [
        f"{table}.sql returns '{column}', which the contract's table lacks{_suggest(column, contract.names)}"
        for column in unknown
    ]
    problems += [f"{table}.sql does not return '{column}', which the contract requires" for column in missing]
    if unknown or missing:
        return None
    return rows.select(**{column: rows[original] for column, original in originals.items()})


def _suggest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(snake_case(name), list(names), 1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _shorten(names: Iterable[str]) -> str:
    """The first names, and the number of further ones."""
    listed = list(names)
    more = f" and {len(listed) - MAX_NAMES_SHOWN} more" if len(listed) > MAX_NAMES_SHOWN else ""
    return ", ".join(listed[:MAX_NAMES_SHOWN]) + more


def _combine(errors: list[SourceError]) -> SourceError:
    """One error that says what all of them say."""
    if len(errors) == 1:
        return errors[0]
    return SourceError(
        "; ".join(error.what for error in errors),
        where=", ".join(error.where for error in errors),
        remedy="; ".join(dict.fromkeys(error.remedy for error in errors)),
    )
