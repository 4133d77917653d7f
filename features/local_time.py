"""Local time in SQL: UTC offsets of time zones as data, so that every engine reads clocks as Python does."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa


def utc_offsets(zone: str, since: datetime, until: datetime) -> list[tuple[datetime, datetime, int]]:
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


@dataclass(frozen=True)
class Clock:
    """The wall clock of one zone, right between two instants; outside them it may be off by one change of clocks."""

    zone: str
    since: datetime
    until: datetime

    def local(self, instant: ir.TimestampValue) -> ir.TimestampValue:
        """The wall-clock time of a naive UTC instant."""
        stretches = utc_offsets(self.zone, self.since, self.until)
        seconds: ir.IntegerValue = ibis.literal(stretches[-1][2], "int64")
        for _, end, ahead in reversed(stretches[:-1]):
            seconds = ibis.ifelse(instant < ibis.literal(end), ibis.literal(ahead, "int64"), seconds)
        return instant + seconds.as_interval("s")

    def day(self, instant: ir.TimestampValue) -> ir.DateValue:
        """The day of a naive UTC instant."""
        return self.local(instant).date()


def zone_offsets(zones: Iterable[str], since: datetime, until: datetime) -> ir.Table:
    """One row per zone and stretch between two changes of its clocks: ``zone, from_at, until_at, ahead`` (seconds)."""
    rows = [(zone, *stretch) for zone in sorted(set(zones)) for stretch in utc_offsets(zone, since, until)]
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
