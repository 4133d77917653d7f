"""What is known of a version without loading it: how it was made and judged, and whether it was ever champion."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Provenance:
    """What a training was made of: the run, the hash of the data that it knew, the code's digest and its commit.

    ``commit`` is empty where there is no version control, and ends in ``+`` where files differ from it.
    """

    run_id: str
    data_hash: str = ""
    code: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Version:
    """A registered version, by its tags.

    ``judged`` is how it was judged when it was logged: ``metric, value, baseline, baseline_value, skill``, the last
    being the share of the baseline's loss that it saved. ``champion_by`` is the run that made it champion, or ``hand``;
    empty if it never was.
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
        """The share of the baseline's loss that what it ships saved; nothing where that was not recorded."""
        return float(self.evaluation.get("skill", 0.0))


@dataclass(frozen=True)
class VersionDetails:
    """What lies beside a version: parameters, metrics (bounds end in `` low`` and `` high``), the columns that it is
    fed, and a loss per judged row in ``losses``: ``challenger``, ``baseline``, and of each rival under its name (v3).
    """

    version: Version
    params: dict[str, str]
    metrics: dict[str, float]
    features: tuple[str, ...]
    losses: pd.DataFrame = field(repr=False)
