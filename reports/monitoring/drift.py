"""Drift of daily volumes, of the inputs of models and of their scores, each against its own reference.

Volumes are new every day, so a change shows at once. Inputs and scores are of the same customers night after night: a
test of each feature would fire with every season, so only a missing input or a large shift counts as drift.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2

from data.outputs.conform import conform
from data.outputs.report_tables import DRIFT
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES
from reports.monitoring.control_limits import ControlLimits, furthest_window

BINS = 10
MAX_SHIFT = 0.25
"""A population stability index beyond which scorecards are usually rebuilt (Siddiqi 2006)."""
FALSE_ALARM_RATE = 0.001
"""Share of pairs of samples of one population that exceed the allowance for chance."""
MAX_MISSING_INCREASE = 0.2
"""An input drifts if its missing rate rose by more than this, and by ``MISSING_ERRORS`` standard errors."""
MISSING_ERRORS = 5
MIN_ROWS = 50
"""Rows of either sample below which no shift is measured."""
MAX_REFERENCE_DAYS = 35
"""Largest age of the kept night with which scores are compared."""

INPUTS = {
    "accounts": (ACCOUNT_FEATURES, ACCOUNT_CATEGORIES),
    "opportunities": (OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES),
}


def volume_drift(limits: Sequence[ControlLimits]) -> pd.DataFrame:
    """``data.outputs.report_tables.DRIFT``: one row per daily volume, its most unusual window up to the last day."""
    rows = []
    for volume_limits in limits:
        last = furthest_window(volume_limits)
        if last is not None:
            rows.append(
                {
                    "kind": "volume",
                    "name": volume_limits.volume.metric.name,
                    "description": volume_limits.volume.metric.description,
                    "since": last.since,
                    "until": last.until,
                    "value": round(last.observed, 2),
                    "expected": round(last.expected, 2),
                    "low": round(last.low, 2),
                    "high": round(last.high, 2),
                    "z_score": round(last.z, 2),
                    "reference": "the eight weeks before, weekdays as in the last year",
                    "drifted": bool(volume_limits.outside[-1]),
                }
            )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def input_drift(now: dict[str, pd.DataFrame], before: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """``DRIFT``: one row per feature of accounts and deals, against the feature a quarter before (``before``)."""
    rows = []
    for table, (numbers, categories) in INPUTS.items():
        if table not in before or min(len(now[table]), len(before[table])) < MIN_ROWS:
            continue
        for feature in (*numbers, *categories):
            new, old = now[table][feature.name], before[table][feature.name]
            missing, reference = float(new.isna().mean()), float(old.isna().mean())
            error = np.sqrt(max(reference * (1 - reference), 0.01) * (1 / len(new) + 1 / len(old)))
            rows.append(
                {
                    "kind": "input",
                    "name": f"{table}.{feature.name}",
                    "description": feature.description,
                    "until": now[table]["as_of"].max(),
                    "psi": round(population_stability(new, old), 4),
                    "missing_rate": round(missing, 4),
                    "reference_missing_rate": round(reference, 4),
                    "reference": f"the same on {pd.Timestamp(before[table]['as_of'].max()):%Y-%m-%d}",
                    "drifted": missing - reference > max(MAX_MISSING_INCREASE, MISSING_ERRORS * error),
                }
            )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def score_drift(scores: pd.DataFrame, past_scores: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """``DRIFT``: one row per score, against the latest kept night of ``past_scores``."""
    rows = []
    latest = past_scores["as_of"].max() if len(past_scores) else date.min
    recent = past_scores[(past_scores["as_of"] == latest) & ((as_of - latest).days <= MAX_REFERENCE_DAYS)]
    for score, new in scores.groupby("score", sort=True):
        old = recent[recent["score"] == score]
        if min(len(new), len(old)) < MIN_ROWS:
            continue
        shift, limit = population_stability(new["value"], old["value"]), max_stability(len(new), len(old))
        models = [" and ".join(sorted(set(part["model"]))) for part in (new, old)]
        change = "" if models[0] == models[1] else f", by {models[1]}; this run by {models[0]}"
        rows.append(
            {
                "kind": "score",
                "name": score,
                "description": f"scores of {models[0]}",
                "until": as_of,
                "value": round(float(new["value"].mean()), 4),
                "expected": round(float(old["value"].mean()), 4),
                "psi": round(shift, 4),
                "high": round(limit, 4),
                "missing_rate": 0.0,
                "reference_missing_rate": 0.0,
                "reference": f"the night of {old['as_of'].max()}{change}",
                "drifted": shift > limit,
            }
        )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def population_stability(new: pd.Series, old: pd.Series) -> float:
    """The population stability index of two samples, Σ (p − q) ln(p / q) over bins; 0 for equal distributions.

    Bins are the deciles of the old sample, or its distinct texts, and missing values; half a row is added to each.
    """
    counts_new, counts_old = _counts(new, old)
    shares = [(counts + 0.5) / (counts + 0.5).sum() for counts in (counts_new, counts_old)]
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def max_stability(new: int, old: int) -> float:
    """The index above which samples of these sizes have shifted: ``MAX_SHIFT`` beyond chance.

    Of two samples of one population it is about χ²(bins − 1) · (1/new + 1/old) (Yurdakul 2018).
    """
    return MAX_SHIFT + float(chi2.ppf(1 - FALSE_ALARM_RATE, BINS - 1)) * (1 / new + 1 / old)


def _counts(new: pd.Series, old: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows of each sample in each bin, missing values in the last."""
    if pd.api.types.is_numeric_dtype(old):
        values = [side.to_numpy(dtype=np.float64, na_value=np.nan) for side in (new, old)]
        known = values[1][~np.isnan(values[1])]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)
        bins = [np.where(np.isnan(side), len(edges) + 1, np.searchsorted(edges, side)) for side in values]
        size = len(edges) + 2
    else:
        codes, names = pd.factorize(pd.concat([new, old], ignore_index=True), sort=True)
        codes = np.where(codes < 0, len(names), codes)
        bins, size = [codes[: len(new)], codes[len(new) :]], len(names) + 1
    first, second = (np.bincount(side.astype(np.int64), minlength=size).astype(np.float64) for side in bins)
    return first, second
