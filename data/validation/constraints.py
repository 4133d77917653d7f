"""The constraints on rows of a contract table, derived from the contract: each as DuckDB SQL and as an expectation.

The SQL finds the violating rows, fast for millions of them; Great Expectations confirms the rows that remain.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from data.calendar import RunDates
from data.contract import TABLES
from data.schema import Column, Table
from data.sql import quote_literal

MAX_VALUE_LENGTH = 60
"""Characters of a text that a message shows."""


@dataclass(frozen=True)
class Constraint:
    """One constraint on every row of a table.

    SQL conditions are over a row ``r`` and may read the keys of the valid rows of another table as ``clean_<table>``.
    """

    table: str
    name: str
    """The constraint in words: what holds for every valid row."""
    summary: str
    """The violation in words, without values."""
    violated: str
    """DuckDB condition for a row that violates it."""
    message: str
    """DuckDB expression for the violation in words, with the row's values."""
    expectation: str
    """Name of the Great Expectations class."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the expectation."""
    nulled_column: str | None = None
    """The column whose value is removed on a violation; ``None`` if the row is rejected."""
    derived_column: tuple[str, str] | None = None
    """Name and DuckDB definition of a boolean column that the expectation needs beside the table's own."""
    references: tuple[str, str] | None = None
    """Column and referenced table, of a constraint on a reference."""
    row_filter: tuple[str, str | None] | None = None
    """Column and value of the only rows that the expectation checks; ``None`` stands for any value."""


def constraints_of(
    table: Table, dates: RunDates, *, empty: Collection[str] = (), later: Collection[str] = ()
) -> tuple[Constraint, ...]:
    """Every constraint on rows of a table but the uniqueness of its key, in the order of the columns.

    ``empty`` are tables without any row: optional references to them are not checked. ``later`` are tables of which
    more rows become known after ``as_of``: messages about missing references to them say so.
    """
    constraints: list[Constraint] = []
    for column in table.columns:
        if column.required:
            constraints.append(_required(table, column))
        if column.one_of:
            constraints.append(_one_of(table, column))
        if column.minimum is not None or column.maximum is not None:
            constraints.append(_between(table, column))
        if column.after is not None:
            constraints.append(_not_before(table, column, column.after))
        if column.references is not None and (column.required or column.references not in empty):
            known_before = dates if column.references in later else None
            constraints.append(_reference(table, column, column.references, known_before))
            if column.references == table.name:
                constraints.append(_other_row(table, column))
    if table.happened_at is not None:
        constraints.append(_not_in_future(table, table[table.happened_at], dates))
    return (*constraints, *BUSINESS_CONSTRAINTS.get(table.name, ()))


def unique_key(table: Table) -> Constraint:
    """The uniqueness of a table's key. Of several rows with one key, the row known last is valid.

    Its SQL needs two more columns of ``r``: the ``position`` of a row among the ``n_rows`` with its key.
    """
    key = ", ".join(table.key)
    values = " || ', ' || ".join(f"'{name} ' || {show_value(table[name])}" for name in table.key)
    arguments: dict[str, Any] = {"column_list": list(table.key)} if len(table.key) > 1 else {"column": key}
    return Constraint(
        table.name,
        f"{key} is unique",
        f"{key} occurs more than once",
        "r.position > 1",
        f"{values} || ' occurs ' || r.n_rows || ' times; the row known last is kept'",
        "ExpectCompoundColumnsToBeUnique" if len(table.key) > 1 else "ExpectColumnValuesToBeUnique",
        arguments,
    )


def show_value(column: Column) -> str:
    """DuckDB text for a value of ``r`` as people write it: text in quotes (cut if long), numbers and instants bare."""
    value = f"r.{column.name}"
    if column.kind == "text":
        return f"'''' || left({value}, {MAX_VALUE_LENGTH}) || ''''"
    if column.kind == "number":  # 5 and not 5.0
        return f"format('{{:.10g}}', {value})"
    return f"CAST({value} AS VARCHAR)"


def _required(table: Table, column: Column) -> Constraint:
    summary = f"{column.name} is missing"
    return Constraint(
        table.name,
        f"{column.name} is given",
        summary,
        f"r.{column.name} IS NULL",
        quote_literal(summary),
        "ExpectColumnValuesToNotBeNull",
        {"column": column.name},
    )


def _one_of(table: Table, column: Column) -> Constraint:
    options = ", ".join(column.one_of)
    literals = ", ".join(quote_literal(option) for option in column.one_of)
    return Constraint(
        table.name,
        f"{column.name} is one of {options}",
        f"{column.name} is not one of {options}",
        f"r.{column.name} NOT IN ({literals})",
        f"'{column.name} ' || {show_value(column)} || ' is not one of {options}'",
        "ExpectColumnValuesToBeInSet",
        {"column": column.name, "value_set": list(column.one_of)},
    )


def _between(table: Table, column: Column) -> Constraint:
    low, high, name = column.minimum, column.maximum, column.name
    if high is None:
        limit, violation, violated = f"at least {low:g}", f"is below {low:g}", f"r.{name} < {low:g}"
    elif low is None:
        limit, violation, violated = f"at most {high:g}", f"is above {high:g}", f"r.{name} > {high:g}"
    else:
        limit, violation = f"between {low:g} and {high:g}", f"is not between {low:g} and {high:g}"
        violated = f"r.{name} NOT BETWEEN {low:g} AND {high:g}"
    return Constraint(
        table.name,
        f"{name} is {limit}",
        f"{name} {violation}",
        violated,
        f"'{name} ' || {show_value(column)} || ' {violation}'",
        "ExpectColumnValuesToBeBetween",
        {"column": name, "min_value": low, "max_value": high},
    )


