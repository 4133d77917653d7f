"""Queries over mapped rows: values in the contract's types, the instant of each row and when it became known."""

from dataclasses import dataclass

from data.calendar import RunDates
from data.reading.casts import always_casts, cast_value, raw_value
from data.schema import DUCKDB_TYPES, Table
from data.sql import quote_identifier


@dataclass(frozen=True)
class TypedQuery:
    """DuckDB queries over the mapped rows of one table."""

    table: Table
    view: str
    """The DuckDB view with the mapped rows."""
    types: dict[str, str]
    """Mapped column → its DuckDB type in the view."""
    dates: RunDates
    extra_columns: tuple[str, ...] = ()
    """Columns of the view that are not in the contract and pass unchanged."""

    @property
    def columns_that_may_fail(self) -> tuple[str, ...]:
        """Mapped columns with values that may not cast to the contract's kind."""
        kind_of = self.table.kind_of
        return tuple(name for name, raw_type in self.types.items() if not always_casts(raw_type, kind_of(name)))

    @property
    def needs_cast(self) -> bool:
        """Whether any mapped column has another type than the contract's."""
        return any(raw_type != DUCKDB_TYPES[self.table.kind_of(name)] for name, raw_type in self.types.items())

    @property
    def rows(self) -> str:
        """The mapped rows in the contract's columns and types, and these columns beside:

        ``happened``     the row's instant; NULL if the table has none.
        ``future``       whether ``happened`` is after today.
        ``known_given``  ``known_at`` as the source has it; ``known_at`` itself is never before ``happened``.
        ``given_*``      values before the cast, of the columns that may fail.
        """
        selected = [f"{self._value(column.name)} AS {quote_identifier(column.name)}" for column in self.table.columns]
        selected.append(f"{self._value('known_at')} AS known_given")
        selected += [
            f"{raw_value(quote_identifier(name), self.types[name])} AS {_given(name)}"
            for name in self.columns_that_may_fail
        ]
        selected += [quote_identifier(name) for name in self.extra_columns]
        tomorrow = f"TIMESTAMP '{self.dates.tomorrow_at}'"
        return f"""
            WITH valued AS (SELECT {", ".join(selected)} FROM {quote_identifier(self.view)}),
            dated AS (SELECT *, {self._happened} AS happened FROM valued)
            SELECT *,
                coalesce(happened >= {tomorrow}, false) AS future,
                CASE WHEN happened >= {tomorrow} THEN happened ELSE greatest(known_given, happened) END AS known_at
            FROM dated"""

    @property
    def read_condition(self) -> str:
        """The condition on ``rows`` for a row to be read: known before ``as_of``, or dated in the future."""
        return f"(future OR known_at IS NULL OR known_at < {self._as_of})"

    @property
    def unreadable(self) -> str | None:
        """A query for one row per value of a read row that does not cast; ``None`` if every value casts.

        A column with ``revealed_by`` counts only after the instant that reveals it.
        """
        if not self.columns_that_may_fail:
            return None
        failures = {name: self._fails(name) for name in self.columns_that_may_fail}
        values = ", ".join(
            f"CASE WHEN {fails} THEN {{'column_name': '{name}', 'value': CAST({_given(name)} AS VARCHAR)}} END"
            for name, fails in failures.items()
        )
        return f"""
            SELECT '{self.table.name}' AS table_name, key, failure.column_name, failure.value
            FROM (SELECT {key_text(self.table)} AS key, unnest([{values}]) AS failure
                  FROM ({self.rows}) WHERE ({" OR ".join(failures.values())}) AND {self.read_condition})
            WHERE failure IS NOT NULL"""

    @property
    def _as_of(self) -> str:
        return f"TIMESTAMP '{self.dates.as_of_at}'"

    @property
    def _happened(self) -> str:
        """The instant of a row; of a row for a day, the last instant of that day in the company's time zone."""
        if self.table.happened_at is None:
            return "CAST(NULL AS TIMESTAMP)"
        column = quote_identifier(self.table.happened_at)
        if self.table.kind_of(self.table.happened_at) == "date":
            midnight = f"timezone('UTC', timezone('{self.dates.timezone}', CAST({column} + 1 AS TIMESTAMP)))"
            return f"({midnight} - INTERVAL 1 MICROSECOND)"
        return column

    def _value(self, name: str) -> str:
        kind = self.table.kind_of(name)
        if name not in self.types:
            return f"CAST(NULL AS {DUCKDB_TYPES[kind]})"
        return cast_value(quote_identifier(name), self.types[name], kind, self.dates.timezone)

    def _fails(self, name: str) -> str:
        """The condition that a value is there and does not cast."""
        value = "known_given" if name == "known_at" else quote_identifier(name)
        condition = f"{_given(name)} IS NOT NULL AND {value} IS NULL"
        revealed_by = None if name == "known_at" else self.table[name].revealed_by
        if revealed_by not in (None, name):
            condition += f" AND {quote_identifier(str(revealed_by))} < {self._as_of}"
        return f"({condition})"


def key_text(table: Table) -> str:
    """DuckDB SQL for one text that identifies a row of a table: its key's values, joined by '|'."""
    return " || '|' || ".join(f"coalesce(CAST({quote_identifier(column)} AS VARCHAR), '')" for column in table.key)


def _given(name: str) -> str:
    return quote_identifier("given_" + name)
