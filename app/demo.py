"""The demo company, written where the settings look for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data.demo import write_demo
from flows.settings import Settings

TIMEZONE = "Europe/Istanbul"


def make(
    report: Callable[[str], None],
    settings: Settings,
    *,
    size: float = 1.0,
    seed: int = 7,
    folder: Path | None = None,
    until: datetime | None = None,
    if_missing: bool = False,
) -> None:
    """Write the demo company into ``<folder>/crm`` and its truth into ``<folder>/truth``; its last day is incomplete.

    With ``if_missing``, a company of the same day, size and seed is kept.
    """
    folder = (folder or settings.path(settings.var) / "demo").resolve()
    until = until or datetime.now(UTC).replace(tzinfo=None)
    marker = folder / "made_on"
    day = f"{until:%Y-%m-%d} size {size:g} seed {seed}"
    if if_missing and marker.exists() and marker.read_text() == day:
        report(f"demo company: kept ({folder}, {day})")
        return
    summary = write_demo(folder, until=until, size=size, seed=seed, timezone=settings.timezone or TIMEZONE)
    marker.write_text(day)
    report(f"demo company: {summary} ({folder})")
