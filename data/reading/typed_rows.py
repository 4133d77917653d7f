"""Mapped rows in the contract's types: what each value reads as, when each row happened and became known."""

from dataclasses import dataclass

from data.calendar import RunDates
from data.contract import DUCKDB_TYPES, Kind, Table
from data.reading.casts import given, reads_all
from data.reading.casts import read as read_value
from data.source.source import quoted


@dataclass(frozen=True)
class Typed:
    """Queries over ``view``, which holds a table's mapped rows in the DuckDB ``types`` that they came with."""

    table: Table
    view: str
    types: dict[str, str]
    moment: RunDates
    beside: tuple[str, ...] = ()
    """Columns of the view that are not the contract's and pass as they are."""

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The mapped columns that may hold values of another kind than the contract's."""
        return tuple(name for name, raw in self.types.items() if not reads_all(raw, self._kind(name)))

    @property
    def foreign(self) -> bool:
        """Whether any mapped column is of another type than the contract's."""
        return any(raw != DUCKDB_TYPES[self._kind(name)] for name, raw in self.types.items())

    @property
    def rows(self) -> str:
        """The mapped rows in the contract's types, in the contract's columns and more.

        ``happened`` is the row's instant; ``future``: that it is after today; ``known_given``: ``known_at`` as given.
        ``given_*`` are the values as given of the doubtful columns. ``known_at`` is never before ``happened``.
        """
        values = [f"{self._value(c.name)} AS {quoted(c.name)}" for c in self.table.columns]
        values.append(f"{self._value('known_at')} AS known_given")
        values += [f"{given(quoted(c), self.types[c])} AS {quoted('given_' + c)}" for c in self.doubtful]
        values += [quoted(name) for name in self.beside]
        tomorrow = f"TIMESTAMP '{self.moment.tomorrow_at}'"
        return f"""
            WITH valued AS (SELECT {", ".join(values)} FROM {quoted(self.view)}),
            dated AS (SELECT *, {self._happened} AS happened FROM valued)
            SELECT *,
                coalesce(happened >= {tomorrow}, false) AS future,
                CASE WHEN happened >= {tomorrow} THEN happened ELSE greatest(known_given, happened) END AS known_at
            FROM dated"""

    @property
    def known(self) -> str:
        """The condition on ``rows`` that a row goes on: it was known before ``as_of``, or it is in the future."""
        return f"(future OR known_at IS NULL OR known_at < {self._as_of})"

    @property
    def unreadable(self) -> str | None:
        """One row per value of a known row that is not of its column's kind; ``None`` when there can be none.

        A column that is revealed later counts from the instant that reveals it.
        """
        if not self.doubtful:
            return None
        tests = {name: self._unread(name) for name in self.doubtful}
        value = "{{'column_name': '{0}', 'value': CAST({1} AS VARCHAR)}}"
        found = ", ".join(
            f"CASE WHEN {test} THEN {value.format(name, quoted('given_' + name))} END" for name, test in tests.items()
        )
        return f"""
            SELECT '{self.table.name}' AS table_name, key, found.column_name, found.value
            FROM (SELECT {key_of(self.table)} AS key, unnest([{found}]) AS found
                  FROM ({self.rows}) WHERE ({" OR ".join(tests.values())}) AND {self.known})
            WHERE found IS NOT NULL"""

    @property
    def _as_of(self) -> str:
        return f"TIMESTAMP '{self.moment.as_of_at}'"

    @property
    def _happened(self) -> str:
        """The instant of a row; of a day's row, the last instant of that day in the company's zone."""
        if self.table.happened_at is None:
            return "CAST(NULL AS TIMESTAMP)"
        column = quoted(self.table.happened_at)
        if self._kind(self.table.happened_at) == "date":
            midnight = f"timezone('UTC', timezone('{self.moment.timezone}', CAST({column} + 1 AS TIMESTAMP)))"
            return f"({midnight} - INTERVAL 1 MICROSECOND)"
        return column

    def _kind(self, name: str) -> Kind:
        return "timestamp" if name == "known_at" else self.table[name].kind

    def _value(self, name: str) -> str:
        kind = self._kind(name)
        if name not in self.types:
            return f"CAST(NULL AS {DUCKDB_TYPES[kind]})"
        return read_value(quoted(name), self.types[name], kind, self.moment.timezone)

    def _unread(self, name: str) -> str:
        value = "known_given" if name == "known_at" else quoted(name)
        test = f"{quoted('given_' + name)} IS NOT NULL AND {value} IS NULL"
        revealed_by = None if name == "known_at" else self.table[name].revealed_by
        if revealed_by not in (None, name):
            test += f" AND {quoted(str(revealed_by))} < {self._as_of}"
        return f"({test})"


def key_of(table: Table) -> str:
    """DuckDB SQL for the one text that names a row of a contract table: its key's values, joined by '|'."""
    return " || '|' || ".join(f"coalesce(CAST({quoted(column)} AS VARCHAR), '')" for column in table.key)
