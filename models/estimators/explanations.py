"""Why a row has its score: the features that moved it most, in words, with their value and what is usual.

The shares are LightGBM's own ``pred_contrib`` (Shapley values of the trees): they add up to the raw score.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.feature import Feature
from models.estimators.gradient_boosting import Encoding

MOST = 3
WORTH_TELLING = 0.05
"""A smaller share of the raw score (log-odds, or log of money) is no reason."""

IN_WORDS = {"season": "The time of the year"}
"""Units whose numbers mean nothing to people: all features of such a unit are told as one."""


@dataclass(frozen=True)
class Voice:
    """How a score speaks: "raises the risk of leaving", "lowers …"; and the currency of money."""

    raises: str
    lowers: str
    currency: str


def reasons(
    booster: lgb.Booster,
    encoding: Encoding,
    rows: pd.DataFrame,
    features: Sequence[Feature],
    usual: dict[str, Any],
    voice: Voice,
    same: Mapping[str, str] = MappingProxyType({}),
    scale: float = 1.0,
    known_before: Mapping[str, "np.ndarray[Any, Any]"] = MappingProxyType({}),
) -> list[list[str]]:
    """At most three sentences per row, the weightiest first. ``usual`` is what ``middle`` gave; ``same`` names columns
    that say in other words what a feature does: their shares are the feature's. Of the trees so much is believed as
    ``scale`` says; ``known_before`` are shares of features in where the trees began.

    Features of one family say nearly the same, so they speak once: their shares add up, and the one of them that moved
    the row most in their common direction is told. A change is told with both its sides.

    What is encoded and is none of the ``features`` is no reason, nor is a value that is as usual, as people would read
    it, or of which nothing is known.
    """
    known = {feature.name for feature in features}
    shares = np.asarray(booster.predict(encoding.encode(rows), pred_contrib=True))[:, :-1] * scale
    told = {name: share for name, share in zip(encoding.columns, shares.T, strict=True) if name in known}
    for other, name in same.items():
        told[name] = told[name] + shares[:, encoding.columns.index(other)]
    for name, share in known_before.items():
        told[name] = told[name] + share
    return sentences(told, rows, features, usual, voice)


def sentences(
    shares: Mapping[str, "np.ndarray[Any, Any]"],
    rows: pd.DataFrame,
    features: Sequence[Feature],
    usual: dict[str, Any],
    voice: Voice,
) -> list[list[str]]:
    """What ``reasons`` says, of shares of a raw score that are known already: one array per feature."""
    known = {feature.name: feature for feature in features}
    columns = [known[name] for name in shares]
    table = np.column_stack(list(shares.values())) if shares else np.zeros((len(rows), 0))
    values = rows[list(shares)].to_dict("records")
    order = np.argsort(-np.abs(table), axis=1, kind="stable")
    return [_sentences(columns, table[row], order[row], values[row], usual, voice) for row in range(len(rows))]


def as_json(sentences: Sequence[Sequence[str]]) -> list[str]:
    """JSON lists, as the ``reasons`` columns hold them."""
    return [json.dumps(list(row), ensure_ascii=False) for row in sentences]


def middle(rows: pd.DataFrame, features: Sequence[Feature]) -> dict[str, float | None]:
    """The usual value of each number: the middle of those known, rounded to four digits; ``None`` where it is usually
    absent (of most rows, and the feature has words for that) or never known.
    """
    numbers = rows[[feature.name for feature in features]]
    medians, missing = numbers.median(), numbers.isna().mean()
    absent = {feature.name for feature in features if feature.absent and missing[feature.name] > 0.5}
    return {
        str(name): None if np.isnan(value) or name in absent else float(f"{value:.4g}")
        for name, value in medians.items()
    }


def _sentences(
    columns: Sequence[Feature],
    shares: "np.ndarray[Any, Any]",
    order: "np.ndarray[Any, Any]",
    values: dict[Any, Any],
    usual: dict[str, Any],
    voice: Voice,
) -> list[str]:
    families: dict[str, list[int]] = defaultdict(list)
    for place in order:
        feature = columns[place]
        families[feature.unit if feature.unit in IN_WORDS else feature.family].append(int(place))
    totals = {name: float(shares[places].sum()) for name, places in families.items()}
    changes = {feature.change.of: feature for feature in columns if feature.change}
    told: list[str] = []
    for name in sorted(totals, key=lambda name: -abs(totals[name])):
        if abs(totals[name]) < WORTH_TELLING or len(told) == MOST:
            break
        for place in families[name]:
            feature = columns[place]
            if shares[place] * totals[name] <= 0 or (abs(shares[place]) < WORTH_TELLING and name not in IN_WORDS):
                continue
            said = _moved(feature, changes, values, usual, totals[name], voice)
            said = said or _sentence(feature, values[feature.name], usual.get(feature.name), totals[name], voice)
            if said is not None:
                told.append(said)
                break
    return told


def _moved(
    feature: Feature,
    changes: dict[str, Feature],
    values: dict[Any, Any],
    usual: dict[str, Any],
    share: float,
    voice: Voice,
) -> str | None:
    """Both sides of a change, for the change itself and for a value that moved further from what is usual."""
    change = feature if feature.change else changes.get(feature.name)
    if change is None or change.change is None:
        return None
    now, moved = values.get(change.change.of), values.get(change.name)
    if now is None or moved is None or pd.isna(now) or pd.isna(moved):
        return None
    if change is not feature:
        normal = usual.get(feature.name)
        if normal is None or (now - normal) * moved <= 0:
            return None
    before, after = (_number(float(v), feature.unit, voice.currency) for v in (now - moved, now))
    if before == after:
        return None
    verb = "fell" if moved < 0 else "rose"
    effect = voice.raises if share > 0 else voice.lowers
    return f"{_capital(change.change.what)} {verb} from {before} to {after} {change.change.within}, which {effect}"


def _sentence(feature: Feature, value: Any, usual: Any, share: float, voice: Voice) -> str | None:
    """What a person would say of the value; ``None`` where nothing is known, or all is as usual."""
    effect = voice.raises if share > 0 else voice.lowers
    if feature.unit in IN_WORDS:
        return f"{IN_WORDS[feature.unit]} {effect}"
    if feature.change:
        return None
    says = _capital(feature.says)
    if feature.unit == "category":
        return f"{says} {value} {effect}" if isinstance(value, str) else None
    if pd.isna(value):
        return f"{_capital(feature.absent)}, which {effect}" if feature.absent and usual is not None else None
    shown = _number(float(value), feature.unit, voice.currency)
    normal = feature.absent if usual is None else _number(float(usual), feature.unit, voice.currency)
    if shown == normal:
        return None
    return f"{says}: {shown} (usually {normal}) {effect}" if normal else f"{says}: {shown} {effect}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _number(value: float, unit: str, currency: str) -> str:
    if unit == "money":
        return f"{value:,.0f} {currency}"
    if unit == "share":
        return f"{value:.0%}"
    if unit == "ratio":
        return f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")
