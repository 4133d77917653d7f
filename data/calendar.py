"""Days of a company and instants of the world."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def first_instant(day: date, timezone: str) -> datetime:
    """The first instant of a day in the company's time zone, as naive UTC.

    Where clocks skip midnight, the day begins at the first minute that exists (a gap maps forward).
    """
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC).replace(tzinfo=None)


def local_day(instant: datetime, timezone: str) -> date:
    """The company's day in which a naive UTC instant falls."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()


@dataclass(frozen=True)
class RunDates:
    """When a run speaks: ``as_of`` decides what counts; ``today`` is the day the night runs on."""

    as_of: date
    today: date
    timezone: str

    @property
    def as_of_at(self) -> datetime:
        """Everything known before this instant counts."""
        return first_instant(self.as_of, self.timezone)

    @property
    def tomorrow_at(self) -> datetime:
        """A fact that happened from here on is dated in the future."""
        return first_instant(self.today + timedelta(days=1), self.timezone)
