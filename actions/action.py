"""What an action is: a thing that may be done for a customer, what it may bring, and what it costs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

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
class Scores:
    """The frames that models wrote, by name; a frame is absent when every model that fills it abstained."""

    frames: dict[str, pd.DataFrame]

    def get(self, name: str) -> pd.DataFrame | None:
        """A frame, or ``None`` where the models abstained."""
        return self.frames.get(name)


class Action(Protocol):
    """One kind of action. Entries of ``actions.ACTIONS``; each is one file."""

    name: str
    channel: str | None
    """email, call, or None for waiting. A channel with a purpose needs the contact's consent."""
    purpose: str | None
    minutes: float
    """What it takes of its owner's week; 0 where nobody has to do anything."""
    describes: str
    """What is done, for people."""

    def candidates(self, company: Company, scores: Scores) -> pd.DataFrame:
        """Possible uses of the action, one row per account at most times product; columns ``CANDIDATE_COLUMNS``."""
        ...


def as_candidates(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with exactly ``CANDIDATE_COLUMNS``; those that it lacks are empty."""
    return frame.reindex(columns=list(CANDIDATE_COLUMNS)).reset_index(drop=True)


def sentences(*columns: Iterable[str]) -> list[str]:
    """One JSON list a row, of the sentences that each column holds for it; empty ones are left out."""
    return [json.dumps([s for s in row if s], ensure_ascii=False) for row in zip(*columns, strict=True)]
