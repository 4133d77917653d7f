"""What a night depends on: measurements of the whole, each with the limits within which the night goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import duckdb

from data.calendar import RunDates
from data.contract import CONTRACT, KEY_TABLES, TABLES
from data.lake import Draft, Step
from data.validation.quarantine import Sorted

TOLERATED_SHARE = 0.05
"""Share of a table's rows that may be kept out where the mapping says nothing else. One row always may."""

LEAST_OF_MEDIAN = 0.5
"""A table that holds less than this share of what it held on most earlier nights was not loaded whole."""

FEWEST_FOR_VOLUME = 20
"""Below this many rows, half of them gone says nothing."""

SALES = ("orders", "subscriptions")
"""Tables whose silence would look as if every customer had left."""

FEWEST_GAPS = 50
"""From so many silences between the days of a table's rows it is known how long they usually last."""

LONGEST_SILENCES = 2.0
"""A table that is silent for so many times its longest silences (all but 1 in 100) was not loaded."""

MOST_REASONS = 4


@dataclass(frozen=True)
class Vital:
    """One measurement. ``least`` and ``most`` are its limits; ``told`` says what a break means, ``mend`` what to do."""

    table: str
    name: str
    observed: float | None
    told: str
    mend: str
    least: float | None = None
    most: float | None = None

    @property
    def promise(self) -> str:
        """The promise in words: the measurement and its limits."""
        limits = [f"at least {self.least:g}"] if self.least is not None else []
        limits += [f"at most {self.most:g}"] if self.most is not None else []
        return f"{self.name}: {' and '.join(limits)}"


def vitals(
    duck: duckdb.DuckDBPyConnection,
    sorted_tables: Sequence[Sorted],
    moment: RunDates,
    draft: Draft,
    *,
    tolerate: Mapping[str, float],
    previous: Sequence[Step],
    stale_days: int,
) -> list[Vital]:
    """Key tables that hold rows, shares kept out, the age of the newest fact, the silence of sales, and volume
    against earlier nights."""
    by_table = {result.table: result for result in sorted_tables}
    found = [_held(group, by_table) for group in KEY_TABLES]
    found += [_share(duck, result, draft, tolerate) for result in sorted_tables if result.read]
    found.append(_age(duck, moment, draft, stale_days))
    silences = (_silence(duck, table, moment, draft, stale_days) for table in SALES)
    found += [silence for silence in silences if silence is not None]
    found += [_volume(result, previous) for result in sorted_tables if _usual(result.table, previous)]
    return found


def _held(group: tuple[str, ...], results: Mapping[str, Sorted]) -> Vital:
    names = " or ".join(group)
    held = sum(results[name].read - results[name].kept_out for name in group)
    read = sum(results[name].read for name in group)
    told = f"no rows of {names}" if not read else f"none of the {read:,} rows of {names} can be used"
    return Vital(
        group[0],
        f"usable rows of {names}",
        held,
        told,
        f"map at least one row to {names}" if not read else "mend what keeps the rows out",
        least=1,
    )


def _share(duck: duckdb.DuckDBPyConnection, result: Sorted, draft: Draft, tolerate: Mapping[str, float]) -> Vital:
    limit = tolerate.get(result.table, TOLERATED_SHARE)
    allowed = max(limit * result.read, 1 if limit > 0 else 0)
    share = result.kept_out / result.read
    broken = result.kept_out > allowed
    reasons = _reasons(duck, result.table, draft) if broken else ""
    return Vital(
        result.table,
        f"share of {result.table} in quarantine",
        share,
        f"{result.kept_out:,} of {result.read:,} rows of {result.table} ({share:.1%}) are in quarantine, "
        f"at most {limit:.1%} are tolerated{reasons}",
        f"correct the rows in the CRM or the mapping's {result.table}.sql, or state a tolerance with its reason "
        f"in mapping.toml ([tolerate] {result.table})",
        most=allowed / result.read,
    )


