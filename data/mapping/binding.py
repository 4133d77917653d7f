"""How a mapping fits a source: every table and column it names is there, and its results are the contract's.

All offenders are found before a row is read, and named at once.
"""

import difflib
from collections.abc import Iterable

import duckdb
import ibis.expr.types as ir
import sqlglot
import sqlglot.expressions as sge

from data.contract import TABLES
from data.errors import MappingError, SourceError
from data.mapping.mapping import Landed, Mapping
from data.source.names import snake_case
from data.source.source import QueryError, Source, TableView

MOST_NAMES = 25


def fit(source: Source, mapping: Mapping) -> dict[str, ir.Table]:
    """Contract table → the rows that the mapping's SQL makes of the source, lazily; tables without SQL are left out.

    Raises ``SourceError`` for files that cannot be read, ``MappingError`` for SQL that does not fit; each lists all.
    """
    problems: list[str] = []
    broken: list[SourceError] = []
    named = {table: names for table in mapping.sql if (names := _tables_of(mapping, table, problems)) is not None}
    missing: set[str] = set()
    offered: set[str] = set()
    for table, names in named.items():
        for name in names:
            if name in offered or name in missing:
                continue
            try:
                shape = _shape(source, mapping, name)
            except SourceError as error:
                broken.append(error)
                missing.add(name)
                continue
            if shape is None:
                missing.add(name)
                problems.append(f"{table}.sql reads '{name}', which the source lacks{_suggest(name, source.tables)}")
            else:
                source.register(shape)
                offered.add(name)
    if broken:
        raise _together(broken)
    results = {}
    for table, names in named.items():
        if not any(name in missing for name in names):
            rows = _result(source, mapping, table, names, problems)
            if rows is not None:
                results[table] = rows
    if problems:
        raise MappingError(
            f"the mapping '{mapping.name}' does not fit the source: " + "; ".join(problems),
            where=f"{mapping.folder} over {source.location} (tables: {_some(source.tables)})",
            remedy="correct the named SQL files, or point the source at the CRM that the mapping was written for",
        )
    return results


def is_bare(sql: str) -> bool:
    """Whether SQL does no more than name columns of one table: asking it twice costs no more than reading twice."""
    parsed = sqlglot.parse_one(sql, read="duckdb")
    work = (sge.Join, sge.Group, sge.Window, sge.SetOperation, sge.With, sge.Distinct, sge.AggFunc, sge.Subquery)
    return parsed.find(*work) is None


def _tables_of(mapping: Mapping, table: str, problems: list[str]) -> tuple[str, ...] | None:
    """Names of the source's tables that a table's SQL reads, in order of appearance; ``None`` if it is no SELECT."""
    sql = mapping.sql[table]
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            problems.append(f"{table}.sql must be one SELECT; it holds {len(statements)} statement(s)")
            return None
        parsed = sqlglot.parse_one(sql, read="duckdb")
    except duckdb.Error as error:
        lines = str(error).splitlines()
        line = next((part.split(":")[0].removeprefix("LINE ") for part in lines if part.startswith("LINE ")), "?")
        problems.append(f"{table}.sql line {line}: {lines[0]}")
        return None
    except sqlglot.ParseError as error:
        problems.append(f"{table}.sql line {error.errors[0]['line']}: {error.errors[0]['description']}")
        return None
    own = {cte.alias.lower() for cte in parsed.find_all(sge.CTE)}
    names = [found.name.lower() for found in parsed.find_all(sge.Table) if isinstance(found.this, sge.Identifier)]
    return tuple(dict.fromkeys(name for name in names if name not in own))


def _shape(source: Source, mapping: Mapping, name: str) -> TableView | None:
    """How the source's table of this name is to be seen, whatever its loader called it; ``None`` when it is missing."""
    landed = mapping.landed.get(name, Landed())
    origin = next((there for there in (name, *landed.also) if there in source.tables), None)
    if origin is None:
        return TableView(name, None, dict.fromkeys(landed.columns)) if landed.optional else None
    there: dict[str, str] = {}
    for plain, original in source.columns(origin).items():
        there.setdefault(plain, original)
        for prefix in mapping.strip:
            if plain.startswith(prefix):
                there.setdefault(plain.removeprefix(prefix), original)
    for column, others in landed.other_names.items():
        found = next((there[other] for other in others if other in there), None)
        if column not in there and found is not None:
            there[column] = found
    columns: dict[str, str | None] = {**there}
    for column in landed.columns:
        columns.setdefault(column, None)
    return TableView(name, origin, columns)


def _result(source: Source, mapping: Mapping, table: str, reads: Iterable[str], problems: list[str]) -> ir.Table | None:
    """The rows of a table's SQL, with the contract's column names only; otherwise what is wrong with them."""
    try:
        rows = source.query(mapping.sql[table])
    except QueryError as error:
        line = f" line {error.line}" if error.line else ""
        there = "; ".join(
            f"'{name}' has {_some(columns)}"
            for name in reads
            if (columns := _shape(source, mapping, name).columns)  # type: ignore[union-attr]
        )
        problems.append(f"{table}.sql{line}: {error.message}" + (f" ({there})" if there else ""))
        return None
    contract = TABLES[table]
    renamed = {column.lower(): column for column in rows.columns}
    wrong = [column for column in renamed if column not in contract.names]
    lacking = [column for column in contract.required if column not in renamed]
    problems += [
        f"{table}.sql gives '{column}', which the contract's table lacks{_suggest(column, contract.names)}"
        for column in wrong
    ]
    problems += [f"{table}.sql gives no '{column}', which the contract requires" for column in lacking]
    if wrong or lacking:
        return None
    return rows.select(**{plain: rows[given] for plain, given in renamed.items()})


def _suggest(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(snake_case(name), list(names), 1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMES} more" if len(listed) > MOST_NAMES else ""
    return ", ".join(listed[:MOST_NAMES]) + more


def _together(errors: list[SourceError]) -> SourceError:
    if len(errors) == 1:
        return errors[0]
    return SourceError(
        "; ".join(error.what for error in errors),
        where=", ".join(error.where for error in errors),
        remedy="; ".join(dict.fromkeys(error.remedy for error in errors)),
    )
