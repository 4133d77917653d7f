"""Local time in SQL: offsets of time zones as data, so that every engine reads clocks as Python does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

FIRST, LAST = datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2060-01-01")


def offsets(zone: str, since: datetime = FIRST, until: datetime = LAST) -> list[tuple[datetime, datetime, int]]:
    """(from, until, seconds ahead of UTC) of each stretch between two changes of a zone's clocks; naive UTC."""
    tz = ZoneInfo(zone)

    def ahead(instant: datetime) -> int:
        delta = instant.replace(tzinfo=UTC).astimezone(tz).utcoffset()
        return int(delta.total_seconds()) if delta is not None else 0

    stretches: list[tuple[datetime, datetime, int]] = []
    start, seconds = since, ahead(since)
    at = since
    while at < until:
        following = min(at + timedelta(days=7), until)  # no zone has changed its clocks twice in a week
        if ahead(following) != seconds:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if ahead(middle) == seconds else (low, middle)
            change = high.replace(microsecond=0)
            stretches.append((start, change, seconds))
            start, seconds = change, ahead(change)
            at = change
        else:
            at = following
    stretches.append((start, until, seconds))
    return stretches


def local(instant: ir.TimestampValue, zone: str, since: datetime = FIRST, until: datetime = LAST) -> ir.TimestampValue:
    """The wall-clock time of a naive UTC instant in one zone; right between ``since`` and ``until``."""
    stretches = offsets(zone, since, until)
    seconds: ir.IntegerValue = ibis.literal(stretches[-1][2], "int64")
    for _, end, ahead in reversed(stretches[:-1]):
        seconds = ibis.ifelse(instant < ibis.literal(end), ibis.literal(ahead, "int64"), seconds)
    return instant + seconds.as_interval("s")


def clocks(zones: Iterable[str], since: datetime, until: datetime) -> ir.Table:
    """One row per zone and stretch between two changes of its clocks: ``zone, from_at, until_at, ahead`` (seconds)."""
    rows = [(zone, *stretch) for zone in sorted(set(zones)) for stretch in offsets(zone, since, until)]
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    return ibis.memtable(
        pa.table(
            {
                "zone": pa.array(columns[0], pa.string()),
                "from_at": pa.array(columns[1], pa.timestamp("us")),
                "until_at": pa.array(columns[2], pa.timestamp("us")),
                "ahead": pa.array(columns[3], pa.int64()),
            }
        )
    )
