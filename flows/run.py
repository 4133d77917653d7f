"""One run: the date it speaks for, what it reads, and where its steps lie. Its name follows from its input."""

import hashlib
import json
import logging
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from time import perf_counter

from data.calendar import RunDates
from data.errors import SettingsError
from data.lake import Draft, Lake, Step
from data.mapping.action_costs import Costs
from data.mapping.mapping import Mapping, load_mapping
from data.source.source import fingerprint, open_source
from features.company import ChurnDefinition, Company
from flows.settings import Settings, today

log = logging.getLogger("gelir")

CHANGE_NOTHING = {"root", "mapping", "source", "scores", "var", "mlruns", "schedule_at", "keep_runs"}
"""Settings that say where things lie, and when: what lies there is told apart by its content. Any other setting makes
another run.
"""

CODE_ROOMS = ("flows", "actions", "reports", "models", "features", "data")


@dataclass(frozen=True, eq=False)
class Run:
    """A run of a company's night (or training) as of a date. The same input, settings and code give the same ``id``."""

    id: str
    company: str
    mapping: Mapping
    dates: RunDates
    currency: str
    costs: Costs
    settings: Settings
    started_at: datetime

    @classmethod
    def begin(
        cls,
        as_of: date | None,
        settings: Settings,
        *,
        purpose: str = "night",
        attempt: int = 1,
        also: dict[str, object] | None = None,
    ) -> "Run":
        """The run for a date, today by default. Raises where the settings, the mapping or the source make no sense.

        ``also`` is what else tells it from other runs: the versions that it replays, the budget of a tuning.
        """
        mapping = load_mapping(settings.mapping)
        timezone = settings.timezone or mapping.timezone
        now = today(timezone)
        as_of = as_of or now
        if as_of > now:
            raise SettingsError(
                f"as of {as_of} is in the future: in {timezone} it is {now}",
                where="--as-of",
                remedy="name today or a past date",
            )
        company = settings.company or mapping.name
        source = open_source(settings.source_place)
        told = {
            **settings.model_dump(mode="json", exclude=CHANGE_NOTHING),
            "as_of": str(as_of),
            "purpose": purpose,
            "attempt": attempt,
            "company": company,
            "timezone": timezone,
            "currency": settings.currency or mapping.currency,
            "mapping": mapping.fingerprint,
            "source": fingerprint(source),
            "code": code_digest(),
            **(also or {}),
        }
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]
        prefix = "" if purpose == "night" else f"{purpose}-"
        return cls(
            id=f"{prefix}{company}-{as_of}-{digest}",
            company=company,
            mapping=mapping,
            dates=RunDates(as_of, now, timezone),
            currency=settings.currency or mapping.currency,
            costs=mapping.costs_in(settings.currency or mapping.currency),
            settings=settings,
            started_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        )

    @property
    def lake(self) -> Lake:
        """Where its steps lie."""
        return Lake(self.settings.lake)

    def step(self, name: str, work: Callable[[Draft], object]) -> Step:
        """A finished step: the one that a killed run of the same input left behind, or the one made now."""
        finished = self.lake.finished(self.id, name)
        if finished is not None:
            log.info("%-16s kept from before", name)
            return finished
        began = perf_counter()
        with self.lake.writing(self.id, name) as draft:
            work(draft)
        log.info("%-16s done in %.1f s", name, perf_counter() - began)
        return self.lake.step(self.id, name)

    def nights(self) -> list[str]:
        """Nights of this company in the lake, by name, the latest date first."""
        return self._of_company("")

    def trainings(self) -> list[str]:
        """Trainings of this company in the lake, by name, the latest date first."""
        return self._of_company("train-")

    def _of_company(self, prefix: str) -> list[str]:
        named = re.compile(rf"{prefix}{re.escape(self.company)}-\d{{4}}-\d\d-\d\d-[0-9a-f]{{8}}")
        return sorted((path.name for path in self.lake.root.glob("*") if named.fullmatch(path.name)), reverse=True)

    def snapshot(self, golden: Step) -> Company:
        """The company that the run's golden tables describe."""
        leaving = ChurnDefinition(self.settings.churn_event, self.settings.inactivity_days)
        moment = self.dates
        seed, costs = self.settings.seed, self.costs
        most = self.settings.largest_discount
        return Company.from_golden(golden, moment.as_of, moment.timezone, self.currency, seed, leaving, costs, most)


@cache
def code_commit() -> str:
    """The commit of the checkout, with a + where its files differ from it; empty where there is no version control."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return ""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def code_digest() -> str:
    """A hash of the product's code and mappings' loader: a run begun by one version is not resumed by another."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in CODE_ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in {".py", ".sql"} and "mappings" not in path.parts:
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
