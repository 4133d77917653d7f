"""A feature: its name, its family, its unit, and how a sentence describes it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """The quantity that a feature is the change of: ``of`` names the feature that holds its present value.

    ``what`` and ``within`` complete a sentence: "orders" fell from 6 to 1 "in 90 days".
    """

    of: str
    what: str
    within: str


@dataclass(frozen=True)
class Feature:
    """One column of a feature table.

    ``description`` completes "This account has …: 3". ``zero_from`` names the contract table whose absence of rows
    means zero; before that table's first known row, and for features without it, absence means unknown (NULL).
    ``absent`` describes such a NULL ("never ordered"); without it, a sentence leaves the feature out. ``version`` goes
    up when the meaning changes under an unchanged name, so that models fitted on the old meaning are refused.
    ``change`` is set where the number is a change, so that a sentence can give the values before and after.
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
    """A pseudo-feature that models hash with their features: the version of the state they keep beside their trees.

    A model that changes its state raises ``version``: champions with the earlier state are trained again, and not read.
    """
    return Feature("form", "state", "the form of the state beside the trees", "count", version=version)
