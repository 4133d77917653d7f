"""What each row of a contract table promises, derived from the contract, once: as DuckDB SQL and as an expectation.

The SQL finds the rows that break a promise (fast for millions of rows); Great Expectations judges what is left.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from data.calendar import RunDates
from data.contract import TABLES, Column, Table


@dataclass(frozen=True)
class Promise:
    """One promise of every row of a table.

    ``broken`` is a DuckDB condition over a row ``r``; ``told`` is DuckDB text that says to a steward what is wrong with
    the row; ``says`` is the same for all rows, without values. A broken promise keeps the row out, unless ``empties``
    names the column whose value is dropped instead. Conditions read the keys of the clean rows of another table as
    ``clean_<table>``.

    ``expectation`` and ``terms`` are the name and arguments of the Great Expectations class; ``where`` are the only
    rows that it looks at (a column with a value, or with any); ``derived`` names and defines a boolean DuckDB column
    that it needs beside the table's own.
    """

    table: str
    promise: str
    says: str
    broken: str
    told: str
    expectation: str
    terms: dict[str, Any] = field(default_factory=dict)
    empties: str | None = None
    derived: tuple[str, str] | None = None
    refers_to: str | None = None
    where: tuple[str, str | None] | None = None


def promises(
    table: Table, moment: RunDates, *, empty: Collection[str] = (), later: Collection[str] = ()
) -> tuple[Promise, ...]:
    """Every promise of a table's rows but the uniqueness of its key, in the order of the columns.

    A reference that may be missing is not judged where the CRM has no row at all (``empty``) of what it refers to.
    Where more rows of that become known ``later``, what is told of a dangling reference says so.
    """
    found: list[Promise] = []
    for column in table.columns:
        if column.required:
            found.append(_given(table, column))
        if column.one_of:
            found.append(_one_of(table, column))
        if column.minimum is not None or column.maximum is not None:
            found.append(_between(table, column))
        if column.after is not None:
            found.append(_after(table, column, column.after))
        if column.references is not None and (column.required or column.references not in empty):
            found.append(_refers(table, column, column.references, moment if column.references in later else None))
            if column.references == table.name:
                found.append(_another(table, column))
    if table.happened_at is not None:
        found.append(_past(table, table[table.happened_at], moment))
    return (*found, *BUSINESS.get(table.name, ()))


def unique(table: Table) -> Promise:
    """The promise that a key is there once. Of several rows of a key, the one known last keeps it."""
    key = ", ".join(table.key)
    terms: dict[str, Any] = {"column_list": list(table.key)}
    expectation = "ExpectCompoundColumnsToBeUnique"
    if len(table.key) == 1:
        expectation, terms = "ExpectColumnValuesToBeUnique", {"column": key}
    values = " || ', ' || ".join(f"'{name} ' || {shown(table[name])}" for name in table.key)
    return Promise(
        table.name,
        f"{key} is there once",
        f"{key} is there more than once",
        "r.place > 1",
        f"{values} || ' is there ' || r.times || ' times; the row known last is kept'",
        expectation,
        terms,
    )


def shown(column: Column) -> str:
    """DuckDB text for a value as people write it: text in quotes (long text cut), numbers and instants bare."""
    value = f"r.{column.name}"
    if column.kind == "text":
        return f"'''' || left({value}, 60) || ''''"
    if column.kind == "number":  # 5 and not 5.0
        return f"format('{{:.10g}}', {value})"
    return f"CAST({value} AS VARCHAR)"


def _given(table: Table, column: Column) -> Promise:
    says = f"{column.name} is missing"
    return Promise(
        table.name,
        f"{column.name} is given",
        says,
        f"r.{column.name} IS NULL",
        f"'{says}'",
        "ExpectColumnValuesToNotBeNull",
        {"column": column.name},
    )


def _one_of(table: Table, column: Column) -> Promise:
    options = ", ".join(column.one_of)
    quoted = ", ".join(f"'{option}'" for option in column.one_of)
    return Promise(
        table.name,
        f"{column.name} is one of {options}",
        f"{column.name} is none of {options}",
        f"r.{column.name} NOT IN ({quoted})",
        f"'{column.name} ' || {shown(column)} || ' is none of {options}'",
        "ExpectColumnValuesToBeInSet",
        {"column": column.name, "value_set": list(column.one_of)},
    )


def _between(table: Table, column: Column) -> Promise:
    low, high, name = column.minimum, column.maximum, column.name
    if high is None:
        promise, rule, broken = f"{name} is at least {low:g}", f"is below {low:g}", f"r.{name} < {low:g}"
    elif low is None:
        promise, rule, broken = f"{name} is at most {high:g}", f"is above {high:g}", f"r.{name} > {high:g}"
    else:
        promise, rule = f"{name} is between {low:g} and {high:g}", f"is not between {low:g} and {high:g}"
        broken = f"r.{name} NOT BETWEEN {low:g} AND {high:g}"
    return Promise(
        table.name,
        promise,
        f"{name} {rule}",
        broken,
        f"'{name} ' || {shown(column)} || ' {rule}'",
        "ExpectColumnValuesToBeBetween",
        {"column": name, "min_value": low, "max_value": high},
    )


def _after(table: Table, column: Column, earlier: str) -> Promise:
    name = column.name
    return Promise(
        table.name,
        f"{name} is not before {earlier}",
        f"{name} is before {earlier}",
        f"r.{name} < r.{earlier}",
        f"'{name} ' || {shown(column)} || ' is before {earlier} ' || {shown(table[earlier])}",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": name, "column_B": earlier, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    )


def _refers(table: Table, column: Column, target: str, known_before: RunDates | None) -> Promise:
    """A reference to nothing keeps the row out; where the row means as much without it, only the value is dropped.

    That holds for who owns it, which person it was about, and which row of the same table it belongs to.
    """
    name, key = column.name, TABLES[target].key[0]
    keys = f"(SELECT {key} FROM clean_{target})"
    promise = f"{name} is in {target}"
    rule = f"is in no {target}" + (f" known before {known_before.as_of}" if known_before else "")
    return Promise(
        table.name,
        promise,
        f"{name} {rule}",
        f"r.{name} IS NOT NULL AND r.{name} NOT IN {keys}",
        f"'{name} ' || {shown(column)} || ' {rule}'",
        "ExpectColumnValuesToBeInSet",
        {"column": promise, "value_set": [True]},
        empties=name if not column.required and target in ("owners", "contacts", table.name) else None,
        derived=(promise, f"r.{name} IS NULL OR r.{name} IN {keys}"),
        refers_to=target,
    )


def _another(table: Table, column: Column) -> Promise:
    """A row of a table that belongs to another row of it does not belong to itself."""
    name, key = column.name, table.key[0]
    promise, says = f"{name} is another row", f"{name} is the row itself"
    return Promise(
        table.name,
        promise,
        says,
        f"r.{name} = r.{key}",
        f"'{name} ' || {shown(column)} || ' is the row itself'",
        "ExpectColumnValuesToBeInSet",
        {"column": promise, "value_set": [True]},
        empties=name,
        derived=(promise, f"r.{name} IS NULL OR r.{name} <> r.{key}"),
    )


def _past(table: Table, column: Column, moment: RunDates) -> Promise:
    """Dated by the end of today at the latest. What today or later reveals is the as-of cut's business."""
    name = column.name
    end: datetime = moment.tomorrow_at
    if column.kind == "date":
        broken, limit, strict = (
            f"r.{name} > DATE '{moment.today}'",
            datetime.combine(moment.today, end.min.time()),
            False,
        )
    else:
        broken, limit, strict = f"r.{name} >= TIMESTAMP '{end}'", end, True
    return Promise(
        table.name,
        f"{name} is not in the future",
        f"{name} is dated in the future",
        broken,
        f"'{name} ' || {shown(column)} || ' is dated in the future'",
        "ExpectColumnValuesToBeBetween",
        {"column": name, "max_value": limit, "strict_max": strict},
    )


