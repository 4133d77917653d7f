"""Score tables as published: frames of models merged to one row per account, subscription, contact or open deal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from data.outputs.score_tables import ACCOUNT_PROBABILITIES, ACCOUNT_SCORE_NAMES, SUBSCRIPTION_PROBABILITIES
from features.company import Company
from models.customer_value.lifetime_value import lifetime_scores
from models.customer_value.order_history_value import order_history_value

EXPIRES_AFTER_DAYS = 7
"""An older score should not be acted on: a customer's situation changes within weeks, not hours."""

EVENTUALLY = ("eventually", "eventually_low", "eventually_high")
SUBSCRIPTION_FRAMES = {"churn": "subscription_churn", "expansion": "expansion"}
"""Names of the models' frames by the names of the scores."""
CLOSING = ("expected_close", "close_earliest", "close_latest", "expected_amount")


@dataclass(frozen=True)
class ScoringResult:
    """The label of the version that scored, or the reason why none did; the other is ``None``."""

    label: str | None
    reason: str | None


def account_scores(
    company: Company, features: pd.DataFrame, frames: Mapping[str, pd.DataFrame], results: Mapping[str, ScoringResult]
) -> pd.DataFrame:
    """One row per account; each score with its interval, reasons and model, or the reason of its abstention.

    ``features`` are those of today's customers. The lifetime value is computed from expected revenue and churn.
    """
    rows = company.tables["accounts"].select("account_id", "name").order_by("account_id").execute()
    frames, results = _with_lifetime_value(company, frames, results)
    for score in ACCOUNT_SCORE_NAMES:
        rows = _with_score(rows, "account_id", score, frames, results)
    columns_by_score = {
        name: {"within_30": f"{name}_30", "within_180": f"{name}_180"} for name in ACCOUNT_PROBABILITIES
    }
    columns_by_score["repeat"] |= {name: name for name in ("next_order", "next_order_low", "next_order_high")}
    columns_by_score["lifetime_value"] = {"lifetime_value_12": "lifetime_value_12"}
    for score, columns in columns_by_score.items():
        rows = _with_columns(rows, "account_id", frames.get(score), columns)
    return _with_expiry(
        rows.assign(lifetime_value_bgnbd=rows["account_id"].map(order_history_value(features))), company
    )


def subscription_scores(
    company: Company, frames: Mapping[str, pd.DataFrame], results: Mapping[str, ScoringResult]
) -> pd.DataFrame:
    """One row per active subscription: probabilities that it ends, is renewed at its term, and expands.

    Ending and expanding are predicted by two models; expansion is capped at the probability not to end.
    """
    subscriptions = company.tables["subscriptions"]
    active = subscriptions.filter(subscriptions.ended_at.isnull(), subscriptions.started_at < company.as_of_at)
    of_accounts = active.semi_join(company.tables["accounts"], "account_id")
    rows = of_accounts.select("subscription_id", "account_id", "product_id", "mrr", "term_ends_at")
    frame = rows.order_by("subscription_id").execute()
    own_frames = {score: frames[name] for score, name in SUBSCRIPTION_FRAMES.items() if name in frames}
    own_results = {score: results[name] for score, name in SUBSCRIPTION_FRAMES.items()}
    for score in SUBSCRIPTION_PROBABILITIES:
        frame = _with_score(frame, "subscription_id", score, own_frames, own_results)
        suffixes = {"within_30": "30", "within_180": "180", "by_term": "by_term", "term_days": "term_days"}
        columns = {name: f"{score}_{suffix}" for name, suffix in suffixes.items()}
        frame = _with_columns(frame, "subscription_id", own_frames.get(score), columns)
    for horizon in ("", "_30", "_180", "_by_term"):
        survival = 1.0 - frame[f"churn{horizon}"].astype("float64")
        for name in (f"expansion{horizon}", *(("expansion_low", "expansion_high") if not horizon else ())):
            frame[name] = frame[name].astype("float64").clip(upper=survival)
    churn, expansion = (frame[f"{score}_term_days"].astype("float64") for score in SUBSCRIPTION_PROBABILITIES)
    renewal = 1.0 - frame["churn_by_term"].astype("float64")
    return _with_expiry(frame.assign(renewal=renewal, term_horizon_days=churn.fillna(expansion)), company)


def upsell_scores(
    company: Company, frames: Mapping[str, pd.DataFrame], results: Mapping[str, ScoringResult]
) -> pd.DataFrame:
    """One row per account and product that it never had: the probability of a purchase, and the likeliest month."""
    names = {"within_30": "upsell_30", "value": "upsell", "within_180": "upsell_180"}
    rows = frames.get("upsell_products", pd.DataFrame()).rename(columns=names)
    return _with_expiry(rows.assign(upsell_model=results["upsell_products"].label), company)


