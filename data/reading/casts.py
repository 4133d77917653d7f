"""Casts from a source's values to the contract's kinds, as DuckDB SQL. What cannot be cast becomes NULL.

Blank text is NULL. A time without an offset is UTC; one with an offset is converted to UTC. An instant in a date
column becomes the company's day.
"""

from data.schema import DUCKDB_TYPES, Kind

OFFSET_PATTERN = r":\d\d(\.\d+)? ?(Z|[+-]\d\d(:?\d\d)?)$"
"""End of a text that is an instant with an offset to UTC."""

MAX_EXACT_INTEGER = 9e15
"""Whole numbers up to this one are exact in a double."""


def raw_value(column: str, raw_type: str) -> str:
    """The value of a column as the source has it, with blank text and not-a-number as NULL."""
    if raw_type == "VARCHAR":
        return f"nullif(trim({column}), '')"
    if raw_type in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({column}) THEN {column} END"
    return column


def always_casts(raw_type: str, kind: Kind) -> bool:
    """Whether every value of a DuckDB type is a value of the contract's kind. Numbers and dates may be infinite."""
    return raw_type == DUCKDB_TYPES[kind] and kind in ("text", "integer", "boolean")


def cast_value(column: str, raw_type: str, kind: Kind, timezone: str) -> str:
    """The value of a column in the contract's kind; NULL if there is none or it cannot be cast."""
    value = raw_value(column, raw_type)
    if kind == "text":
        return _to_text(value, raw_type)
    if kind == "boolean":
        return _to_boolean(value, raw_type)
    if kind == "integer":
        number = f"TRY_CAST({value} AS DOUBLE)"
        exact = f"{number} = round({number}) AND abs({number}) < {MAX_EXACT_INTEGER:.0f}"
        return f"CASE WHEN {exact} THEN TRY_CAST({number} AS BIGINT) END"
    if kind == "number":
        number = f"TRY_CAST({value} AS DOUBLE)"
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if kind == "date":
        return _finite(_to_day(value, raw_type, timezone), "DATE")
    return _finite(_to_instant(value, raw_type), "TIMESTAMP")


def _to_text(value: str, raw_type: str) -> str:
    if raw_type in ("DOUBLE", "FLOAT"):  # an id that passed through a float column: 17850.0 is '17850'
        exact = f"{value} = round({value}) AND abs({value}) < {MAX_EXACT_INTEGER:.0f}"
        return f"CASE WHEN {exact} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE CAST({value} AS VARCHAR) END"
    return f"CAST({value} AS VARCHAR)"


def _to_boolean(value: str, raw_type: str) -> str:
    if raw_type in ("VARCHAR", "BOOLEAN"):
        return f"TRY_CAST({value} AS BOOLEAN)"
    return f"CASE TRY_CAST({value} AS DOUBLE) WHEN 1 THEN true WHEN 0 THEN false END"


def _to_day(value: str, raw_type: str, timezone: str) -> str:
    if raw_type == "TIMESTAMP WITH TIME ZONE":
        return f"TRY_CAST(timezone('{timezone}', {value}) AS DATE)"
    if raw_type == "DATE" or raw_type.startswith("TIMESTAMP"):
        return f"TRY_CAST({value} AS DATE)"
    text = f"CAST({value} AS VARCHAR)"
    instant = f"CAST(timezone('{timezone}', TRY_CAST({text} AS TIMESTAMPTZ)) AS DATE)"
    return f"CASE WHEN regexp_matches({text}, '{OFFSET_PATTERN}') THEN {instant} ELSE TRY_CAST({text} AS DATE) END"


def _to_instant(value: str, raw_type: str) -> str:
    if raw_type == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {value})"
    if raw_type == "DATE" or raw_type.startswith("TIMESTAMP"):
        return f"TRY_CAST({value} AS TIMESTAMP)"
    return f"timezone('UTC', TRY_CAST(CAST({value} AS VARCHAR) AS TIMESTAMPTZ))"


def _finite(value: str, duckdb_type: str) -> str:
    """DuckDB and PostgreSQL have infinite dates; the contract does not."""
    return f"CASE WHEN isfinite({value}) THEN CAST({value} AS {duckdb_type}) END"
