"""The scores of a night: every champion scores, and what readers see is put together."""

from collections.abc import Sequence

import pandas as pd

from data.errors import TrackingError
from data.lake import Draft, Step
from data.outputs.conform import conform
from data.outputs.score_tables import (
    ACCOUNT_SCORES,
    CONTACT_SCORES,
    MODEL_RESULTS,
    OPPORTUNITY_SCORES,
    RECOMMENDATIONS,
    REVENUE_FORECAST,
    SUBSCRIPTION_SCORES,
    UPSELL_SCORES,
)
from features.company import Company
from features.revenue.forecast_formula import PREVIOUS_SUFFIX, FORECAST_MODELS
from models.model import Abstention, Model
from models.registry import MODELS
from models.revenue.assembly import assemble_forecast
from models.scoring.score_tables import (
    Outcome,
    account_scores,
    contact_scores,
    labelled,
    opportunity_scores,
    subscription_scores,
    upsell_scores,
)
from models.training.tracking import Tracking


def score_one(
    model: Model, company: Company, learnt: Step, tracking: Tracking, draft: Draft, version_before: str | None = None
) -> None:
    """Write a model's own frames, and ``outcome``: one row that says who scored (``label``) or why nobody did, and
    whether what the number is compared with can be told of tonight (``again``).

    Where the number is made of the model's frames and another version made the number that tonight's is compared with
    (``version_before``), that version's frames too, so that the bridge can tell what the change of model did. None can
    be told where that version is gone, or none scored then and one does now.
    """
    result = learnt.frame("result").iloc[0]
    version = str(result["version"]) if pd.notna(result["version"]) else None
    label: str | None = None
    why: str | None = None
    if pd.notna(result["abstained"]) or version is None:
        why = str(result["abstained"])
    else:
        champion = tracking.load(model.name, version)
        scored = model.score(company, champion)
        if isinstance(scored, Abstention):
            why = scored.reason
        else:
            label = champion.label
            for name, frame in scored.items():
                draft.write(name, frame)
    again = model.name not in FORECAST_MODELS or version_before == version
    if not again and version_before is not None:
        frames = _as_before(model, company, tracking, version_before)
        again = bool(frames)
        for name, frame in frames.items():
            draft.write(f"{name}{PREVIOUS_SUFFIX}", frame)
    told = pd.DataFrame({"model": [model.name], "label": [label], "why": [why]}, dtype="string")
    draft.write("outcome", told.assign(again=again))


def _as_before(model: Model, company: Company, tracking: Tracking, version: str) -> dict[str, pd.DataFrame]:
    """What an earlier version says of tonight; nothing where it is gone, or was made on other features."""
    try:
        earlier = tracking.load(model.name, version)
    except TrackingError:
        return {}
    if earlier.features_hash != model.features_hash or earlier.trained_as_of > company.as_of:
        return {}
    scored = model.score(company, earlier)
    return {} if isinstance(scored, Abstention) else scored


def gather(company: Company, known: Step, learnt: Sequence[Step], scored: Sequence[Step], draft: Draft) -> None:
    """Write the scores of accounts, subscriptions, new products, contacts and deals, ``recommendations``,
    ``revenue_forecast`` and ``model_results``, as ``data.outputs.catalogue`` defines them; and what the number is made of, for
    its bridge: ``forecast_line_items`` and ``forecast_drivers`` (``models.revenue.assembly``), those of the earlier versions' scores as
    well where all of these can be told. ``known`` holds today's features, ``learnt`` who scores, ``scored`` what they
    said, one step per model.
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
        REVENUE_FORECAST: _number(company, frames, bool(told["again"].all()), draft),
        MODEL_RESULTS: results,
    }
    for table, rows in written.items():
        draft.write(table.name, conform(rows, table))


def _number(company: Company, frames: dict[str, pd.DataFrame], again: bool, draft: Draft) -> pd.DataFrame:
    """The revenue forecast; what it is made of is written, and by the earlier versions where all can tell it
    (``again``). No rows where nobody foresees anything."""
    if "top_down_forecasts" not in frames:
        return pd.DataFrame()
    told = assemble_forecast(company, frames)
    draft.write("forecast_line_items", told.line_items)
    draft.write("forecast_drivers", told.drivers)
    earlier = {name.removesuffix(PREVIOUS_SUFFIX): frame for name, frame in frames.items() if name.endswith(PREVIOUS_SUFFIX)}
    if earlier and again:
        last = assemble_forecast(company, {**frames, **earlier})
        draft.write(f"forecast_line_items{PREVIOUS_SUFFIX}", last.line_items)
        draft.write(f"forecast_drivers{PREVIOUS_SUFFIX}", last.drivers)
    return told.forecast