def opportunity_scores(
    company: Company,
    features: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    results: Mapping[str, ScoringResult],
) -> pd.DataFrame:
    """One row per open deal of today's features: win probability, expected closing date and amount."""
    deals = company.tables["opportunities"].select("opportunity_id", "account_id", "owner_id").execute()
    rows = (
        features[["opportunity_id"]].merge(deals, on="opportunity_id").sort_values("opportunity_id", ignore_index=True)
    )
    rows = _with_score(rows, "opportunity_id", "win", frames, results)
    extra = frames.get("win", pd.DataFrame(columns=["opportunity_id"]))
    extra = extra.rename(columns={name: f"win_{name}" for name in EVENTUALLY})
    extra = extra.reindex(columns=["opportunity_id", *(f"win_{name}" for name in EVENTUALLY), *CLOSING])
    return _with_expiry(rows.merge(extra, on="opportunity_id", how="left"), company)


def contact_scores(
    company: Company,
    features: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    results: Mapping[str, ScoringResult],
) -> pd.DataFrame:
    """One row per contact: best hours to write, engagement, and whether e-mail reaches it."""
    contacts = company.tables["contacts"].select("contact_id", "account_id").order_by("contact_id").execute()
    rows = contacts.merge(features[["contact_id", "engagement", "email_status"]], on="contact_id", how="left")
    result = results["send_time"]
    if "send_times" in frames:
        rows = rows.merge(frames["send_times"], on="contact_id", how="left")
        rows = rows.rename(columns={"abstained": "send_abstained"}).assign(send_model=result.label)
        without = rows["send_windows"].isna() & rows["send_abstained"].isna()
        rows.loc[without, "send_abstained"] = "the model gave this contact no window"
        return _with_expiry(_unreachable(rows), company)
    return _with_expiry(rows.assign(send_abstained=result.reason), company)


def _unreachable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, without send times for contacts that no e-mail reaches or may reach."""
    unreachable = rows["email_status"] != "valid"
    rows.loc[unreachable, ["send_at", "send_local", "send_windows"]] = None
    rows.loc[unreachable, "send_abstained"] = "no mail: the address is " + rows.loc[unreachable, "email_status"].fillna(
        "missing"
    )
    return rows


def with_model_label(frame: pd.DataFrame | None, result: ScoringResult) -> pd.DataFrame:
    """A model's frame with the label in ``model`` unless it has that column; empty without a frame."""
    if frame is None:
        return pd.DataFrame()
    return frame if "model" in frame else frame.assign(model=result.label)


def _with_score(
    rows: pd.DataFrame,
    key: str,
    score: str,
    frames: Mapping[str, pd.DataFrame],
    results: Mapping[str, ScoringResult],
) -> pd.DataFrame:
    """The rows, with the columns of one score added."""
    result = results[score]
    names = {part: f"{score}_{part}" for part in ("low", "high", "reasons", "horizon_days", "abstained")} | {
        "value": score
    }
    if score not in frames:
        empty = dict.fromkeys([*names.values(), f"{score}_model"])
        return rows.assign(**{**empty, f"{score}_abstained": result.reason})
    scores = frames[score][[key, *names]].rename(columns=names)
    merged = rows.merge(scores, on=key, how="left", validate="one_to_one")
    merged[f"{score}_model"] = result.label
    unscored = merged[score].isna() & merged[f"{score}_abstained"].isna()
    merged[f"{score}_abstained"] = merged[f"{score}_abstained"].astype(object)
    merged.loc[unscored, f"{score}_abstained"] = "not a customer yet: nothing was bought or subscribed before this date"
    return merged


def _with_lifetime_value(
    company: Company, frames: Mapping[str, pd.DataFrame], results: Mapping[str, ScoringResult]
) -> tuple[dict[str, pd.DataFrame], dict[str, ScoringResult]]:
    """The frames and results with those of the lifetime value, or the reason why one of its models is missing."""
    models = ("expected_revenue", "churn")
    reasons = [f"{name}: {results[name].reason}" for name in models if name not in frames]
    if reasons:
        return dict(frames), {**results, "lifetime_value": ScoringResult(None, "; ".join(reasons))}
    label = " and ".join(str(results[name].label) for name in models)
    scores = lifetime_scores(frames["expected_revenue"], frames["churn"], company.currency)
    return {**frames, "lifetime_value": scores}, {**results, "lifetime_value": ScoringResult(label, None)}


def _with_columns(rows: pd.DataFrame, key: str, frame: pd.DataFrame | None, columns: Mapping[str, str]) -> pd.DataFrame:
    """The rows with further columns of a model's frame, renamed; empty columns without a frame."""
    if frame is None:
        return rows.assign(**dict.fromkeys(columns.values()))
    return rows.merge(frame[[key, *columns]].rename(columns=dict(columns)), on=key, how="left", validate="one_to_one")


def _with_expiry(rows: pd.DataFrame, company: Company) -> pd.DataFrame:
    return rows.assign(expires_at=company.as_of + timedelta(days=EXPIRES_AFTER_DAYS))
