"""A company as it was known at a date: what models, actions and reports are given."""

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from data.calendar import first_instant
from data.contract import TABLES
from data.lake import Step, connect, scan
from data.mapping.action_costs import Costs, usual_costs

CHURN_EVENTS = ("ends", "not_renewed", "shrinks")
"""What may count as the leaving of a subscriber."""


@dataclass(frozen=True)
class ChurnDefinition:
    """What the company calls leaving.

    ``subscribers`` leave when their last subscription *ends*, when any subscription is *not_renewed* (it ends, and none
    to the same product follows), or when what they pay *shrinks*, by an end without an equal successor. Who only orders
    leaves by ``silence_days`` without an order; ``None``: as long as nine of ten repeat orders took, 90 at least.
    """

    event: str = "ends"
    inactivity_days: int | None = None


@dataclass(frozen=True)
class Company:
    """The golden tables of a company, every contract table present (perhaps empty), and the date they speak for."""

    tables: dict[str, ir.Table]
    as_of: date
    timezone: str
    currency: str
    seed: int
    backend: Backend
    churn_definition: ChurnDefinition = ChurnDefinition()
    stated_costs: Costs | None = None
    largest_discount: float | None = None
    """The largest discount that the company allows, as a share; ``None``: what is usual."""

    @classmethod
    def from_golden(
        cls,
        golden: Step,
        as_of: date,
        timezone: str,
        currency: str,
        seed: int,
        churn_definition: ChurnDefinition | None = None,
        costs: Costs | None = None,
        largest_discount: float | None = None,
    ) -> "Company":
        """The company that a finished ``resolve`` step describes."""
        backend = connect(threads=1)  # sums of several threads differ in their last digits from run to run
        tables = scan(backend, golden)
        known = {name: tables[name] for name in TABLES}
        rules = (churn_definition or ChurnDefinition(), costs, largest_discount)
        return cls(known, as_of, timezone, currency, seed, backend, *rules)

    @property
    def as_of_at(self) -> datetime:
        """The first instant of ``as_of`` in the company's time zone, naive UTC."""
        return first_instant(self.as_of, self.timezone)

    @property
    def costs(self) -> Costs:
        """What acting costs: as the company states it, else the usual. Raises ``MappingError`` where none is known."""
        return self.stated_costs or usual_costs(self.currency)

    def has(self, table: str) -> bool:
        """Whether a table holds any row."""
        return bool(self.tables[table].limit(1).count().execute())

    def digest(self) -> str:
        """Sixteen hex digits that change when any row of what is known changes; the order of rows does not matter."""
        told = sha256()
        for name in sorted(self.tables):
            rows = f"SELECT count(*), sum(hash(t)) FROM ({ibis.to_sql(self.tables[name], dialect='duckdb')}) AS t"
            told.update(f"{name} {self.backend.con.execute(rows).fetchone()}\n".encode())
        return told.hexdigest()[:16]
