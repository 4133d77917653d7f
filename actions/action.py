"""What an action is: a thing that may be done for an account, what it is expected to bring, and what it costs."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from actions.call_capacity import call_cost
from features.company import Company

CANDIDATE_COLUMNS: tuple[str, ...] = (
    "account_id",
    "product_id",
    "contact_id",
    "opportunity_id",
    "owner_id",
    "act_at",
    "expected_value",
    "cost",
    "reasons",
)
"""Expected value is incremental margin in the reporting currency, before cost; reasons is a JSON list of sentences."""


@dataclass(frozen=True)
class ActionInputs:
    """Tables by name that actions read: scores of models, and what ``actions.decide`` prepares for all actions.

    A table of scores is absent when every model that fills it abstained.
    """

    tables: dict[str, pd.DataFrame]

    def has(self, names: Iterable[str]) -> bool:
        """Whether all of the named tables are there."""
        return all(name in self.tables for name in names)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    def get(self, name: str) -> pd.DataFrame | None:
        """A table; ``None`` where the models that fill it abstained."""
        return self.tables.get(name)


@dataclass(frozen=True)
class Effect:
    """What an action brings, aligned with its rows: ``value`` is incremental margin in the reporting currency, before
    cost; ``reasons`` are columns of sentences, the most important first, empty texts for no sentence."""

    value: pd.Series
    reasons: tuple[Iterable[str], ...]


class Action(ABC):
    """One kind of action. Entries of ``actions.registry.ACTIONS``; each is one file."""

    name: ClassVar[str]
    description: ClassVar[str]
    """What is done, for people."""
    channel: ClassVar[str | None] = None
    """email, call, or None for waiting. A channel with a purpose needs the contact's consent."""
    purpose: ClassVar[str | None] = None
    minutes: ClassVar[float] = 0.0
    """Working time of the account's owner; 0 for an action without work."""
    needs: ClassVar[tuple[str, ...]]
    """Tables of ``ActionInputs`` without which there are no candidates."""
    best_by: ClassVar[str | None] = None
    """Where only the best candidate of each account counts: the column that settles ties."""

    def candidates(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """Possible uses of the action, at most one row per account and product; columns ``CANDIDATE_COLUMNS``.

        No rows where a table of ``needs`` is missing.
        """
        if not inputs.has(self.needs):
            return as_candidates(pd.DataFrame())
        rows = self.eligible(company, inputs)
        effect = self.effect(company, rows)
        rows = rows.assign(
            expected_value=effect.value, cost=self.cost(company), reasons=json_sentences(*effect.reasons)
        )
        return as_candidates(rows if self.best_by is None else best_per_account(rows, self.best_by))

    @abstractmethod
    def eligible(self, company: Company, inputs: ActionInputs) -> pd.DataFrame:
        """The rows to which the action may be applied, with what its effect is computed from."""

    @abstractmethod
    def effect(self, company: Company, rows: pd.DataFrame) -> Effect:
        """What the action brings for each of its eligible rows, and why."""

    def cost(self, company: Company) -> float:
        """What one use of the action costs, in the reporting currency."""
        if self.channel == "email":
            return company.costs.email
        return call_cost(company, self.minutes)


def best_per_account(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row per account, ordered by it: the one of highest ``expected_value``, then of the smallest ``by``."""
    ranked = rows.sort_values(["account_id", "expected_value", by], ascending=[True, False, True], kind="stable")
    return ranked.drop_duplicates("account_id")


def as_candidates(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with exactly ``CANDIDATE_COLUMNS``; columns that it lacks are empty."""
    return frame.reindex(columns=list(CANDIDATE_COLUMNS)).reset_index(drop=True)


def json_sentences(*columns: Iterable[str]) -> list[str]:
    """One JSON list a row, of the sentences that each column holds for it; empty texts are left out."""
    return [json.dumps([s for s in row if s], ensure_ascii=False) for row in zip(*columns, strict=True)]
