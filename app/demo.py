"""The demo company, written where the settings look for it."""

from datetime import UTC, datetime
from pathlib import Path

from data.demo import write_demo
from flows.settings import Settings

TIMEZONE = "Europe/Istanbul"


def write_company(
    settings: Settings,
    *,
    size: float = 1.0,
    seed: int = 7,
    folder: Path | None = None,
    until: datetime | None = None,
    if_missing: bool = False,
) -> str:
    """Write the company into ``<folder>/crm`` and its truth into ``<folder>/truth``; a sentence that says so.

    Its last day is incomplete. With ``if_missing``, a company of the same day, size and seed stays as it is.
    """
    folder = (folder or settings.path(settings.var) / "demo").resolve()
    until = until or datetime.now(UTC).replace(tzinfo=None)
    marker = folder / "made_on"
    version = f"{until:%Y-%m-%d} size {size:g} seed {seed}"
    if if_missing and marker.exists() and marker.read_text() == version:
        return f"demo company: kept ({folder}, {version})"
    summary = write_demo(folder, until=until, size=size, seed=seed, timezone=settings.timezone or TIMEZONE)
    marker.write_text(version)
    return f"demo company: {summary} ({folder})"
