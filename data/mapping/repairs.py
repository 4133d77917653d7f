"""Stated repairs: known wrong values, replaced after the mapping and before casts and validation, as SQL."""

from collections.abc import Sequence

from data.mapping.mapping import Repair
from data.sql import quote_identifier, quote_literal

ORIGINAL_PREFIX = "unrepaired_"


def apply_repairs(view: str, columns: Sequence[str], repairs: Sequence[Repair]) -> str:
    """A query for the rows of a view after its repairs, and the ``original_columns`` beside them.

    Values are compared as text; spaces count.
    """
    selected = []
    for column in columns:
        of_column = [repair for repair in repairs if repair.column == column]
        name = quote_identifier(column)
        if not of_column:
            selected.append(name)
            continue
        text = f"CAST({name} AS VARCHAR)"
        cases = " ".join(f"WHEN {quote_literal(repair.old)} THEN {quote_literal(repair.new)}" for repair in of_column)
        selected += [f"CASE {text} {cases} ELSE {text} END AS {name}", f"{text} AS {_original(column)}"]
    return f"SELECT {', '.join(selected)} FROM {quote_identifier(view)}"


def original_columns(repairs: Sequence[Repair]) -> tuple[str, ...]:
    """Names of the columns of ``apply_repairs`` with the values before repair."""
    return tuple(dict.fromkeys(ORIGINAL_PREFIX + repair.column for repair in repairs))


def count_repairs(rows: str, condition: str, repairs: Sequence[Repair]) -> str:
    """A query for one row per repair: table, column, old and new value, how many rows it changed, and why.

    Counts the rows of the query ``rows`` that meet the SQL ``condition``.
    """
    return " UNION ALL ".join(
        f"SELECT {quote_literal(repair.table)} AS table_name, {quote_literal(repair.column)} AS column_name, "
        f"{quote_literal(repair.old)} AS old_value, CAST({quote_literal(repair.new)} AS VARCHAR) AS new_value, "
        f"count(*) FILTER ({_original(repair.column)} = {quote_literal(repair.old)}) AS rows, "
        f"{quote_literal(repair.reason)} AS reason FROM ({rows}) WHERE {condition}"
        for repair in repairs
    )


def _original(column: str) -> str:
    return quote_identifier(ORIGINAL_PREFIX + column)
