"""The frames of single models, put together into what readers see: one row per account, contact and open deal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from data.scoring import SCORES
from features.company import Company

EXPIRES_AFTER_DAYS = 7
"""A score older than this should not be acted on: a company's standing changes within weeks, not hours."""


@dataclass(frozen=True)
class Outcome:
    """Who scored (``label``), or why nobody did (``why``): one of the two is missing."""

    label: str | None
    why: str | None


def account_scores(
    company: Company, frames: Mapping[str, pd.DataFrame], outcomes: Mapping[str, Outcome]
) -> pd.DataFrame:
    """One row per account; each score with its interval, reasons and maker, or the reason why there is none."""
    rows = company.tables["accounts"].select("account_id", "name").order_by("account_id").execute()
    for score in SCORES:
        rows = _with_score(rows, "account_id", score, frames, outcomes)
    return _expiring(rows, company)


def opportunity_scores(
    company: Company,
    features: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    outcomes: Mapping[str, Outcome],
) -> pd.DataFrame:
    """One row per open deal of today's features: the chance to win it, and when and how much it would bring."""
    deals = company.tables["opportunities"].select("opportunity_id", "account_id", "owner_id").execute()
    rows = (
        features[["opportunity_id"]].merge(deals, on="opportunity_id").sort_values("opportunity_id", ignore_index=True)
    )
    rows = _with_score(rows, "opportunity_id", "win", frames, outcomes)
    extra = frames.get("win", pd.DataFrame(columns=["opportunity_id"]))
    extra = extra.reindex(columns=["opportunity_id", "expected_close", "expected_amount"])
    return _expiring(rows.merge(extra, on="opportunity_id", how="left"), company)


def contact_scores(
    company: Company,
    features: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    outcomes: Mapping[str, Outcome],
) -> pd.DataFrame:
    """One row per contact: when to write to it, how engaged it is, and whether mail reaches it."""
    contacts = company.tables["contacts"].select("contact_id", "account_id").order_by("contact_id").execute()
    rows = contacts.merge(features[["contact_id", "engagement", "email_status"]], on="contact_id", how="left")
    outcome = outcomes["send_time"]
    if "send_times" in frames:
        rows = rows.merge(frames["send_times"], on="contact_id", how="left")
        rows = rows.rename(columns={"abstained": "send_abstained"}).assign(send_model=outcome.label)
        silent = rows["send_windows"].isna() & rows["send_abstained"].isna()
        rows.loc[silent, "send_abstained"] = "the model gave this contact no window"
        return _expiring(_unreachable(rows), company)
    return _expiring(rows.assign(send_abstained=outcome.why), company)


def _unreachable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, without a time to write to those whom no mail reaches, or may reach."""
    lost = rows["email_status"] != "valid"
    rows.loc[lost, ["send_at", "send_local", "send_windows"]] = None
    rows.loc[lost, "send_abstained"] = "no mail: the address is " + rows.loc[lost, "email_status"].fillna("missing")
    return rows


def labelled(frame: pd.DataFrame | None, outcome: Outcome) -> pd.DataFrame:
    """A model's own output frame with the maker's label in ``model``, unless the frame says it itself; else no rows."""
    if frame is None:
        return pd.DataFrame()
    return frame if "model" in frame else frame.assign(model=outcome.label)


def _with_score(
    rows: pd.DataFrame,
    key: str,
    score: str,
    frames: Mapping[str, pd.DataFrame],
    outcomes: Mapping[str, Outcome],
) -> pd.DataFrame:
    """The rows, with the columns of one score added."""
    outcome = outcomes[score]
    names = {part: f"{score}_{part}" for part in ("low", "high", "reasons", "horizon_days", "abstained")} | {
        "value": score
    }
    if score not in frames:
        empty = dict.fromkeys([*names.values(), f"{score}_model"])
        return rows.assign(**{**empty, f"{score}_abstained": outcome.why})
    given = frames[score][[key, *names]].rename(columns=names)
    merged = rows.merge(given, on=key, how="left", validate="one_to_one")
    merged[f"{score}_model"] = outcome.label
    unscored = merged[score].isna() & merged[f"{score}_abstained"].isna()
    merged[f"{score}_abstained"] = merged[f"{score}_abstained"].astype(object)
    merged.loc[unscored, f"{score}_abstained"] = "not a customer yet: nothing was bought or subscribed before this date"
    return merged


def _expiring(rows: pd.DataFrame, company: Company) -> pd.DataFrame:
    return rows.assign(expires_at=company.as_of + timedelta(days=EXPIRES_AFTER_DAYS))
