"""Compares two versions of a model: parameters, features, metrics, and losses on the same rows."""

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

SAME_TEST = "evaluated on the same date and data"
SCORED = ("published", "retired")
"""Statuses of runs whose scores were visible to readers."""


@dataclass(frozen=True)
class Comparison:
    """Two versions side by side.

    ``metrics``: one row per metric, ``first, first_low, first_high, second, second_low, second_high``, bounds at 95 %.
    ``params``: one row per parameter that differs. ``added`` and ``removed`` features are those of the second.
    ``nights``: dates that each scored, by version number. ``paired`` is ``None`` if no test rows are common;
    ``compared_on`` names the common rows, or the reason why there are none.
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
    """The comparison of two versions; of the champion and the latest other one if none is named.

    ``runs`` are those of the scoring database. Raises ``TrackingError`` for a missing version, or fewer than two.
    """
    pair = _pair(tracking, model, first, second)
    details, other = (tracking.details(model, number) for number in pair)
    paired, compared_on = _compare_losses(details, other)
    return Comparison(
        first=details.version,
        second=other.version,
        metrics=_metrics(details.metrics, other.metrics),
        params=_differing(details.params, other.params),
        added=tuple(name for name in other.features if name not in details.features),
        removed=tuple(name for name in details.features if name not in other.features),
        nights={number: nights(runs, tracking.company, model, number) for number in pair},
        paired=paired,
        compared_on=compared_on,
    )


def nights(runs: pd.DataFrame, company: str, model: str, number: str) -> list[date]:
    """Dates that a version scored in published runs, oldest first; recorded even where the rows were deleted since."""
    visible = runs[(runs["company"] == company) & runs["status"].isin(SCORED) & runs["model_versions"].notna()]
    dates = zip(visible["as_of"], visible["model_versions"], strict=True)
    return sorted({day for day, versions in dates if json.loads(versions).get(model) == number})


def _pair(tracking: Tracking, model: str, first: str | None, second: str | None) -> tuple[str, str]:
    versions = tracking.versions(model)
    if first is not None and second is not None:
        numbers = (_number(first), _number(second))
        return tracking.version(model, numbers[0]).number, tracking.version(model, numbers[1]).number
    if len(versions) < 2:
        raise TrackingError(
            f"{model} has {len(versions)} version{'s' if len(versions) != 1 else ''}; two are needed to compare",
            where=f"{tracking.name(model)} in {tracking.uri}",
            remedy="train a challenger: gelir train",
        )
    if first is not None:
        named = tracking.version(model, _number(first)).number
    else:
        named = next((version.number for version in versions if version.champion), versions[1].number)
    other = next(version.number for version in versions if version.number != named)
    return (named, other) if first is not None or int(named) < int(other) else (other, named)


def _number(version: str) -> str:
    """The number of a version that is written as 3 or v3."""
    return version.removeprefix("v")


def _metrics(first: Mapping[str, float], second: Mapping[str, float]) -> pd.DataFrame:
    names = [name for name in dict.fromkeys([*second, *first]) if not _is_bound(name, {**first, **second})]
    rows = []
    for name in sorted(names):
        row: dict[str, object] = {"metric": name}
        for column, metrics in (("first", first), ("second", second)):
            row[column] = metrics.get(name)
            row |= {f"{column}_{side}": metrics.get(f"{name} {side}") for side in ("low", "high")}
        rows.append(row)
    return pd.DataFrame(rows)


def _is_bound(name: str, metrics: Iterable[str]) -> bool:
    return any(name == f"{metric} {side}" for metric in metrics for side in ("low", "high"))


def _differing(first: Mapping[str, str], second: Mapping[str, str]) -> pd.DataFrame:
    names = sorted({*first, *second})
    rows = [(name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)]
    return pd.DataFrame(rows, columns=["parameter", "first", "second"])


def _compare_losses(first: VersionDetails, second: VersionDetails) -> tuple[PairedComparison | None, str]:
    """The paired comparison on common test rows, and which these are; ``None`` and the reason without such rows."""
    first_name, second_name = f"v{first.version.number}", f"v{second.version.number}"
    if _same_test_rows(first, second):
        pair, rows = (first.losses["challenger"], second.losses["challenger"]), SAME_TEST
    elif first_name in second.losses:
        pair, rows = (second.losses[first_name], second.losses["challenger"]), f"the test rows of {second_name}"
    elif second_name in first.losses:
        pair, rows = (first.losses["challenger"], first.losses[second_name]), f"the test rows of {first_name}"
    else:
        return None, "they were never evaluated on the same rows: gelir train evaluates champions with a challenger"
    losses = [np.asarray(values, dtype=np.float64) for values in pair]
    if np.isnan(losses[0] + losses[1]).all():
        return None, "one of them was trained on every row on which both were evaluated"
    return compare_losses(losses[0], losses[1]), rows


def _same_test_rows(first: VersionDetails, second: VersionDetails) -> bool:
    date_and_data = [
        (details.version.trained_as_of, details.version.provenance.data_hash, len(details.losses))
        for details in (first, second)
    ]
    return date_and_data[0] == date_and_data[1] and bool(date_and_data[0][1]) and bool(date_and_data[0][2])
