"""Scoring: every champion scores, and the frames are assembled into the published tables."""

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
from features.revenue.forecast_formula import FORECAST_MODELS, PREVIOUS_SUFFIX
from models.model import Abstention, Model
from models.registry import MODELS
from models.revenue.assembly import assemble_forecast
from models.scoring.score_tables import (
    ScoringResult,
    account_scores,
    contact_scores,
    opportunity_scores,
    subscription_scores,
    upsell_scores,
    with_model_label,
)
from models.training.tracking import Tracking


def score_model(
    model: Model, company: Company, training: Step, tracking: Tracking, draft: Draft, version_before: str | None = None
) -> None:
    """Write a model's own frames, and ``scoring_result``: one row (``model, label, reason, comparable``).

    ``label`` names the maker of the scores, ``reason`` says why there are none. For the models of the revenue forecast
    the frames of the version of the previous forecast (``version_before``) are written too, so that the bridge can show
    the effect of a changed model. ``comparable`` is false if that version can no longer score.
    """
    result = _score_champion(model, company, training, tracking, draft)
    comparable = model.name not in FORECAST_MODELS or version_before == _version(training)
    if not comparable and version_before is not None:
        previous = _score_version(model, company, tracking, version_before)
        comparable = bool(previous)
        for name, frame in previous.items():
            draft.write(f"{name}{PREVIOUS_SUFFIX}", frame)
    row = {"model": [model.name], "label": [result.label], "reason": [result.reason]}
    draft.write("scoring_result", pd.DataFrame(row, dtype="string").assign(comparable=comparable))


def _version(training: Step) -> str | None:
    """The version that scores; ``None`` if the model abstains."""
    version = training.frame("result").iloc[0]["version"]
    return str(version) if pd.notna(version) else None


def _score_champion(model: Model, company: Company, training: Step, tracking: Tracking, draft: Draft) -> ScoringResult:
    """Write the champion's frames, unless the model abstains."""
    abstained, version = training.frame("result").iloc[0]["abstained"], _version(training)
    if pd.notna(abstained) or version is None:
        return ScoringResult(None, str(abstained))
    champion = tracking.load(model.name, version)
    scores = model.score(company, champion)
    if isinstance(scores, Abstention):
        return ScoringResult(None, scores.reason)
    for name, frame in scores.items():
        draft.write(name, frame)
    return ScoringResult(champion.label, None)


def _score_version(model: Model, company: Company, tracking: Tracking, version: str) -> dict[str, pd.DataFrame]:
    """The frames of an earlier version; empty if it is missing or may not score this date."""
    try:
        earlier = tracking.load(model.name, version)
    except TrackingError:
        return {}
    if earlier.features_hash != model.features_hash or earlier.trained_as_of > company.as_of:
        return {}
    scores = model.score(company, earlier)
    return {} if isinstance(scores, Abstention) else scores


def assemble_scores(
    company: Company, features: Step, trained: Sequence[Step], scored: Sequence[Step], draft: Draft
) -> None:
    """Write the score tables, ``recommendations``, ``revenue_forecast`` and ``model_results`` (``data.outputs``).

    For the bridge of the revenue forecast also ``forecast_line_items`` and ``forecast_drivers``, and those by the
    versions of the previous forecast if all of them can score. ``features``: today's; ``trained`` and ``scored``: one
    step per model.
    """
    frames = {name: step.frame(name) for step in scored for name in step.tables if name != "scoring_result"}
    table = pd.concat([step.frame("scoring_result") for step in scored], ignore_index=True).set_index("model")
    table = table.astype(object).where(table.notna(), None)
    by_model = {
        str(name): ScoringResult(label, reason) for name, label, reason in table[["label", "reason"]].itertuples()
    }
    results = {name: by_model[model.name] for model in MODELS for name in (model.name, *model.tables)}
    model_results = pd.concat([step.frame("result") for step in trained], ignore_index=True)
    model_results["abstained"] = model_results["model"].map(table["reason"])
    outputs = {
        ACCOUNT_SCORES: account_scores(company, features.frame("accounts"), frames, results),
        SUBSCRIPTION_SCORES: subscription_scores(company, frames, results),
        UPSELL_SCORES: upsell_scores(company, frames, results),
        CONTACT_SCORES: contact_scores(company, features.frame("contacts"), frames, results),
        OPPORTUNITY_SCORES: opportunity_scores(company, features.frame("opportunities"), frames, results),
        RECOMMENDATIONS: with_model_label(frames.get("recommendations"), results["recommendations"]),
        REVENUE_FORECAST: _revenue_forecast(company, frames, bool(table["comparable"].all()), draft),
        MODEL_RESULTS: model_results,
    }
    for output, rows in outputs.items():
        draft.write(output.name, conform(rows, output))


def _revenue_forecast(
    company: Company, frames: dict[str, pd.DataFrame], comparable: bool, draft: Draft
) -> pd.DataFrame:
    """The revenue forecast; its line items and drivers are written, and if ``comparable`` those by the previous
    versions. Empty without a top-down forecast."""
    if "top_down_forecasts" not in frames:
        return pd.DataFrame()
    forecast = assemble_forecast(company, frames)
    draft.write("forecast_line_items", forecast.line_items)
    draft.write("forecast_drivers", forecast.drivers)
    previous = {
        name.removesuffix(PREVIOUS_SUFFIX): frame for name, frame in frames.items() if name.endswith(PREVIOUS_SUFFIX)
    }
    if previous and comparable:
        earlier = assemble_forecast(company, {**frames, **previous})
        draft.write(f"forecast_line_items{PREVIOUS_SUFFIX}", earlier.line_items)
        draft.write(f"forecast_drivers{PREVIOUS_SUFFIX}", earlier.drivers)
    return forecast.forecast
