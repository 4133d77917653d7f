"""Stated repairs: values that are known to be wrong, replaced after the mapping and before anything is judged."""

from collections.abc import Sequence

from data.mapping.mapping import Repair
from data.sql import quote_identifier


def repaired(view: str, columns: Sequence[str], repairs: Sequence[Repair]) -> str:
    """A query for the rows of a view with the repairs made. A value is compared as text; its spaces count."""
    chosen = []
    for column in columns:
        mine = [repair for repair in repairs if repair.column == column]
        text = f"CAST({quote_identifier(column)} AS VARCHAR)"
        cases = " ".join(f"WHEN {_literal(repair.old)} THEN {_literal(repair.new)}" for repair in mine)
        chosen.append(
            f"CASE {text} {cases} ELSE {text} END AS {quote_identifier(column)}" if mine else quote_identifier(column)
        )
        if mine:
            chosen.append(f"{text} AS {quote_identifier('unrepaired_' + column)}")
    return f"SELECT {', '.join(chosen)} FROM {quote_identifier(view)}"


def before(repairs: Sequence[Repair]) -> tuple[str, ...]:
    """The columns of ``repaired`` that hold the values before repair."""
    return tuple(dict.fromkeys("unrepaired_" + repair.column for repair in repairs))


def counts(rows: str, known: str, repairs: Sequence[Repair]) -> str:
    """A query for one row per repair: table, column, old and new value, how many known rows it changed, and why."""
    return " UNION ALL ".join(
        f"SELECT {_literal(r.table)} AS table_name, {_literal(r.column)} AS column_name, "
        f"{_literal(r.old)} AS old_value, CAST({_literal(r.new)} AS VARCHAR) AS new_value, "
        f"count(*) FILTER ({quote_identifier('unrepaired_' + r.column)} = {_literal(r.old)}) AS rows, {_literal(r.reason)} AS reason "
        f"FROM ({rows}) WHERE {known}"
        for r in repairs
    )


def _literal(text: str | None) -> str:
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
