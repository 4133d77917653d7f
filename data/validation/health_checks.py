"""Health checks of a night: measurements of whole tables, each with the limits within which the night goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import duckdb

from data.calendar import RunDates
from data.contract import CONTRACT, KEY_TABLES, TABLES
from data.lake import Draft, Step
from data.validation.quarantine import NULLED_PREFIX, SplitResult

DEFAULT_TOLERATED_SHARE = 0.05
"""Largest share of a table's rows that may be rejected, unless the mapping states another. One row always may."""

MIN_SHARE_OF_MEDIAN = 0.5
"""A table with fewer rows than this share of the median of earlier nights was not loaded completely."""

MIN_MEDIAN_ROWS = 20
"""Smallest median of earlier nights with which the number of rows is compared."""

SALES_TABLES = ("orders", "subscriptions")
"""Tables whose missing rows would look like the churn of every customer."""

MIN_GAPS = 50
"""Gaps between days with rows that the estimate of a table's longest typical gap needs."""

GAP_QUANTILE = 0.99
MAX_GAP_FACTOR = 2.0
"""A gap up to now of more than this factor times the ``GAP_QUANTILE`` of a table's gaps stops the night."""

MAX_REASONS_SHOWN = 4


@dataclass(frozen=True)
class HealthLimits:
    """Limits that a company states."""

    tolerated_shares: Mapping[str, float]
    """Table → largest share of its rows that may be rejected, where it differs from the default."""
    stale_days: int
    """Largest age of the newest fact, in days."""


@dataclass(frozen=True)
class HealthCheck:
    """One measurement and its limits."""

    table: str
    name: str
    observed: float | None
    message: str
    """The failure in words."""
    remedy: str
    minimum: float | None = None
    maximum: float | None = None

    @property
    def description(self) -> str:
        """The measurement and its limits in words."""
        limits = [f"at least {self.minimum:g}"] if self.minimum is not None else []
        limits += [f"at most {self.maximum:g}"] if self.maximum is not None else []
        return f"{self.name}: {' and '.join(limits)}"


def measure_health(
    duck: duckdb.DuckDBPyConnection,
    results: Sequence[SplitResult],
    dates: RunDates,
    draft: Draft,
    limits: HealthLimits,
    previous: Sequence[Step],
) -> list[HealthCheck]:
    """The health checks of a night, not yet evaluated.

    Valid rows of the key tables, rejected share of each table with rows, age of the newest fact, days since the newest
    sale, and number of rows against the ``previous`` nights.
    """
    by_table = {result.table: result for result in results}
    checks = [_valid_rows(group, by_table) for group in KEY_TABLES]
    checks += [_rejected_share(duck, result, draft, limits.tolerated_shares) for result in results if result.n_read]
    checks.append(_newest_fact(duck, dates, draft, limits.stale_days))
    gaps = (_days_without_sales(duck, table, dates, draft, limits.stale_days) for table in SALES_TABLES)
    checks += [check for check in gaps if check is not None]
    volumes = (_volume(result, previous) for result in results)
    checks += [check for check in volumes if check is not None]
    return checks


def _valid_rows(group: tuple[str, ...], results: Mapping[str, SplitResult]) -> HealthCheck:
    """At least one valid row in a group of key tables."""
    names = " or ".join(group)
    n_read = sum(results[name].n_read for name in group)
    return HealthCheck(
        group[0],
        f"valid rows of {names}",
        sum(results[name].n_valid for name in group),
        f"none of the {n_read:,} rows of {names} is valid" if n_read else f"no rows of {names}",
        "correct what the rows are rejected for" if n_read else f"map at least one row to {names}",
        minimum=1,
    )


def _rejected_share(
    duck: duckdb.DuckDBPyConnection, result: SplitResult, draft: Draft, tolerated_shares: Mapping[str, float]
) -> HealthCheck:
    limit = tolerated_shares.get(result.table, DEFAULT_TOLERATED_SHARE)
    tolerated_rows = max(limit * result.n_read, 1 if limit > 0 else 0)
    share = result.n_rejected / result.n_read
    reasons = _frequent_reasons(duck, result.table, draft) if result.n_rejected > tolerated_rows else ""
    return HealthCheck(
        result.table,
        f"share of {result.table} in quarantine",
        share,
        f"{result.n_rejected:,} of {result.n_read:,} rows of {result.table} ({share:.1%}) are in quarantine, "
        f"at most {limit:.1%} are tolerated{reasons}",
        f"correct the rows in the CRM or the mapping's {result.table}.sql, or state a tolerance with its reason "
        f"in mapping.toml ([tolerate] {result.table})",
        maximum=tolerated_rows / result.n_read,
    )


