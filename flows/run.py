"""One run of a company: its date, its input, and the steps that it has finished. Its id follows from its input."""

import hashlib
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from time import perf_counter

from data.calendar import RunDates
from data.errors import SettingsError
from data.lake import Draft, Lake, Step
from data.mapping.action_costs import Costs
from data.mapping.mapping import Mapping, load_mapping
from data.source.open import open_source
from features.company import ChurnDefinition, Company, CompanySettings
from flows.code_version import code_digest
from flows.settings import Settings, today

log = logging.getLogger("gelir")

IGNORED_SETTINGS = {"root", "mapping", "source", "scores", "var", "mlruns", "schedule_at", "keep_runs", "locale"}
"""Settings that change no result: locations (their content is hashed instead), schedule, retention and display."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run of a company's night (or training, tuning, replay) as of a date.

    The same input, settings and code give the same ``id``, so that a run that was killed is resumed.
    """

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
        extra: dict[str, object] | None = None,
    ) -> "Run":
        """The run for a date, today by default. Raises a ``GelirError`` where settings, mapping or source are wrong.

        ``extra`` is what else identifies it: the versions of a replay, the budget of a tuning.
        """
        mapping = load_mapping(settings.mapping)
        timezone = settings.timezone or mapping.timezone
        current_day = today(timezone)
        as_of = as_of or current_day
        if as_of > current_day:
            raise SettingsError(
                f"as of {as_of} is in the future: in {timezone} it is {current_day}",
                where="--as-of",
                remedy="name today or a past date",
            )
        company = settings.company or mapping.name
        currency = settings.currency or mapping.currency
        identity = {
            **settings.model_dump(mode="json", exclude=IGNORED_SETTINGS),
            "as_of": str(as_of),
            "purpose": purpose,
            "attempt": attempt,
            "company": company,
            "timezone": timezone,
            "currency": currency,
            "mapping": mapping.fingerprint,
            "source": open_source(settings.source_place).fingerprint(),
            "code": code_digest(),
            **(extra or {}),
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        prefix = "" if purpose == "night" else f"{purpose}-"
        return cls(
            id=f"{prefix}{company}-{as_of}-{digest}",
            company=company,
            mapping=mapping,
            dates=RunDates(as_of, current_day, timezone),
            currency=currency,
            costs=mapping.costs_in(currency),
            settings=settings,
            started_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        )

    @property
    def lake(self) -> Lake:
        """The lake that holds the steps of all runs."""
        return Lake(self.settings.lake)

    def step(self, name: str, write: Callable[[Draft], object]) -> Step:
        """A finished step: the one that a killed run of the same input left, or the one that ``write`` writes."""
        finished = self.lake.find_step(self.id, name)
        if finished is not None:
            log.info("%-24s reused", name)
            return finished
        started = perf_counter()
        with self.lake.write_step(self.id, name) as draft:
            write(draft)
        log.info("%-24s done in %.1f s", name, perf_counter() - started)
        return self.lake.step(self.id, name)

    def nights(self) -> list[str]:
        """Ids of the company's nights in the lake, the latest date first."""
        return self._run_ids("")

    def trainings(self) -> list[str]:
        """Ids of the company's trainings in the lake, the latest date first."""
        return self._run_ids("train-")

    def _run_ids(self, prefix: str) -> list[str]:
        pattern = re.compile(rf"{prefix}{re.escape(self.company)}-\d{{4}}-\d\d-\d\d-[0-9a-f]{{8}}")
        return sorted((path.name for path in self.lake.root.glob("*") if pattern.fullmatch(path.name)), reverse=True)

    def snapshot(self, golden: Step) -> Company:
        """The company as known at the run's date, from its golden records."""
        stated = self.settings
        settings = CompanySettings(
            self.dates.timezone,
            self.currency,
            stated.seed,
            ChurnDefinition(stated.churn_event, stated.inactivity_days),
            self.costs,
            stated.largest_discount,
        )
        return Company.from_golden(golden, self.dates.as_of, settings)
