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
    SUBSCRIPTION_SCORES,
    UPSELL_SCORES,
    conform,
)
from features.company import Company
from models import MODELS
from models.model import Abstention, Model
from models.scores import (
    Outcome,
    account_scores,
    contact_scores,
    labelled,
    opportunity_scores,
    subscription_scores,
    upsell_scores,
)
from models.tracking import Tracking


def score_one(model: Model, company: Company, learnt: Step, tracking: Tracking, draft: Draft) -> None:
    """Write a model's own frames, and ``outcome``: one row that says who scored (``label``) or why nobody did."""
    result = learnt.frame("result").iloc[0]
    label: str | None = None
    why: str | None = None
    if pd.notna(result["abstained"]):
        why = str(result["abstained"])
    else:
        champion = tracking.load(model.name, str(result["version"]))
        scored = model.score(company, champion)
        if isinstance(scored, Abstention):
            why = scored.why
        else:
            label = champion.label
            for name, frame in scored.items():
                draft.write(name, frame)
    draft.write("outcome", pd.DataFrame({"model": [model.name], "label": [label], "why": [why]}, dtype="string"))


def gather(company: Company, known: Step, learnt: Sequence[Step], scored: Sequence[Step], draft: Draft) -> None:
    """Write the scores of accounts, subscriptions, new products, contacts and deals, ``recommendations``,
    ``revenue_forecast`` and ``model_results``, as ``data.scoring`` defines them. ``known`` holds today's features,
    ``learnt`` who scores, ``scored`` what they said, one step per model of ``MODELS``.
    """
    frames = {name: step.frame(name) for step in scored for name in step.tables if name != "outcome"}
    told = pd.concat([step.frame("outcome") for step in scored], ignore_index=True).set_index("model")
    told = told.astype(object).where(told.notna(), None)
    said = {str(name): Outcome(label, why) for name, label, why in told[["label", "why"]].itertuples()}
    outcomes = {name: said[model.name] for model in MODELS for name in (model.name, *model.tables)}
    results = pd.concat([step.frame("result") for step in learnt], ignore_index=True)
    results["abstained"] = results["model"].map(told["why"])
    written = {
        ACCOUNT_SCORES: account_scores(company, known.frame("accounts"), frames, outcomes),
        SUBSCRIPTION_SCORES: subscription_scores(company, frames, outcomes),
        UPSELL_SCORES: upsell_scores(company, frames, outcomes),
        CONTACT_SCORES: contact_scores(company, known.frame("contacts"), frames, outcomes),
        OPPORTUNITY_SCORES: opportunity_scores(company, known.frame("opportunities"), frames, outcomes),
        RECOMMENDATIONS: labelled(frames.get("recommendations"), outcomes["recommendations"]),
        REVENUE_FORECAST: labelled(frames.get("revenue_forecast"), outcomes["revenue_forecast"]),
        MODEL_RESULTS: results,
    }
    for table, rows in written.items():
        draft.write(table.name, conform(rows, table))