def _frequent_reasons(duck: duckdb.DuckDBPyConnection, table: str, draft: Draft) -> str:
    """The most frequent reasons, one a line. The message must hold them: a night that stops writes no tables."""
    reasons = duck.execute(
        'SELECT reason, "rows", example FROM read_parquet(?) WHERE table_name = ? AND NOT starts_with(reason, ?) '
        "ORDER BY 2 DESC, 1",
        [str(draft.path("quarantined")), table, NULLED_PREFIX],
    ).fetchall()
    lines = [f"{count:,} rows: {reason}; {example}" for reason, count, example in reasons[:MAX_REASONS_SHOWN]]
    if len(reasons) > MAX_REASONS_SHOWN:
        lines.append(f"and {len(reasons) - MAX_REASONS_SHOWN} more reasons")
    return "".join(f"\n      {line}" for line in lines)


def _newest_fact(duck: duckdb.DuckDBPyConnection, dates: RunDates, draft: Draft, stale_days: int) -> HealthCheck:
    """Days from the newest valid fact known before ``as_of`` to ``as_of``."""
    newest: datetime | None = None
    for table in CONTRACT:
        if table.happened_at is not None:
            latest = duck.execute(
                "SELECT max(known_at) FROM read_parquet(?) WHERE known_at < ?",
                [str(draft.path(table.name)), dates.as_of_at],
            ).fetchall()[0][0]
            newest = max(filter(None, (newest, latest)), default=None)
    if newest is None:
        age, message, example = None, "no fact has a date", ""
    else:
        age = (dates.as_of_at - newest) / timedelta(days=1)
        message = (
            f"the source is stale: its newest fact before {dates.as_of} became known at {newest:%Y-%m-%d %H:%M} UTC, "
            f"{age:.0f} days before; at most {stale_days} days are tolerated"
        )
        example = f" (such as {newest:%Y-%m-%d})"
    return HealthCheck(
        "",
        "age of the newest fact in days",
        age,
        message,
        f"refresh the source, run as of a date that it covers{example}, or raise stale_days in gelir.toml",
        maximum=stale_days,
    )


def _days_without_sales(
    duck: duckdb.DuckDBPyConnection, table: str, dates: RunDates, draft: Draft, stale_days: int
) -> HealthCheck | None:
    """Days since the newest row of a sales table, against its own longest gaps; ``None`` if it has too few gaps.

    The newest fact of all tables may be fresh although the loader of one has stopped.
    """
    newest, n_gaps, longest = duck.execute(
        """WITH days AS (
            SELECT date_trunc('day', known_at) AS day, max(known_at) AS last_at
            FROM read_parquet($path) WHERE known_at < $as_of GROUP BY 1
        ), gaps AS (SELECT last_at, date_diff('day', lag(day) OVER (ORDER BY day), day) AS gap FROM days)
        SELECT max(last_at), count(gap), quantile_cont(gap, $quantile) FROM gaps""",
        {"path": str(draft.path(table)), "as_of": dates.as_of_at, "quantile": GAP_QUANTILE},
    ).fetchall()[0]
    if n_gaps < MIN_GAPS:
        return None
    days = (dates.as_of_at - newest) / timedelta(days=1)
    return HealthCheck(
        table,
        f"days without a new row of {table}",
        days,
        f"{table} is stale: its newest row before {dates.as_of} became known at {newest:%Y-%m-%d}, {days:.0f} days "
        f"before; {GAP_QUANTILE:.0%} of its gaps lasted at most {longest:.0f} days",
        f"load {table} again, completely; if nothing was sold in these days, raise stale_days in gelir.toml",
        maximum=max(float(stale_days), MAX_GAP_FACTOR * longest),
    )


def _volume(result: SplitResult, previous: Sequence[Step]) -> HealthCheck | None:
    """Rows of a table as a share of their median in earlier nights; ``None`` if that is below ``MIN_MEDIAN_ROWS``."""
    earlier_rows = [step.rows(result.table) for step in previous if result.table in step.tables]
    typical = median(earlier_rows) if earlier_rows else 0
    if typical < MIN_MEDIAN_ROWS:
        return None
    return HealthCheck(
        result.table,
        f"rows of {result.table} as a share of earlier nights",
        result.n_read / typical,
        f"{result.table} shrank to {result.n_read:,} rows; "
        f"the earlier {len(previous)} nights read {typical:,.0f} (median)",
        f"load {', '.join(TABLES[result.table].key)} and the rest of {result.table} again, completely; "
        "if so many rows were deleted on purpose, delete the read steps of earlier runs",
        minimum=MIN_SHARE_OF_MEDIAN,
    )