def _not_before(table: Table, column: Column, earlier: str) -> Constraint:
    name = column.name
    return Constraint(
        table.name,
        f"{name} is not before {earlier}",
        f"{name} is before {earlier}",
        f"r.{name} < r.{earlier}",
        f"'{name} ' || {show_value(column)} || ' is before {earlier} ' || {show_value(table[earlier])}",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        {"column_A": name, "column_B": earlier, "or_equal": True, "ignore_row_if": "either_value_is_missing"},
    )


def _reference(table: Table, column: Column, target: str, known_before: RunDates | None) -> Constraint:
    """The existence of the row that a column refers to.

    A violation rejects the row; an optional owner, contact or row of the same table is removed instead, because the
    row has the same meaning without it.
    """
    name, key = column.name, TABLES[target].key[0]
    keys = f"(SELECT {key} FROM clean_{target})"
    constraint = f"{name} exists in {target}"
    violation = f"does not exist in {target}" + (f" as known before {known_before.as_of}" if known_before else "")
    return Constraint(
        table.name,
        constraint,
        f"{name} {violation}",
        f"r.{name} IS NOT NULL AND r.{name} NOT IN {keys}",
        f"'{name} ' || {show_value(column)} || ' {violation}'",
        "ExpectColumnValuesToBeInSet",
        {"column": constraint, "value_set": [True]},
        nulled_column=name if not column.required and target in ("owners", "contacts", table.name) else None,
        derived_column=(constraint, f"r.{name} IS NULL OR r.{name} IN {keys}"),
        references=(name, target),
    )


def _other_row(table: Table, column: Column) -> Constraint:
    """A reference to a row of the same table is not to the row itself; such a value is removed."""
    name, key = column.name, table.key[0]
    constraint, violation = f"{name} is another row", "refers to the row itself"
    return Constraint(
        table.name,
        constraint,
        f"{name} {violation}",
        f"r.{name} = r.{key}",
        f"'{name} ' || {show_value(column)} || ' {violation}'",
        "ExpectColumnValuesToBeInSet",
        {"column": constraint, "value_set": [True]},
        nulled_column=name,
        derived_column=(constraint, f"r.{name} IS NULL OR r.{name} <> r.{key}"),
    )


def _not_in_future(table: Table, column: Column, dates: RunDates) -> Constraint:
    """A fact is dated today at the latest. (Facts between ``as_of`` and today are removed by the as-of cut.)"""
    name = column.name
    tomorrow: datetime = dates.tomorrow_at
    if column.kind == "date":
        violated = f"r.{name} > DATE '{dates.today}'"
        maximum, strict = datetime.combine(dates.today, datetime.min.time()), False
    else:
        violated = f"r.{name} >= TIMESTAMP '{tomorrow}'"
        maximum, strict = tomorrow, True
    return Constraint(
        table.name,
        f"{name} is not in the future",
        f"{name} is dated in the future",
        violated,
        f"'{name} ' || {show_value(column)} || ' is dated in the future'",
        "ExpectColumnValuesToBeBetween",
        {"column": name, "max_value": maximum, "strict_max": strict},
    )


def _sign_of_order_line(status: str, column: str) -> Constraint:
    """Quantities and amounts are at least 0 on placed order lines, at most 0 on returned ones."""
    minimum, maximum = (0.0, None) if status == "placed" else (None, 0.0)
    operator, limit, wrong_sign = ("<", "at least", "negative") if status == "placed" else (">", "at most", "positive")
    summary = f"a {status} line has a {wrong_sign} {column}"
    return Constraint(
        "orders",
        f"{column} is {limit} 0 where status is {status}",
        summary,
        f"r.status = '{status}' AND r.{column} {operator} 0",
        f"'{column} ' || {show_value(TABLES['orders'][column])} || ': {summary}'",
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": minimum, "max_value": maximum},
        row_filter=("status", status),
    )


def _given_with(table: str, column: str, other: str, summary: str) -> Constraint:
    """A column is given wherever another one is."""
    return Constraint(
        table,
        f"{column} is given where {other} is",
        summary,
        f"r.{other} IS NOT NULL AND r.{column} IS NULL",
        quote_literal(summary),
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
        row_filter=(other, None),
    )


def _time_zone(table: str) -> Constraint:
    """A time zone is one of the IANA database; another value is removed."""
    zones = ", ".join(quote_literal(zone) for zone in sorted(available_timezones() - {"localtime"}))
    constraint, violation = "timezone is an IANA time zone", "is not an IANA time zone"
    return Constraint(
        table,
        constraint,
        f"timezone {violation}",
        f"r.timezone NOT IN ({zones})",
        f"'timezone ' || {show_value(TABLES[table]['timezone'])} || ' {violation}'",
        "ExpectColumnValuesToBeInSet",
        {"column": constraint, "value_set": [True]},
        nulled_column="timezone",
        derived_column=(constraint, f"r.timezone IS NULL OR r.timezone IN ({zones})"),
    )


BUSINESS_CONSTRAINTS: dict[str, tuple[Constraint, ...]] = {
    "orders": tuple(
        _sign_of_order_line(status, column) for status in ("placed", "returned") for column in ("quantity", "amount")
    ),
    "contacts": (_time_zone("contacts"),),
    "owners": (_time_zone("owners"),),
    "opportunities": (
        _given_with("opportunities", "closed_at", "outcome", "a won or lost deal has no closed_at"),
        _given_with("opportunities", "outcome", "closed_at", "a closed deal is neither won nor lost"),
    ),
}
"""Constraints beyond those that the contract's columns state."""