def _when(
    table: str, status: str, column: str, says: str, *, least: float | None = None, most: float | None = None
) -> Promise:
    """A range that holds for the rows of one status only."""
    sign, bound, limit = ("<", least, "at least") if least is not None else (">", most, "at most")
    return Promise(
        table,
        f"{column} is {limit} {bound:g} where status is {status}",
        says,
        f"r.status = '{status}' AND r.{column} {sign} {bound:g}",
        f"'{column} ' || {shown(TABLES[table][column])} || ': {says}'",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": least, "max_value": most},
        where=("status", status),
    )


def _together(table: str, column: str, other: str, says: str) -> Promise:
    """A column that is given wherever another is."""
    return Promise(
        table,
        f"{column} is given where {other} is",
        says,
        f"r.{other} IS NOT NULL AND r.{column} IS NULL",
        f"'{says}'",
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
        where=(other, None),
    )


def _zone(table: str) -> Promise:
    """A time zone that clocks know by this name; a row means as much without it, so another is dropped."""
    names = ", ".join(f"'{name}'" for name in sorted(available_timezones() - {"localtime"}))
    promise, says = "timezone is a time zone", "timezone is no time zone"
    return Promise(
        table,
        promise,
        says,
        f"r.timezone NOT IN ({names})",
        f"'timezone ' || {shown(TABLES[table]['timezone'])} || ' is no time zone'",
        "ExpectColumnValuesToBeInSet",
        {"column": promise, "value_set": [True]},
        empties="timezone",
        derived=(promise, f"r.timezone IS NULL OR r.timezone IN ({names})"),
    )


BUSINESS: dict[str, tuple[Promise, ...]] = {
    "orders": (
        _when("orders", "placed", "quantity", "a placed line has a negative quantity", least=0),
        _when("orders", "placed", "amount", "a placed line has a negative amount", least=0),
        _when("orders", "returned", "quantity", "a returned line has a positive quantity", most=0),
        _when("orders", "returned", "amount", "a returned line has a positive amount", most=0),
    ),
    "contacts": (_zone("contacts"),),
    "owners": (_zone("owners"),),
    "opportunities": (
        _together("opportunities", "closed_at", "outcome", "a won or lost deal has no closed_at"),
        _together("opportunities", "outcome", "closed_at", "a closed deal is neither won nor lost"),
    ),
}
"""What the business knows beyond the contract's columns."""
