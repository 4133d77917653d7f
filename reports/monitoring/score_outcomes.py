"""Past scores against their outcomes, by month and model version: the scoreboard, and reliability by decile."""

from collections.abc import Iterator
from datetime import date, timedelta

import pandas as pd

from data.outputs.conform import conform
from data.outputs.report_tables import RELIABILITY, SCOREBOARD
from features.company import Company
from features.labels.score_outcomes import OUTCOMES, SETTLEMENT_DAYS, score_outcomes
from reports.monitoring.score_metrics import N_DECILES, ScoredRows

MIN_MATCHED = 30
"""Matched scores of one month and version below which it is left out."""


def match_outcomes(company: Company, past_scores: pd.DataFrame) -> pd.DataFrame:
    """One row per past score (``data.store.score_ledger``) with a closed window: the score, its ``outcome`` (NaN if it
    cannot be known) and ``new``, whether it was matched only now. Scores that are not in ``OUTCOMES`` are left out."""
    known = {outcome.score for outcome in OUTCOMES}
    settled = company.as_of - timedelta(days=SETTLEMENT_DAYS)
    closed = past_scores[(past_scores["closes_on"] <= settled) & past_scores["score"].isin(known)]
    is_new = closed["outcome_as_of"].isna()
    matched = [closed[~is_new].assign(new=False)]
    for _, rows in closed[is_new].groupby(["score", "horizon_days"], sort=True):
        score, horizon_days = str(rows["score"].iloc[0]), int(rows["horizon_days"].iloc[0])
        outcomes = score_outcomes(company, score, horizon_days, rows.drop(columns="outcome"))
        matched.append(outcomes.assign(new=True))
    return pd.concat(matched, ignore_index=True)


def scoreboard(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """``data.outputs.report_tables.SCOREBOARD``: one row per score, month in which it was given, and model version."""
    rows = [
        {
            **name,
            "nights": part["as_of"].nunique(),
            "matched": len(part),
            **ScoredRows.from_rows(part, kind, seed).metrics(),
        }
        for name, kind, part in _by_version(matched)
    ]
    return conform(pd.DataFrame(rows, columns=list(SCOREBOARD.by_name)), SCOREBOARD)


def reliability(matched: pd.DataFrame, seed: int) -> pd.DataFrame:
    """``data.outputs.report_tables.RELIABILITY``: one row per score, month, version and decile of the scores."""
    frames = [
        pd.concat([pd.DataFrame([name] * N_DECILES), ScoredRows.from_rows(part, kind, seed).by_decile()], axis=1)
        for name, kind, part in _by_version(matched)
    ]
    return conform(pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), RELIABILITY)


def _by_version(matched: pd.DataFrame) -> Iterator[tuple[dict[str, object], str, pd.DataFrame]]:
    """The names, kind and ordered rows of each score, month and version with at least ``MIN_MATCHED`` outcomes."""
    kinds = {outcome.score: outcome.kind for outcome in OUTCOMES}
    known = matched[matched["outcome"].notna()]
    months = known["as_of"].map(lambda day: date(day.year, day.month, 1))
    for (score, month, model), rows in known.groupby([known["score"], months, known["model"]], sort=True):
        if len(rows) >= MIN_MATCHED:
            ordered = rows.sort_values(["value", "key", "as_of"], ignore_index=True)
            yield {"score": score, "month": month, "model": model}, kinds[str(score)], ordered
