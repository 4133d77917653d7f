"""A feature: its name, its family, and how a person would say it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """What a feature is the change of: ``of`` names the feature that holds the value now; before, it was less this one.

    ``what`` and ``within`` say it: "orders" fell from 6 to 1 "in 90 days".
    """

    of: str
    what: str
    within: str


@dataclass(frozen=True)
class Feature:
    """One column of a feature table.

    ``says`` completes "This account has …: 3". ``zero_from`` names the contract table whose absence of rows means zero;
    before that table's first known row, and for features without it, absence means unknown (NULL). ``absent`` is what a
    person would say of such a NULL ("never ordered"); without it, nothing can be said. ``version`` goes up when the
    meaning changes under an unchanged name, so that models fitted on the old meaning are refused. ``change`` is set
    where the number is a change, so that people are told both sides of it.
    """

    name: str
    family: str
    description: str
    unit: str
    zero_from: str | None = None
    version: int = 1
    absent: str | None = None
    change: Change | None = None


def features_hash(features: Iterable[Feature]) -> str:
    """Sixteen hex digits that change when a feature is added, removed, renamed, reordered or given a new meaning."""
    text = "\n".join(f"{f.name} {f.unit} {f.zero_from} {f.version}" for f in features)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def form(version: int) -> Feature:
    """What a model hashes among its features for the form of what its versions keep beside their trees.

    Whoever keeps it in another form raises ``version``: a champion of another form is then trained again, and not read.
    """
    return Feature("form", "state", "the form of what a version keeps beside its trees", "count", version=version)
