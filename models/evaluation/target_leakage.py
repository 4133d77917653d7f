"""Finds columns of a table that are written with or after the outcome (target leakage), from values alone.

Four signs, the surest first, each against what the remaining columns predict together out of fold (see
``find_target_leakage``). Kinds of leak: Kaufman, Rosset and Perlich (2012), "Leakage in data mining".
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.statistics import auc, mean_gain
from models.evaluation.leakage_table import LeakageTable
from models.evaluation.metrics import log_losses
from models.evaluation.time_splits import minority_count

MIN_LEAKAGE_ROWS = 100
"""With fewer rows of either outcome nothing is found."""
MAX_LEAKAGE_ROWS = 10_000
MAX_IMPURITY, MIN_SURPRISE = 0.005, 0.1
"""One outcome only: at most this fraction of the other outcome, and predictions of the others this far from it."""
MIN_VALUE_ROWS, MIN_VALUE_FRACTION = 50, 0.005
PLAUSIBLE_AUC = 0.85
"""Seldom exceeded where people decide later: churn, bookings, replies to offers, deals."""
MAX_ERROR_RATIO, MAX_ERROR_RATIO_FILLED = 0.5, 0.85
"""1 − AUC with a column over that without it: suspicious below; the second for columns that only some rows have."""
MIN_LEAKAGE_Z = 3.0
"""By which a gain in log loss per row must exceed 0."""
MAX_SUSPECTS = 8
"""Columns of the largest importance; one of small importance cannot halve the error."""
PARTLY_FILLED = (0.05, 0.95)
MIN_SAME_ROWS = 0.99
MIN_KAPPA, MIN_SHARED_VALUES = 0.5, 4
"""A copy: agreement beyond chance (Cohen's kappa), and frequent values that both columns have."""
MIN_RATE_GAP = 0.1
"""Between outcome rates where copies differ and where they agree, at the same value."""


@dataclass(frozen=True)
class Finding:
    """Columns that leak the outcome, the sign that they showed, and the evidence as a sentence."""

    columns: tuple[str, ...]
    sign: str
    reason: str


def find_target_leakage(
    table: pd.DataFrame, outcome: Floats, *, trusted: Collection[str] = (), seed: int = 0
) -> tuple[Finding, ...]:
    """The findings, in the order of the search; empty with fewer than ``MIN_LEAKAGE_ROWS`` rows of an outcome.

    One row of ``table`` per case; ``outcome`` is 0 or 1 for each; columns of ``trusted`` are never named. Larger tables
    are sampled to ``MAX_LEAKAGE_ROWS``. The signs:

    1. one outcome only: a value, or being filled or empty at all, that (nearly) no row of the other outcome shares,
       where the other columns predict a mixture;
    2. more than all others: a column that alone halves the error that all others together leave;
    3. filled in for some: columns that the same part of the rows has, and that reduce the error there by much;
    4. a later copy: two columns that mostly agree, where their disagreement predicts the outcome. Both are named.

    Notes: signs 2 and 3 need an AUC above ``PLAUSIBLE_AUC``; a strong honest column of a very predictable outcome may
    still be named, and a late column of little skill is not found. Raises ``ValueError`` for unequal lengths or unknown
    ``trusted`` columns.
    """
    if len(table) != len(outcome):
        raise ValueError(f"table has {len(table)} rows and outcome {len(outcome)}: give one outcome for each row")
    unknown = sorted(set(trusted) - set(table.columns))
    if unknown:
        raise ValueError(f"trusted names no columns of the table: {unknown[:5]}; it has {list(table.columns)[:20]}")
    if minority_count(outcome) < MIN_LEAKAGE_ROWS:
        return ()
    rng = np.random.default_rng(seed)
    if len(table) > MAX_LEAKAGE_ROWS:
        sample = np.sort(rng.choice(len(table), MAX_LEAKAGE_ROWS, replace=False))
        table, outcome = table.iloc[sample], outcome[sample]
    remaining = LeakageTable.encode(table.reset_index(drop=True), np.asarray(outcome, dtype=np.float64), seed)
    findings: list[Finding] = []
    while (finding := next(_signs(remaining, frozenset(trusted)), None)) is not None:
        findings.append(finding)
        remaining = remaining.without(finding.columns)
    return tuple(findings)


def _signs(sample: LeakageTable, trusted: frozenset[str]) -> Iterator[Finding]:
    """Findings, the surest sign first."""
    probabilities, importance = sample.predict()
    ranked = sorted(importance, key=lambda name: -importance[name])[:MAX_SUSPECTS]
    yield from _one_outcome(sample, [name for name in sample.columns if name not in trusted])
    yield from _more_than_others(sample, [name for name in ranked if name not in trusted], probabilities)
    yield from _filled_for_some(sample, trusted)
    yield from _later_copies(sample, trusted)


def _one_outcome(sample: LeakageTable, columns: list[str]) -> Iterator[Finding]:
    min_rows = max(MIN_VALUE_ROWS, MIN_VALUE_FRACTION * len(sample.outcome))
    pure = {
        name: [
            rows
            for rows in sample.frequent_values(name)
            if rows.sum() >= min_rows and _impurity(sample.outcome[rows]) <= MAX_IMPURITY
        ]
        for name in columns
    }
    suspects = [name for name in columns if pure[name]]
    if not suspects:
        return
    others = sample.without(suspects).predict()[0]  # of two copies neither may explain the other
    for name in suspects:
        for rows in pure[name]:
            rate, expected = float(sample.outcome[rows].mean()), float(others[rows].mean())
            if abs(expected - rate) < MIN_SURPRISE:
                continue
            values = sample.table.loc[rows, name]
            value = "empty" if values.isna().all() else str(values.mode().iloc[0])
            yield Finding(
                (name,),
                "one outcome only",
                f"{int(rows.sum())} rows with {value!r}: {rate:.1%} have the outcome, where the other columns expect"
                f" {expected:.0%}",
            )
            break


def _impurity(outcome: Floats) -> float:
    return float(min(outcome.mean(), 1 - outcome.mean()))


def _more_than_others(sample: LeakageTable, suspects: list[str], probabilities: Floats) -> Iterator[Finding]:
    auc_with = auc(probabilities, sample.outcome)
    if auc_with < PLAUSIBLE_AUC:
        return
    auc_without: dict[str, float] = {}
    for name in suspects:
        others = sample.without([name]).predict()[0]
        if _is_better(probabilities, others, sample.outcome):
            auc_without[name] = auc(others, sample.outcome)
    for name in sorted(auc_without, key=lambda name: auc_without[name]):
        ratio = _error_ratio(auc_with, auc_without[name])
        if ratio < MAX_ERROR_RATIO:
            yield Finding(
                (name,),
                "more than all others",
                f"alone takes away {1 - ratio:.0%} of the error that all other columns together leave"
                f" (AUC {auc_with:.3f} with it, {auc_without[name]:.3f} without)",
            )


def _filled_for_some(sample: LeakageTable, trusted: frozenset[str]) -> Iterator[Finding]:
    findings: list[tuple[float, Finding]] = []
    for block in _blocks(sample):
        names = tuple(name for name in block if name not in trusted)
        filled = sample.numbers[block[0]].notna().to_numpy()
        filled_rows = sample.where(filled)
        if not names or filled_rows.n_minority < MIN_LEAKAGE_ROWS:
            continue
        probabilities, others = filled_rows.predict()[0], filled_rows.without(names).predict()[0]
        auc_with, auc_without = auc(probabilities, filled_rows.outcome), auc(others, filled_rows.outcome)
        ratio = _error_ratio(auc_with, auc_without)
        suspicious = auc_with >= PLAUSIBLE_AUC and ratio < MAX_ERROR_RATIO_FILLED
        if suspicious and _is_better(probabilities, others, filled_rows.outcome):
            reason = (
                f"filled in {filled.mean():.0%} of rows, where it takes away {1 - ratio:.0%} of the error that all"
                f" other columns leave (AUC {auc_with:.3f} with it, {auc_without:.3f} without)"
            )
            findings.append((ratio, Finding(names, "filled in for some", reason)))
    yield from (finding for _, finding in sorted(findings, key=lambda pair: pair[0]))


def _blocks(sample: LeakageTable) -> list[list[str]]:
    """Columns that only some rows have, grouped by those that are filled in the same rows."""
    filled = sample.numbers.notna()
    blocks: list[list[str]] = []
    for name in sample.columns:
        if not PARTLY_FILLED[0] <= filled[name].mean() <= PARTLY_FILLED[1]:
            continue
        for block in blocks:
            if (filled[name] == filled[block[0]]).mean() >= MIN_SAME_ROWS:
                block.append(name)
                break
        else:
            blocks.append([name])
    return blocks


def _later_copies(sample: LeakageTable, trusted: frozenset[str]) -> Iterator[Finding]:
    texts = [name for name in sample.categories if sample.table[name].nunique() >= MIN_SHARED_VALUES]
    for first, second in combinations(texts, 2):
        names = tuple(name for name in (first, second) if name not in trusted)
        reason = _copy_evidence(sample, first, second) if names else None
        if reason is not None:
            yield Finding(names, "a later copy", reason)


def _copy_evidence(sample: LeakageTable, first: str, second: str) -> str | None:
    """Why two columns are copies of which one was written over with the outcome; ``None`` if they are not."""
    both = (sample.table[first].notna() & sample.table[second].notna()).to_numpy()
    values, other_values = (sample.table.loc[both, name].astype(str) for name in (first, second))
    agree = (values == other_values).to_numpy()
    if not _are_copies(values, other_values, float(agree.mean())):
        return None
    cases = pd.DataFrame({"value": values.to_numpy(), "agree": agree, "outcome": sample.outcome[both]})
    rates = cases.groupby(["value", "agree"])["outcome"].agg(["mean", "size"]).unstack("agree").dropna()
    if rates.empty:
        return None
    weight = np.minimum(rates["size"][True], rates["size"][False])
    gap = float(((rates["mean"][True] - rates["mean"][False]) * weight).sum() / weight.sum())
    error = float(np.sqrt(0.25 / max(weight.sum(), 1.0) * 2))
    if abs(gap) < max(MIN_RATE_GAP, MIN_LEAKAGE_Z * error):
        return None
    return (
        f"{first!r} and {second!r} are the same in {agree.mean():.0%} of rows; where they differ, the outcome is"
        f" {abs(gap):.0%} {'rarer' if gap > 0 else 'more frequent'} at the same value"
    )


def _are_copies(values: pd.Series, other_values: pd.Series, agreement: float) -> bool:
    """Whether two columns share frequent values and agree beyond chance (Cohen's kappa)."""
    shares, other_shares = (side.value_counts(normalize=True) for side in (values, other_values))
    shared = shares.index.intersection(other_shares.index)
    frequent = (shares[shared] >= MIN_VALUE_FRACTION) & (other_shares[shared] >= MIN_VALUE_FRACTION)
    if frequent.sum() < MIN_SHARED_VALUES:
        return False
    chance = float((shares[shared] * other_shares[shared]).sum())
    return (agreement - chance) / max(1 - chance, 1e-9) >= MIN_KAPPA


def _is_better(probabilities: Floats, others: Floats, outcome: Floats) -> bool:
    gain = mean_gain(log_losses(others, outcome), log_losses(probabilities, outcome))
    return gain.exceeds(MIN_LEAKAGE_Z)


def _error_ratio(auc_with: float, auc_without: float) -> float:
    return (1 - auc_with) / max(1 - auc_without, 1e-9)
