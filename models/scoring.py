"""The scores of a night: every champion scores, and what readers see is put together."""

from collections.abc import Sequence

import pandas as pd

from data.lake import Draft, Step
from data.scoring import (
    ACCOUNT_SCORES,
    CONTACT_SCORES,
    MODEL_RESULTS,
    OPPORTUNITY_SCORES,
    RECOMMENDATIONS,
    REVENUE_FORECAST,
    conform,
)
from features.company import Company
from models import MODELS
from models.model import Abstention, Model
from models.scores import Outcome, account_scores, contact_scores, labelled, opportunity_scores
from models.tracking import Tracking


def score(company: Company, known: Step, learnt: Sequence[Step], tracking: Tracking, draft: Draft) -> None:
    """Write ``account_scores``, ``contact_scores``, ``opportunity_scores``, ``recommendations``, ``revenue_forecast``
    and ``model_results``, as ``data.scoring`` defines them. ``known`` holds today's features, ``learnt`` who scores.
    """
    results = pd.concat([step.frame("result") for step in learnt], ignore_index=True)
    frames: dict[str, pd.DataFrame] = {}
    outcomes: dict[str, Outcome] = {}
    for model in MODELS:
        result = results[results["model"] == model.name].iloc[0]
        outcome, scored = _score_one(model, company, result, tracking)
        outcomes |= dict.fromkeys((model.name, *model.tables), outcome)
        frames |= scored
        if isinstance(outcome, Abstention):
            results.loc[results["model"] == model.name, "abstained"] = outcome.why
    written = {
        ACCOUNT_SCORES: account_scores(company, frames, outcomes),
        CONTACT_SCORES: contact_scores(company, known.frame("contacts"), frames, outcomes),
        OPPORTUNITY_SCORES: opportunity_scores(company, known.frame("opportunities"), frames, outcomes),
        RECOMMENDATIONS: labelled(frames.get("recommendations"), outcomes["recommendations"]),
        REVENUE_FORECAST: labelled(frames.get("revenue_forecast"), outcomes["revenue_forecast"]),
        MODEL_RESULTS: results,
    }
    for table, rows in written.items():
        draft.write(table.name, conform(rows, table))


def _score_one(
    model: Model, company: Company, result: pd.Series, tracking: Tracking
) -> tuple[Outcome, dict[str, pd.DataFrame]]:
    if pd.notna(result["abstained"]):
        return Abstention(model.name, str(result["abstained"])), {}
    champion = tracking.load(model.name, str(result["version"]))
    scored = model.score(company, champion)
    return (scored, {}) if isinstance(scored, Abstention) else (champion, scored)
