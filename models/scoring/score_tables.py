"""The frames of single models, put together into what readers see: one row per account, contact and open deal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from data.outputs.score_tables import CHANCES, CONTRACT_CHANCES, SCORES
from features.company import Company
from models.customer_value.lifetime_value import bought_again, lifetime_scores

EXPIRES_AFTER_DAYS = 7
"""A score older than this should not be acted on: a company's standing changes within weeks, not hours."""

EVENTUALLY = ("eventually", "eventually_low", "eventually_high")
WHEN_AND_WHAT = ("expected_close", "close_earliest", "close_latest", "expected_amount")


@dataclass(frozen=True)
class Outcome:
    """Who scored (``label``), or why nobody did (``why``): one of the two is missing."""

    label: str | None
    why: str | None


def account_scores(
    company: Company, features: pd.DataFrame, frames: Mapping[str, pd.DataFrame], outcomes: Mapping[str, Outcome]
) -> pd.DataFrame:
    """One row per account; each score with its interval, reasons and maker, or the reason why there is none.

    ``features`` are those of today's customers. The lifetime value is put together from expected revenue and churn.
    """
    rows = company.tables["accounts"].select("account_id", "name").order_by("account_id").execute()
    frames, outcomes = _with_lifetime(company, frames, outcomes)
    for score in SCORES:
        rows = _with_score(rows, "account_id", score, frames, outcomes)
    more = {name: {"within_30": f"{name}_30", "within_180": f"{name}_180"} for name in CHANCES}
    more["repeat"] |= {name: name for name in ("next_order", "next_order_low", "next_order_high")}
    more["lifetime_value"] = {"lifetime_value_12": "lifetime_value_12"}
    for score, columns in more.items():
        rows = _with_more(rows, "account_id", frames.get(score), columns)
    return _expiring(rows.assign(lifetime_value_bgnbd=rows["account_id"].map(bought_again(features))), company)


def subscription_scores(
    company: Company, frames: Mapping[str, pd.DataFrame], outcomes: Mapping[str, Outcome]
) -> pd.DataFrame:
    """One row per active subscription of an account: the chance that it ends, is renewed at its term, and grows.

    What ends cannot grow: two models say the one and the other, and growing is said to be no likelier than not ending.
    """
    held = company.tables["subscriptions"]
    active = held.filter(held.ended_at.isnull(), held.started_at < company.as_of_at)
    named = active.semi_join(company.tables["accounts"], "account_id")
    rows = named.select("subscription_id", "account_id", "product_id", "mrr", "term_ends_at")
    frame = rows.order_by("subscription_id").execute()
    given = {name: frames[of] for name, of in _CONTRACT_FRAMES.items() if of in frames}
    said = {name: outcomes[of] for name, of in _CONTRACT_FRAMES.items()}
    for score in CONTRACT_CHANCES:
        frame = _with_score(frame, "subscription_id", score, given, said)
        more = {"within_30": "30", "within_180": "180", "by_term": "by_term", "term_days": "term_days"}
        named_so = {name: f"{score}_{here}" for name, here in more.items()}
        frame = _with_more(frame, "subscription_id", given.get(score), named_so)
    for when in ("", "_30", "_180", "_by_term"):
        stays = 1.0 - frame[f"churn{when}"].astype("float64")
        for name in (f"expansion{when}", *(("expansion_low", "expansion_high") if not when else ())):
            frame[name] = frame[name].astype("float64").clip(upper=stays)
    churn, expansion = (frame[f"{score}_term_days"].astype("float64") for score in CONTRACT_CHANCES)
    renewal = 1.0 - frame["churn_by_term"].astype("float64")
    return _expiring(frame.assign(renewal=renewal, term_horizon_days=churn.fillna(expansion)), company)


def upsell_scores(
    company: Company, frames: Mapping[str, pd.DataFrame], outcomes: Mapping[str, Outcome]
) -> pd.DataFrame:
    """One row per account and product that it never had: the chance that it buys it, and the likeliest month."""
    names = {"within_30": "upsell_30", "value": "upsell", "within_180": "upsell_180"}
    rows = frames.get("upsell_products", pd.DataFrame()).rename(columns=names)
    return _expiring(rows.assign(upsell_model=outcomes["upsell_products"].label), company)


_CONTRACT_FRAMES = {"churn": "subscription_churn", "expansion": "expansion"}


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
    extra = extra.rename(columns={name: f"win_{name}" for name in EVENTUALLY})
    extra = extra.reindex(columns=["opportunity_id", *(f"win_{name}" for name in EVENTUALLY), *WHEN_AND_WHAT])
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


def _with_lifetime(
    company: Company, frames: Mapping[str, pd.DataFrame], outcomes: Mapping[str, Outcome]
) -> tuple[dict[str, pd.DataFrame], dict[str, Outcome]]:
    """The frames and outcomes, with the lifetime value's: put together by whoever made its parts, or why it is not."""
    parts = ("expected_revenue", "churn")
    whys = [f"{name}: {outcomes[name].why}" for name in parts if name not in frames]
    if whys:
        return dict(frames), {**outcomes, "lifetime_value": Outcome(None, "; ".join(whys))}
    label = " and ".join(str(outcomes[name].label) for name in parts)
    made = lifetime_scores(frames["expected_revenue"], frames["churn"], company.currency)
    return {**frames, "lifetime_value": made}, {**outcomes, "lifetime_value": Outcome(label, None)}


def _with_more(rows: pd.DataFrame, key: str, frame: pd.DataFrame | None, columns: Mapping[str, str]) -> pd.DataFrame:
    """The rows, with more columns of a model's frame under their names here; empty where the model was silent."""
    if frame is None:
        return rows.assign(**dict.fromkeys(columns.values()))
    return rows.merge(frame[[key, *columns]].rename(columns=dict(columns)), on=key, how="left", validate="one_to_one")


def _expiring(rows: pd.DataFrame, company: Company) -> pd.DataFrame:
    return rows.assign(expires_at=company.as_of + timedelta(days=EXPIRES_AFTER_DAYS))