def _reasons(duck: duckdb.DuckDBPyConnection, table: str, draft: Draft) -> str:
    """The most frequent reasons, one a line: the evidence, since a night that stops leaves no tables behind."""
    rows = duck.execute(
        "SELECT reason, \"rows\", example FROM read_parquet(?) WHERE table_name = ? AND reason NOT LIKE 'emptied:%' "
        "ORDER BY 2 DESC, 1",
        [str(draft.folder / "quarantined.parquet"), table],
    ).fetchall()
    lines = [f"{count:,} rows: {reason}; {example}" for reason, count, example in rows[:MOST_REASONS]]
    if len(rows) > MOST_REASONS:
        lines.append(f"and {len(rows) - MOST_REASONS} more reasons")
    return "".join(f"\n      {line}" for line in lines)


def _age(duck: duckdb.DuckDBPyConnection, moment: RunDates, draft: Draft, stale_days: int) -> Vital:
    """Days from the newest usable fact to the run's date. As of a past date, facts known since do not count."""
    newest = None
    for table in CONTRACT:
        if table.happened_at is not None:
            path = str(draft.folder / f"{table.name}.parquet")
            latest = duck.execute(
                "SELECT max(known_at) FROM read_parquet(?) WHERE known_at < ?", [path, moment.as_of_at]
            ).fetchall()[0][0]
            newest = max(filter(None, (newest, latest)), default=None)
    age = None if newest is None else (moment.as_of_at - newest) / timedelta(days=1)
    told = (
        "no fact has a date"
        if newest is None or age is None
        else f"the source is stale: its newest fact before {moment.as_of} became known at {newest:%Y-%m-%d %H:%M} UTC, "
        f"{age:.0f} days before; at most {stale_days} days are tolerated"
    )
    return Vital(
        "",
        "age of the newest fact in days",
        age,
        told,
        f"refresh the source, run as of a date that it covers{f' (such as {newest:%Y-%m-%d})' if newest else ''}, "
        "or raise stale_days in gelir.toml",
        most=stale_days,
    )


def _silence(
    duck: duckdb.DuckDBPyConnection, table: str, moment: RunDates, draft: Draft, stale_days: int
) -> Vital | None:
    """Days since the newest sale of a table, against its own longest silences; ``None`` where these are not known.

    The newest fact of all may be fresh while one loader is dead, and then every customer looks as if it had left.
    """
    newest, gaps, longest = duck.execute(
        """WITH days AS (
            SELECT date_trunc('day', known_at) AS day, max(known_at) AS last_at
            FROM read_parquet($path) WHERE known_at < $as_of GROUP BY 1
        ), gaps AS (SELECT last_at, date_diff('day', lag(day) OVER (ORDER BY day), day) AS gap FROM days)
        SELECT max(last_at), count(gap), quantile_cont(gap, 0.99) FROM gaps""",
        {"path": str(draft.folder / f"{table}.parquet"), "as_of": moment.as_of_at},
    ).fetchall()[0]
    if gaps < FEWEST_GAPS:
        return None
    silent = (moment.as_of_at - newest) / timedelta(days=1)
    return Vital(
        table,
        f"days of silence of {table}",
        silent,
        f"{table} is stale: its newest row before {moment.as_of} became known at {newest:%Y-%m-%d}, {silent:.0f} days "
        f"before; 99 in 100 of its silences lasted at most {longest:.0f}",
        f"load {table} again, whole; where nothing was sold indeed, raise stale_days in gelir.toml",
        most=max(float(stale_days), LONGEST_SILENCES * longest),
    )


def _usual(table: str, previous: Sequence[Step]) -> float | None:
    """Rows that a table held on most earlier nights; ``None`` where that is too few to say anything."""
    held = [step.rows(table) for step in previous if table in step.tables]
    usual = median(held) if held else 0
    return usual if usual >= FEWEST_FOR_VOLUME else None


def _volume(result: Sorted, previous: Sequence[Step]) -> Vital:
    usual = _usual(result.table, previous) or 1.0
    return Vital(
        result.table,
        f"rows of {result.table} as a share of earlier nights",
        result.read / usual,
        f"{result.table} shrank to {result.read:,} rows; the earlier {len(previous)} nights held {usual:,.0f} (median)",
        f"load {', '.join(TABLES[result.table].key)} and the rest of {result.table} again, whole; "
        "if so many rows were deleted on purpose, forget the earlier runs' reads",
        least=LEAST_OF_MEDIAN,
    )
