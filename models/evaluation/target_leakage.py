"""Columns of a table that are written once the outcome is known: found in the values alone, never by name.

A table without dates cannot be replayed, so four signs are looked for, the strongest first, each on what the columns
that are left can tell together (trees, judged on rows they have not seen):

1. *one outcome only*: a value, or being filled or empty at all, that (nearly) no row of the other outcome shares, where
   the other columns expect a mixture;
2. *more than all others*: a column that alone takes away half of the error that all others together leave;
3. *filled in for some*: a column, or several that are filled in the same rows, which only some rows have, and which
   where they have it takes away much of the error: a grade that somebody gave who had seen the case;
4. *a later copy*: two columns that mostly say the same, where their differing tells the outcome: one of them was
   written over as the case went on. Which of the two cannot be told, so both are named.

Signs 2 and 3 are held against a column only where skill is beyond what forecasts of people's decisions have
(``PLAUSIBLE``); a strong honest column of a very predictable outcome may be named all the same, so every finding has
its reason, for a person to overrule (``trusted``). What is written late and tells little is not found.
The kinds of leak: Kaufman, Rosset, Perlich (2012), "Leakage in data mining".
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from data.arrays import Floats
from models.evaluation.metrics import auc, log_losses

FEWEST_OF_EACH = 100
"""Rows of each outcome below which nothing can be proven, and nothing is named."""
MOST_ROWS = 10_000
PURE, EXPECTED, FEWEST_OF_VALUE, SHARE_OF_VALUE = 0.005, 0.1, 50, 0.005
"""One outcome only: at most this share of the other one, where at least so much was expected, in so many rows."""
PLAUSIBLE = 0.85
"""An AUC that is seldom surpassed where people decide later: churn, bookings, replies to offers, deals."""
HALF, MUCH = 0.5, 0.85
"""The error (1 − AUC) with a column over that without it: below it, too much. ``MUCH`` where some rows lack it."""
SURE = 3.0
"""Standard errors by which a gain (of log loss, row by row) must exceed nothing."""
SUSPECTS = 8
"""Columns with the largest part in the trees; one with a small part cannot halve the error."""
SOME = (0.05, 0.95)
SAME_ROWS = 0.99
ALIKE, FEWEST_SHARED = 0.5, 4
"""A copy: agreement beyond chance (Cohen's kappa), and values that both columns have."""
TELLS = 0.1
"""Shares of the outcome where copies differ and where they agree are this far apart, whatever the value."""

FOLDS = 3
PARAMS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.1,
    "min_data_in_leaf": 20,
    "cat_smooth": 20.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
TREES = 60
RARE = 5
"""Values of text in fewer rows are told as one."""


@dataclass(frozen=True)
class Finding:
    """Columns that tell the outcome because they are written with or after it, and the sign that gave them away."""

    columns: tuple[str, ...]
    sign: str
    why: str


def hindsight(
    table: pd.DataFrame, outcome: Floats, *, trusted: Collection[str] = (), seed: int = 0
) -> tuple[Finding, ...]:
    """The findings, in the order in which they were made; none where fewer than ``FEWEST_OF_EACH`` show an outcome.

    One row of ``table`` per case, as it stands today; ``outcome`` is 0 or 1 for each. Columns of ``trusted`` are never
    named. Large tables are judged on a sample.
    """
    if len(table) != len(outcome):
        raise ValueError(f"table has {len(table)} rows and outcome {len(outcome)}: give one outcome for each row")
    strange = sorted(set(trusted) - set(table.columns))
    if strange:
        raise ValueError(f"trusted names no columns of the table: {strange[:5]}; it has {list(table.columns)[:20]}")
    if min(outcome.sum(), len(outcome) - outcome.sum()) < FEWEST_OF_EACH:
        return ()
    rng = np.random.default_rng(seed)
    if len(table) > MOST_ROWS:
        sample = np.sort(rng.choice(len(table), MOST_ROWS, replace=False))
        table, outcome = table.iloc[sample], outcome[sample]
    case = _Case.of(table.reset_index(drop=True), np.asarray(outcome, dtype=np.float64), seed)
    found: list[Finding] = []
    while True:
        finding = next(_signs(case, frozenset(trusted)), None)
        if finding is None:
            return tuple(found)
        found.append(finding)
        case = case.without(finding.columns)


@dataclass(frozen=True)
class _Case:
    """The columns still believed: as they are, as numbers, and which of them hold categories."""

    table: pd.DataFrame
    numbers: pd.DataFrame
    categories: tuple[str, ...]
    outcome: Floats
    seed: int

    @classmethod
    def of(cls, table: pd.DataFrame, outcome: Floats, seed: int) -> "_Case":
        table = table.loc[:, table.nunique(dropna=False) > 1]
        texts = tuple(
            str(name)
            for name in table
            if not pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_datetime64_any_dtype(table[name])
        )
        columns = {str(name): _coded(table[name], str(name) in texts) for name in table}
        return cls(table, pd.DataFrame(columns), texts, outcome, seed)

    def without(self, columns: Collection[str]) -> "_Case":
        gone = list(columns)
        texts = tuple(name for name in self.categories if name not in gone)
        return _Case(self.table.drop(columns=gone), self.numbers.drop(columns=gone), texts, self.outcome, self.seed)

    def within(self, rows: NDArray[np.bool_]) -> "_Case":
        table, numbers = (frame[rows].reset_index(drop=True) for frame in (self.table, self.numbers))
        return _Case(table, numbers, self.categories, self.outcome[rows], self.seed)

    @property
    def columns(self) -> list[str]:
        return [str(name) for name in self.numbers]

    def said(self) -> tuple[Floats, dict[str, float]]:
        """Out-of-fold chances of what the columns tell together, and each one's part in the trees."""
        chances = np.full(len(self.outcome), self.outcome.mean())
        parts = np.zeros(len(self.columns))
        if not self.columns:
            return chances, {}
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=self.seed)
        for learnt, judged in folds.split(self.numbers, self.outcome):
            data = lgb.Dataset(
                self.numbers.iloc[learnt],
                self.outcome[learnt],
                categorical_feature=list(self.categories),
                params={"verbosity": -1},
            )
            booster = lgb.train({**PARAMS, "seed": self.seed}, data, num_boost_round=TREES)
            chances[judged] = booster.predict(self.numbers.iloc[judged])
            parts += booster.feature_importance("gain")
        return chances, dict(zip(self.columns, parts.tolist(), strict=True))

    def both(self) -> bool:
        events = self.outcome.sum()
        return bool(min(events, len(self.outcome) - events) >= FEWEST_OF_EACH)


