"""The demo company, made where the settings look for it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from data.demo import write_demo
from flows.settings import Settings

TIMEZONE = "Europe/Istanbul"


def make(
    say: Callable[[str], None],
    settings: Settings,
    *,
    size: float = 1.0,
    seed: int = 7,
    folder: Path | None = None,
    until: datetime | None = None,
    if_missing: bool = False,
) -> None:
    """Write the demo company into ``<folder>/crm`` and its truth into ``<folder>/truth``, its last day half over."""
    folder = (folder or settings.path(settings.var) / "demo").resolve()
    until = until or datetime.now(UTC).replace(tzinfo=None)
    made_on = folder / "made_on"
    day = f"{until:%Y-%m-%d} size {size:g} seed {seed}"
    if if_missing and made_on.exists() and made_on.read_text() == day:
        say(f"demo company: kept ({folder}, {day})")
        return
    summary = write_demo(folder, until=until, size=size, seed=seed, timezone=settings.timezone or TIMEZONE)
    made_on.write_text(day)
    say(f"demo company: {summary} ({folder})")
