"""A company as it was known at a date: the snapshot that models, actions and reports are given."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from data.calendar import first_instant
from data.contract import TABLES
from data.lake import Step, connect, scan
from data.mapping.action_costs import Costs, default_costs

CHURN_EVENTS = ("ends", "not_renewed", "shrinks")
"""What may count as churn of a subscriber: see ``ChurnDefinition``."""


@dataclass(frozen=True)
class ChurnDefinition:
    """What the company counts as churn of an account.

    A subscriber churns when its last subscription *ends*, when any subscription is *not_renewed* (it ends without a
    successor in its product family), or when its recurring revenue *shrinks*. An account without subscriptions churns
    after ``inactivity_days`` without an order; ``None``: see ``features.accounts.lifecycle``.
    """

    event: str = "ends"
    inactivity_days: int | None = None


@dataclass(frozen=True)
class CompanySettings:
    """What a company states about itself, and the seed of every random draw that is made for it.

    ``costs`` of actions are ``None`` where the defaults apply, ``largest_discount`` (a share) where none is stated.
    """

    timezone: str
    currency: str
    seed: int
    churn_definition: ChurnDefinition = ChurnDefinition()
    costs: Costs | None = None
    largest_discount: float | None = None


@dataclass(frozen=True)
class Company:
    """The golden tables of a company as of a date, with its settings.

    Every contract table is present, perhaps empty, and holds nothing that was not known before ``as_of_at``.
    """

    tables: dict[str, ir.Table]
    as_of: date
    settings: CompanySettings
    backend: Backend

    @classmethod
    def from_golden(cls, golden: Step, as_of: date, settings: CompanySettings) -> "Company":
        """The company that a finished ``resolve`` step describes."""
        backend = connect(threads=1)  # sums of several threads differ in their last digits from run to run
        tables = scan(backend, golden)
        return cls({name: tables[name] for name in TABLES}, as_of, settings, backend)

    @property
    def as_of_at(self) -> datetime:
        """The first instant of ``as_of`` in the company's time zone, naive UTC."""
        return first_instant(self.as_of, self.timezone)

    @property
    def timezone(self) -> str:
        """The IANA name of the company's time zone."""
        return self.settings.timezone

    @property
    def currency(self) -> str:
        """The ISO code of the reporting currency."""
        return self.settings.currency

    @property
    def seed(self) -> int:
        """The seed of random draws."""
        return self.settings.seed

    @property
    def churn_definition(self) -> ChurnDefinition:
        """What the company counts as churn."""
        return self.settings.churn_definition

    @property
    def costs(self) -> Costs:
        """Costs of actions: as stated, else the defaults of the currency. Raises ``MappingError`` if it has none."""
        return self.settings.costs or default_costs(self.currency)

    @property
    def largest_discount(self) -> float | None:
        """The largest discount that the company allows, as a share; ``None`` where it states none."""
        return self.settings.largest_discount

    def with_settings(self, **changes: Any) -> "Company":
        """The same tables with other values of fields of ``CompanySettings``."""
        return replace(self, settings=replace(self.settings, **changes))

    def has(self, table: str) -> bool:
        """Whether a table holds any row."""
        return bool(self.tables[table].limit(1).count().execute())


def data_digest(company: Company) -> str:
    """Sixteen hex digits that change when any row of the company's tables does; the order of rows does not matter."""
    digest = sha256()
    for name in sorted(company.tables):
        rows = f"SELECT count(*), sum(hash(t)) FROM ({ibis.to_sql(company.tables[name], dialect='duckdb')}) AS t"
        digest.update(f"{name} {company.backend.con.execute(rows).fetchone()}\n".encode())
    return digest.hexdigest()[:16]