def _signs(case: _Case, trusted: frozenset[str]) -> Iterator[Finding]:
    """What gives columns away, the surest sign first."""
    said, parts = case.said()
    suspects = [name for name in sorted(parts, key=lambda name: -parts[name])[:SUSPECTS] if name not in trusted]
    yield from _one_outcome(case, [name for name in case.columns if name not in trusted])
    yield from _more_than_others(case, suspects, said)
    yield from _filled_for_some(case, trusted)
    yield from _copies(case, trusted)


def _one_outcome(case: _Case, columns: list[str]) -> Iterator[Finding]:
    fewest = max(FEWEST_OF_VALUE, SHARE_OF_VALUE * len(case.outcome))
    pure = {
        name: [rows for rows in _values(case, name) if rows.sum() >= fewest and _purity(case.outcome[rows]) <= PURE]
        for name in columns
    }
    suspected = [name for name in columns if pure[name]]
    if not suspected:
        return
    others = case.without(suspected).said()[0]  # of two that say the same, none may vouch for the other
    for name in suspected:
        for rows in pure[name]:
            share = float(case.outcome[rows].mean())
            expected = float(others[rows].mean())
            if abs(expected - share) < EXPECTED:
                continue
            empty = bool(case.table.loc[rows, name].isna().all())
            value = "empty" if empty else str(case.table.loc[rows, name].mode().iloc[0])
            yield Finding(
                (name,),
                "one outcome only",
                f"{int(rows.sum())} rows with {value!r}: {share:.1%} have the outcome, where the other columns expect"
                f" {expected:.0%}",
            )
            break


def _values(case: _Case, name: str) -> Iterator[NDArray[np.bool_]]:
    """Rows of each frequent value of a column, of no value, and of any."""
    column = case.numbers[name]
    empty = column.isna().to_numpy()
    if empty.any():
        yield empty
        yield ~empty
    if name in case.categories or column.nunique() <= 50:
        for value in column.dropna().unique():
            yield (column == value).to_numpy()
    elif (column == 0).any():
        yield (column != 0).to_numpy() & ~empty


def _purity(outcome: Floats) -> float:
    return float(min(outcome.mean(), 1 - outcome.mean()))


def _more_than_others(case: _Case, suspects: list[str], said: Floats) -> Iterator[Finding]:
    skill = auc(said, case.outcome)
    if skill < PLAUSIBLE:
        return
    ratios = {}
    for name in suspects:
        others = case.without([name]).said()[0]
        if _surely_better(said, others, case.outcome):
            ratios[name] = (1 - skill) / max(1 - auc(others, case.outcome), 1e-9)
    for name in sorted(ratios, key=lambda name: ratios[name]):
        if ratios[name] < HALF:
            yield Finding(
                (name,),
                "more than all others",
                f"alone takes away {1 - ratios[name]:.0%} of the error that all other columns together leave"
                f" (AUC {skill:.3f} with it, {1 - (1 - skill) / ratios[name]:.3f} without)",
            )


