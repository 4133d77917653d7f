"""Records of model versions as logged: provenance, evaluation, and whether a version was ever champion."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """The run of a training, the hash of its data, the digest of the code and its commit.

    ``commit`` is empty without version control, and ends in ``+`` if files differ from it.
    """

    run_id: str
    data_hash: str = ""
    code: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Version:
    """A registered version, by its tags.

    ``evaluation``: ``metric, value, baseline, baseline_value, skill`` when it was logged; ``skill`` is the fraction of
    the baseline's loss that it saved. ``champion_by`` is the run that promoted it, or ``hand``; empty if none did.
    """

    model: str
    number: str
    ships: str
    features_hash: str
    trained_as_of: date
    evaluation: dict[str, Any]
    provenance: Provenance
    tuned_params: dict[str, Any]
    verdict: str
    champion_by: str
    champion: bool
    pinned: bool

    @property
    def skill(self) -> float:
        """The fraction of the baseline's loss that what it ships saved."""
        return float(self.evaluation["skill"])


@dataclass(frozen=True)
class VersionDetails:
    """Parameters, metrics (bounds end in `` low`` and `` high``), input columns and losses logged with a version.

    ``losses``: one row per test row, with ``challenger``, ``baseline``, and each rival under its name (v3).
    """

    version: Version
    params: dict[str, str]
    metrics: dict[str, float]
    features: tuple[str, ...]
    losses: pd.DataFrame = field(repr=False)
