"""Drift: where daily flows, the inputs of models and their scores stand against what was usual.

Three questions, each with the reference that answers it. Flows are new every day, so that a change shows at once
(``reports.monitoring.control_limits``). Inputs and scores are snapshots of the same customers, nearly equal from night to night: a test of
each feature each night would cry wolf with the first season, so that their shift is told, and only what is beyond doubt
is drift: an input that came to be missing, scores that moved wholesale from one kept night to the next.
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
from reports.monitoring.control_limits import Band, reading

BINS = 10
SHIFTED = 0.25
"""A population stability index beyond which scorecards are usually rebuilt (Siddiqi 2006)."""
BY_CHANCE = 0.001
"""Two samples of one population exceed what is allowed for chance in so many cases."""
MISSING_MORE = 0.2
"""An input is gone when its share of missing values rose by so much, and by more than chance."""
FEWEST = 50
"""With fewer rows on either side, nothing is said of a shift."""
RECENT_DAYS = 35
"""Scores are set against a kept night at most so old."""

INPUTS = {
    "accounts": (ACCOUNT_FEATURES, ACCOUNT_CATEGORIES),
    "opportunities": (OPPORTUNITY_FEATURES, OPPORTUNITY_CATEGORIES),
}


def flow_drift(bands: Sequence[Band]) -> pd.DataFrame:
    """One row per flow: its furthest window as of tonight."""
    rows = []
    for found in bands:
        last = reading(found)
        if last is not None:
            rows.append(
                {
                    "kind": "volume",
                    "name": found.daily.metric.name,
                    "description": found.daily.metric.description,
                    "since": last.since,
                    "until": last.until,
                    "value": round(last.came, 2),
                    "expected": round(last.expected, 2),
                    "low": round(last.low, 2),
                    "high": round(last.high, 2),
                    "z_score": round(last.deviations, 2),
                    "reference": "the eight weeks before, weekdays as in the last year",
                    "drifted": bool(found.outside[-1]),
                }
            )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def input_drift(now: dict[str, pd.DataFrame], before: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per input of the models of accounts and deals, against the same inputs a quarter before."""
    rows = []
    for table, (numbers, categories) in INPUTS.items():
        if table not in before or min(len(now[table]), len(before[table])) < FEWEST:
            continue
        for feature in (*numbers, *categories):
            new, old = now[table][feature.name], before[table][feature.name]
            missing, was = float(new.isna().mean()), float(old.isna().mean())
            error = np.sqrt(max(was * (1 - was), 0.01) * (1 / len(new) + 1 / len(old)))
            rows.append(
                {
                    "kind": "input",
                    "name": f"{table}.{feature.name}",
                    "description": feature.says,
                    "until": now[table]["as_of"].max(),
                    "psi": round(stability(new, old), 4),
                    "missing_rate": round(missing, 4),
                    "reference_missing_rate": round(was, 4),
                    "reference": f"the same on {pd.Timestamp(before[table]['as_of'].max()):%Y-%m-%d}",
                    "drifted": missing - was > max(MISSING_MORE, 5 * error),
                }
            )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def score_drift(told: pd.DataFrame, said: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """One row per score: tonight's (``told``) against those of the latest kept night before (of ``said``)."""
    rows = []
    latest = said["as_of"].max() if len(said) else date.min
    recent = said[(said["as_of"] == latest) & ((as_of - latest).days <= RECENT_DAYS)]
    for score, new in told.groupby("score", sort=True):
        old = recent[recent["score"] == score]
        if min(len(new), len(old)) < FEWEST:
            continue
        shift, limit = stability(new["value"], old["value"]), allowed(len(new), len(old))
        makers = [" and ".join(sorted(set(part["model"]))) for part in (new, old)]
        remade = "" if makers[0] == makers[1] else f", by {makers[1]}; tonight by {makers[0]}"
        rows.append(
            {
                "kind": "score",
                "name": score,
                "description": f"scores of {makers[0]}",
                "until": as_of,
                "value": round(float(new["value"].mean()), 4),
                "expected": round(float(old["value"].mean()), 4),
                "psi": round(shift, 4),
                "high": round(limit, 4),
                "missing_rate": 0.0,
                "reference_missing_rate": 0.0,
                "reference": f"the night of {old['as_of'].max()}{remade}",
                "drifted": shift > limit,
            }
        )
    return conform(pd.DataFrame(rows, columns=list(DRIFT.by_name)), DRIFT)


def stability(new: pd.Series, old: pd.Series) -> float:
    """The population stability index of two samples: numbers in tenths of the old one, texts each apart, the missing
    apart; half a row stands where none lies. 0 where both are spread alike."""
    counts_new, counts_old = _counts(new, old)
    shares = [(counts + 0.5) / (counts + 0.5).sum() for counts in (counts_new, counts_old)]
    return float(((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum())


def allowed(new: int, old: int) -> float:
    """The index that means a shift, for samples of these sizes: chance alone makes (bins − 1) · (1/new + 1/old)."""
    return SHIFTED + float(chi2.ppf(1 - BY_CHANCE, BINS - 1)) * (1 / new + 1 / old)


def _counts(new: pd.Series, old: pd.Series) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How many rows of each sample lie in each bin, the missing in the last."""
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