def _filled_for_some(case: _Case, trusted: frozenset[str]) -> Iterator[Finding]:
    told: list[tuple[float, Finding]] = []
    for block in _blocks(case):
        names = tuple(name for name in block if name not in trusted)
        filled = case.numbers[block[0]].notna().to_numpy()
        part = case.within(filled)
        if not names or not part.both():
            continue
        said, others = part.said()[0], part.without(names).said()[0]
        skill, left = auc(said, part.outcome), auc(others, part.outcome)
        ratio = (1 - skill) / max(1 - left, 1e-9)
        if skill >= PLAUSIBLE and ratio < MUCH and _surely_better(said, others, part.outcome):
            why = (
                f"filled in {filled.mean():.0%} of rows, where it takes away {1 - ratio:.0%} of the error that all"
                f" other columns leave (AUC {skill:.3f} with it, {left:.3f} without)"
            )
            told.append((ratio, Finding(names, "filled in for some", why)))
    yield from (finding for _, finding in sorted(told, key=lambda each: each[0]))


def _blocks(case: _Case) -> list[list[str]]:
    """Columns that only some rows have, those together that are filled in the same rows."""
    filled = case.numbers.notna()
    blocks: list[list[str]] = []
    for name in case.columns:
        if not SOME[0] <= filled[name].mean() <= SOME[1]:
            continue
        for block in blocks:
            if (filled[name] == filled[block[0]]).mean() >= SAME_ROWS:
                block.append(name)
                break
        else:
            blocks.append([name])
    return blocks


def _copies(case: _Case, trusted: frozenset[str]) -> Iterator[Finding]:
    texts = [name for name in case.categories if case.table[name].nunique() >= FEWEST_SHARED]
    for place, one in enumerate(texts):
        for other in texts[place + 1 :]:
            names = tuple(name for name in (one, other) if name not in trusted)
            finding = _copy(case, one, other, names) if names else None
            if finding is not None:
                yield finding


def _copy(case: _Case, one: str, other: str, names: tuple[str, ...]) -> Finding | None:
    both = (case.table[one].notna() & case.table[other].notna()).to_numpy()
    first, second = (case.table.loc[both, name].astype(str) for name in (one, other))
    shares = [side.value_counts(normalize=True) for side in (first, second)]
    shared = shares[0].index.intersection(shares[1].index)
    if sum((shares[0][shared] >= SHARE_OF_VALUE) & (shares[1][shared] >= SHARE_OF_VALUE)) < FEWEST_SHARED:
        return None
    same = (first == second).to_numpy()
    chance = float((shares[0][shared] * shares[1][shared]).sum())
    if (same.mean() - chance) / max(1 - chance, 1e-9) < ALIKE:
        return None
    outcome = case.outcome[both]
    groups = pd.DataFrame({"value": first.to_numpy(), "same": same, "outcome": outcome})
    counts = groups.groupby(["value", "same"])["outcome"].agg(["mean", "size"]).unstack("same").dropna()
    if counts.empty:
        return None
    weight = np.minimum(counts["size"][True], counts["size"][False])
    gap = counts["mean"][True] - counts["mean"][False]
    apart = float((gap * weight).sum() / weight.sum())
    error = float(np.sqrt(0.25 / max(weight.sum(), 1.0) * 2))
    if abs(apart) < max(TELLS, SURE * error):
        return None
    return Finding(
        names,
        "a later copy",
        f"{one!r} and {other!r} are the same in {same.mean():.0%} of rows; where they differ, the outcome is"
        f" {abs(apart):.0%} {'rarer' if apart > 0 else 'more frequent'} at the same value",
    )


def _surely_better(said: Floats, others: Floats, outcome: Floats) -> bool:
    gains = log_losses(others, outcome) - log_losses(said, outcome)
    return bool(gains.mean() > SURE * gains.std() / np.sqrt(len(gains)))


def _coded(column: pd.Series, text: bool) -> Floats:
    """A column as numbers, NaN where empty: a text's values by their order, rare ones as one."""
    if not text:
        if pd.api.types.is_datetime64_any_dtype(column):
            seconds = column.to_numpy(dtype="datetime64[s]").astype(np.float64)
            return np.asarray(np.where(column.isna(), np.nan, seconds), dtype=np.float64)
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = column.astype(object).where(column.notna()).map(str, na_action="ignore")
    counts = values.value_counts()
    known = {value: float(code) for code, value in enumerate(sorted(counts.index[counts >= RARE]))}
    codes = values.map(known).to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isnan(codes) & values.notna().to_numpy(), float(len(known)), codes)
