"""Reasons of a score: the features that moved it most, as sentences with their value and a typical one."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from features.feature import Feature
from models.estimators.gradient_boosting import Encoding

if TYPE_CHECKING:
    import lightgbm as lgb

MAX_REASONS = 3
MIN_CONTRIBUTION = 0.05
"""A smaller contribution to the raw score (log-odds, or log of money) is no reason."""

UNIT_SENTENCES = {"season": "The time of the year"}
"""Units whose numbers mean nothing to people: features of such a unit share one sentence."""


@dataclass(frozen=True)
class Phrasing:
    """How the effect on a score is worded ("raises the risk of leaving", "lowers …"), and the currency of money."""

    raises: str
    lowers: str
    currency: str

    def effect(self, contribution: float) -> str:
        """The wording for a contribution's sign."""
        return self.raises if contribution > 0 else self.lowers


@dataclass(frozen=True)
class Explainer:
    """Turns contributions of features into sentences. ``typical``: what ``typical_values`` returned in training."""

    features: tuple[Feature, ...]
    typical: Mapping[str, Any]
    phrasing: Phrasing

    def explain(self, contributions: Mapping[str, Floats], rows: pd.DataFrame) -> list[list[str]]:
        """At most ``MAX_REASONS`` sentences per row, the largest contribution first.

        ``contributions``: by column, to the raw score of each row; columns that are no feature give no reason.
        Contributions of one family add up, and the family's largest feature in their common direction is named. A
        value that reads like the typical one, or is unknown, is no reason. A change is given with both its sides.
        """
        by_name = {feature.name: feature for feature in self.features}
        named = {name: values for name, values in contributions.items() if name in by_name}
        columns = [by_name[name] for name in named]
        table = np.column_stack(list(named.values())) if named else np.zeros((len(rows), 0))
        values = rows[list(named)].to_dict("records")
        order = np.argsort(-np.abs(table), axis=1, kind="stable")
        return [self._sentences(columns, table[row], order[row], values[row]) for row in range(len(rows))]

    def _sentences(
        self, columns: Sequence[Feature], contributions: Floats, order: Ints, values: dict[Any, Any]
    ) -> list[str]:
        families: dict[str, list[int]] = defaultdict(list)
        for i in order:
            unit, family = columns[i].unit, columns[i].family
            families[unit if unit in UNIT_SENTENCES else family].append(int(i))
        totals = {name: float(contributions[indices].sum()) for name, indices in families.items()}
        sentences: list[str] = []
        for name in sorted(totals, key=lambda name: -abs(totals[name])):
            if abs(totals[name]) < MIN_CONTRIBUTION or len(sentences) == MAX_REASONS:
                break
            for i in families[name]:
                small = abs(contributions[i]) < MIN_CONTRIBUTION and name not in UNIT_SENTENCES
                if contributions[i] * totals[name] <= 0 or small:
                    continue
                effect = self.phrasing.effect(totals[name])
                sentence = self._change(columns[i], values, effect) or self._value(columns[i], values, effect)
                if sentence is not None:
                    sentences.append(sentence)
                    break
        return sentences

    @cached_property
    def _changes(self) -> dict[str, Feature]:
        """The feature that measures the change of another, by the other's name."""
        return {feature.change.of: feature for feature in self.features if feature.change}

    def _change(self, feature: Feature, values: dict[Any, Any], effect: str) -> str | None:
        """Both sides of a change, for the change itself and for a value that moved away from its typical one."""
        measure = feature if feature.change else self._changes.get(feature.name)
        if measure is None or measure.change is None:
            return None
        now, change = values.get(measure.change.of), values.get(measure.name)
        if now is None or change is None or pd.isna(now) or pd.isna(change):
            return None
        if measure is not feature:
            typical = self.typical.get(feature.name)
            if typical is None or (now - typical) * change <= 0:
                return None
        before, after = (self._number(float(value), feature.unit) for value in (now - change, now))
        if before == after:
            return None
        verb = "fell" if change < 0 else "rose"
        what = _capitalize(measure.change.what)
        return f"{what} {verb} from {before} to {after} {measure.change.within}, which {effect}"

    def _value(self, feature: Feature, values: dict[Any, Any], effect: str) -> str | None:
        """The value with the typical one; ``None`` if it is unknown, or both read the same."""
        if feature.unit in UNIT_SENTENCES:
            return f"{UNIT_SENTENCES[feature.unit]} {effect}"
        if feature.change:
            return None
        value, typical = values[feature.name], self.typical.get(feature.name)
        description = _capitalize(feature.description)
        if feature.unit == "category":
            return f"{description} {value} {effect}" if isinstance(value, str) else None
        if pd.isna(value):
            has_reason = feature.absent and typical is not None
            return f"{_capitalize(str(feature.absent))}, which {effect}" if has_reason else None
        shown = self._number(float(value), feature.unit)
        typical_text = feature.absent if typical is None else self._number(float(typical), feature.unit)
        if shown == typical_text:
            return None
        return (
            f"{description}: {shown} (usually {typical_text}) {effect}"
            if typical_text
            else f"{description}: {shown} {effect}"
        )

    def _number(self, value: float, unit: str) -> str:
        if unit == "money":
            return f"{value:,.0f} {self.phrasing.currency}"
        if unit == "share":
            return f"{value:.0%}"
        if unit == "ratio":
            return f"{value:.2g}" if abs(value) < 100 else f"{value:,.0f}"
        return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")


def tree_contributions(
    booster: "lgb.Booster",
    encoding: Encoding,
    rows: pd.DataFrame,
    scale: float = 1.0,
    counted_as: Mapping[str, str] = MappingProxyType({}),
    offsets: Mapping[str, Floats] = MappingProxyType({}),
) -> dict[str, Floats]:
    """Contributions to the raw score by column, one per row: LightGBM's ``pred_contrib`` (Shapley values), times
    ``scale``.

    ``counted_as``: columns whose contributions are added to another's, which they restate. ``offsets``: contributions
    of columns to the score from which the trees were fitted, added unscaled.
    """
    shapley = np.asarray(booster.predict(encoding.encode(rows), pred_contrib=True))[:, :-1] * scale
    contributions = dict(zip(encoding.columns, shapley.T, strict=True))
    for column, name in counted_as.items():
        contributions[name] = contributions[name] + shapley[:, encoding.columns.index(column)]
    for name, offset in offsets.items():
        contributions[name] = contributions[name] + offset
    return contributions


def as_json(sentences: Sequence[Sequence[str]]) -> list[str]:
    """JSON lists, as the ``reasons`` columns hold them."""
    return [json.dumps(list(row), ensure_ascii=False) for row in sentences]


def typical_values(rows: pd.DataFrame, features: Sequence[Feature]) -> dict[str, float | None]:
    """The median of each numeric feature, to four digits; ``None`` if never known, or if most rows lack it and the
    feature has words for that."""
    numbers = rows[[feature.name for feature in features]]
    medians, missing = numbers.median(), numbers.isna().mean()
    absent = {feature.name for feature in features if feature.absent and missing[feature.name] > 0.5}
    return {
        str(name): None if np.isnan(value) or name in absent else float(f"{value:.4g}")
        for name, value in medians.items()
    }


def _capitalize(text: str) -> str:
    return text[0].upper() + text[1:]
