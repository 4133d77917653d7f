"""Guard of training against target leakage: features that are written with or after the outcome are left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.profile import UNDATED_COLUMNS
from models.evaluation.target_leakage import find_target_leakage
from models.model import Champion

NO_LEAKS = "none"


@dataclass(frozen=True)
class LeakageGuard:
    """Features that leak the outcome, each with the reason; they are empty in every row that the model reads."""

    reasons: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def inspect(
        cls, cases: pd.DataFrame, outcomes: Floats, seed: int, same_column: Sequence[Sequence[str]] = ()
    ) -> "LeakageGuard":
        """The guard after a search for leaks (``find_target_leakage``).

        ``cases``: the features, as the model reads them, of one row per case whose outcome (0 or 1) is known.
        ``same_column``: groups of features that are derived from one column. The first is examined for all of its
        group, as the others would explain what it leaks, and the group is left out together.
        """
        derived = [name for group in same_column for name in group[1:]]
        group_of = {group[0]: tuple(group) for group in same_column}
        findings = find_target_leakage(cases.drop(columns=derived), outcomes, seed=seed)
        return cls(
            {
                name: f"{finding.sign}: {finding.reason}"
                for finding in findings
                for column in finding.columns
                for name in group_of.get(column, (column,))
            }
        )

    @classmethod
    def inspect_undated(
        cls, rows: pd.DataFrame, outcomes: Floats, case: str, features: Sequence[str], seed: int
    ) -> "LeakageGuard":
        """The guard after a search for leaks among the ``UNDATED_COLUMNS`` of accounts; other features are trusted.

        ``rows``: one per case (named by the column ``case``) and past date, the earliest first, with ``outcomes`` (0 or
        1). A case is examined by its first row, and has the outcome if any of its rows has: an undated column may have
        been written with the last of them.
        """
        by_case = pd.Series(outcomes, index=rows.index).groupby(rows[case]).transform("max")
        first = ~rows.duplicated(case)
        trusted = [name for name in features if name not in UNDATED_COLUMNS]
        findings = find_target_leakage(
            rows.loc[first, list(features)], by_case[first].to_numpy(dtype=np.float64), trusted=trusted, seed=seed
        )
        return cls({name: f"{finding.sign}: {finding.reason}" for finding in findings for name in finding.columns})

    @classmethod
    def of_champion(cls, champion: Champion) -> "LeakageGuard":
        """The guard that a champion was trained with."""
        return cls.from_state(champion.state.get("excluded_features"))

    @classmethod
    def from_state(cls, state: Mapping[str, str] | None) -> "LeakageGuard":
        """The guard with the ``reasons`` of a champion's state (``excluded_features``); ``None`` excludes nothing."""
        return cls(dict(state or {}))

    def exclude(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows with every leaking feature empty."""
        if not self.reasons:
            return rows
        empty = {
            name: float("nan") if pd.api.types.is_numeric_dtype(rows[name]) else pd.Series(None, rows.index, object)
            for name in self.reasons
        }
        return rows.assign(**empty)

    @property
    def summary(self) -> str:
        """The excluded features with their reasons, as parameters and verdicts show them."""
        return "; ".join(f"{name} ({reason})" for name, reason in self.reasons.items()) or NO_LEAKS
