"""Two versions of a model side by side: what differs in what they are made of, and which one is better."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data.errors import TrackingError
from models.training.promotion import PairedComparison, compare_losses
from models.training.tracking import Tracking
from models.training.versions import Version, VersionDetails

ALIKE = "the same date and data judged both"
SCORED = ("published", "retired")
"""Statuses of runs whose scores readers saw."""


@dataclass(frozen=True)
class Comparison:
    """Two versions, each frame with a column for each of them.

    ``metrics``: one row per metric, ``first, first_low, first_high, second, second_low, second_high``, bounds at 95 %.
    ``params``: one row per parameter that differs. ``added`` and ``removed`` features are those of the second.
    ``nights``: dates that each scored, by the number of the version. ``duel`` is missing where no rows judged both;
    ``judged`` says which did, or why none.
    """

    first: Version
    second: Version
    metrics: pd.DataFrame
    params: pd.DataFrame
    added: tuple[str, ...]
    removed: tuple[str, ...]
    nights: dict[str, list[date]]
    paired: PairedComparison | None
    compared_on: str


def compare(tracking: Tracking, runs: pd.DataFrame, model: str, first: str | None, second: str | None) -> Comparison:
    """The comparison of two versions; of the champion and the latest other one, where none are named.

    ``runs`` are those of the scoring table. Raises ``TrackingError`` for a version that there is not, or where there
    are no two.
    """
    pair = _pair(tracking, model, first, second)
    one, two = (tracking.details(model, number) for number in pair)
    found, judged = _duel(one, two)
    return Comparison(
        first=one.version,
        second=two.version,
        metrics=_metrics(one.metrics, two.metrics),
        params=_differing(one.params, two.params),
        added=tuple(name for name in two.features if name not in one.features),
        removed=tuple(name for name in one.features if name not in two.features),
        nights={number: nights(runs, tracking.company, model, number) for number in pair},
        paired=found,
        compared_on=judged,
    )


def nights(runs: pd.DataFrame, company: str, model: str, number: str) -> list[date]:
    """Dates that a version scored, and readers saw, oldest first; kept for ever, whatever became of the rows."""
    seen = runs[(runs["company"] == company) & runs["status"].isin(SCORED) & runs["model_versions"].notna()]
    told = zip(seen["as_of"], seen["model_versions"], strict=True)
    return sorted({day for day, versions in told if json.loads(versions).get(model) == number})


def _pair(tracking: Tracking, model: str, first: str | None, second: str | None) -> tuple[str, str]:
    there = tracking.versions(model)
    if first is not None and second is not None:
        numbers = (_number(first), _number(second))
        return tracking.version(model, numbers[0]).number, tracking.version(model, numbers[1]).number
    if len(there) < 2:
        raise TrackingError(
            f"{model} has {len(there)} version{'s' if len(there) != 1 else ''}; two are needed to compare",
            where=f"{tracking.name(model)} in {tracking.uri}",
            remedy="train a challenger: gelir train",
        )
    if first is not None:
        named = tracking.version(model, _number(first)).number
    else:
        named = next((version.number for version in there if version.champion), there[1].number)
    other = next(version.number for version in there if version.number != named)
    return (named, other) if first is not None or int(named) < int(other) else (other, named)


def _number(said: str) -> str:
    """The number of a version as people write it: 3 or v3."""
    return said.removeprefix("v")


def _metrics(first: Mapping[str, float], second: Mapping[str, float]) -> pd.DataFrame:
    names = [name for name in dict.fromkeys([*second, *first]) if not _is_bound(name, {**first, **second})]
    rows = []
    for name in sorted(names):
        row: dict[str, object] = {"metric": name}
        for place, metrics in (("first", first), ("second", second)):
            row[place] = metrics.get(name)
            row |= {f"{place}_{side}": metrics.get(f"{name} {side}") for side in ("low", "high")}
        rows.append(row)
    return pd.DataFrame(rows)


def _is_bound(name: str, every: Iterable[str]) -> bool:
    return any(name == f"{metric} {side}" for metric in every for side in ("low", "high"))


def _differing(first: Mapping[str, str], second: Mapping[str, str]) -> pd.DataFrame:
    names = sorted({*first, *second})
    rows = [(name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)]
    return pd.DataFrame(rows, columns=["parameter", "first", "second"])


def _duel(one: VersionDetails, two: VersionDetails) -> tuple[PairedComparison | None, str]:
    """The paired difference on rows that judged both, and which these are."""
    before, after = f"v{one.version.number}", f"v{two.version.number}"
    if _same_window(one, two):
        pair, judged = (one.losses["challenger"], two.losses["challenger"]), ALIKE
    elif before in two.losses:
        pair, judged = (two.losses[before], two.losses["challenger"]), f"the rows that judged {after} when it was made"
    elif after in one.losses:
        pair, judged = (one.losses["challenger"], one.losses[after]), f"the rows that judged {before} when it was made"
    else:
        return None, "they were never judged on the same rows: gelir train judges champions beside a challenger"
    losses = [np.asarray(each, dtype=np.float64) for each in pair]
    if np.isnan(losses[0] + losses[1]).all():
        return None, "one of them has learnt from every row on which both were judged"
    return compare_losses(losses[0], losses[1]), judged


def _same_window(one: VersionDetails, two: VersionDetails) -> bool:
    made = [(each.version.trained_as_of, each.version.provenance.data_hash, len(each.losses)) for each in (one, two)]
    return made[0] == made[1] and bool(made[0][1]) and bool(made[0][2])
