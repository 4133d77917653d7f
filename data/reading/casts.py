"""From the values that a source gives to the contract's types, as DuckDB SQL. What cannot be read is never guessed.

Blank text is no value. A time without an offset is UTC; one with an offset is taken to UTC. A day that comes as an
instant is the company's day.
"""

from data.contract import DUCKDB_TYPES, Kind

OFFSET = r":\d\d(\.\d+)? ?(Z|[+-]\d\d(:?\d\d)?)$"
"""How a text ends that is an instant with its distance to UTC."""

LARGEST_EXACT = 9e15
"""Whole numbers up to here are exact in a double."""


def given(column: str, raw: str) -> str:
    """A column as the source gives it, with blank text and not-a-number as NULL."""
    if raw == "VARCHAR":
        return f"nullif(trim({column}), '')"
    if raw in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({column}) THEN {column} END"
    return column


def reads_all(raw: str, kind: Kind) -> bool:
    """Whether every value of a DuckDB type is a value of the contract's kind. Numbers and dates may be infinite."""
    return raw == DUCKDB_TYPES[kind] and kind in ("text", "integer", "boolean")


def read(column: str, raw: str, kind: Kind, timezone: str) -> str:
    """The contract's value of a column, NULL where there is none or it cannot be read."""
    value = given(column, raw)
    if kind == "text":
        return _text(value, raw)
    if kind == "boolean":
        return _boolean(value, raw)
    if kind == "integer":
        number = f"TRY_CAST({value} AS DOUBLE)"
        exact = f"{number} = round({number}) AND abs({number}) < {LARGEST_EXACT:.0f}"
        return f"CASE WHEN {exact} THEN TRY_CAST({number} AS BIGINT) END"
    if kind == "number":
        number = f"TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "date":
        return _finite(_day(value, raw, timezone), "DATE")
    return _finite(_instant(value, raw), "TIMESTAMP")


def _text(value: str, raw: str) -> str:
    if raw in ("DOUBLE", "FLOAT"):  # an id that passed through a float column: 17850.0 is '17850'
        whole = f"{value} = round({value}) AND abs({value}) < {LARGEST_EXACT:.0f}"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE CAST({value} AS VARCHAR) END"
    return f"CAST({value} AS VARCHAR)"


def _boolean(value: str, raw: str) -> str:
    if raw in ("VARCHAR", "BOOLEAN"):
        return f"TRY_CAST({value} AS BOOLEAN)"
    return f"CASE TRY_CAST({value} AS DOUBLE) WHEN 1 THEN true WHEN 0 THEN false END"


def _day(value: str, raw: str, timezone: str) -> str:
    if raw == "TIMESTAMP WITH TIME ZONE":
        return f"TRY_CAST(timezone('{timezone}', {value}) AS DATE)"
    if raw == "DATE" or raw.startswith("TIMESTAMP"):
        return f"TRY_CAST({value} AS DATE)"
    text = f"CAST({value} AS VARCHAR)"
    instant = f"CAST(timezone('{timezone}', TRY_CAST({text} AS TIMESTAMPTZ)) AS DATE)"
    return f"CASE WHEN regexp_matches({text}, '{OFFSET}') THEN {instant} ELSE TRY_CAST({text} AS DATE) END"


def _instant(value: str, raw: str) -> str:
    if raw == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {value})"
    if raw == "DATE" or raw.startswith("TIMESTAMP"):
        return f"TRY_CAST({value} AS TIMESTAMP)"
    return f"timezone('UTC', TRY_CAST(CAST({value} AS VARCHAR) AS TIMESTAMPTZ))"


def _finite(value: str, kind: str) -> str:
    """DuckDB and PostgreSQL know infinite dates; the contract does not."""
    return f"CASE WHEN isfinite({value}) THEN CAST({value} AS {kind}) END"
