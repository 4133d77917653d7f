"""Days of a company, instants in UTC, and the dates of a run."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def first_instant(day: date, timezone: str) -> datetime:
    """The first instant of a day in the company's time zone, as naive UTC.

    Where clocks skip midnight, the day begins at the first minute that exists (a gap maps forward).
    """
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC).replace(tzinfo=None)


def local_day(instant: datetime, timezone: str) -> date:
    """The company's day of a naive UTC instant."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).date()


@dataclass(frozen=True)
class RunDates:
    """The dates of a run: only facts known before ``as_of`` count; ``today`` is the day on which it runs."""

    as_of: date
    today: date
    timezone: str

    @property
    def as_of_at(self) -> datetime:
        """The first instant of ``as_of``: facts known before it count."""
        return first_instant(self.as_of, self.timezone)

    @property
    def tomorrow_at(self) -> datetime:
        """The first instant after today: facts dated at or after it are in the future."""
        return first_instant(self.today + timedelta(days=1), self.timezone)
