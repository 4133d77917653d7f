"""Sentences for people: why a product is recommended, and why others may not be offered."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.estimators.explanations import MAX_REASONS
from models.ranking.candidates import CANDIDATE_FEATURES, FEATURE_NAMES

if TYPE_CHECKING:
    import lightgbm as lgb

MAX_EXCLUSIONS = 5
MIN_LIFT = 1.2
REASON_FAMILIES: tuple[str, ...] = ("similarity", "repeat", "family", "campaign", "popularity")
"""Families of features that speak of the product, in the order that settles ties; a customer's general habits are no
reason for one product."""


def recommendation_reasons(
    rows: pd.DataFrame, products: pd.DataFrame, lifts: dict[tuple[str, str], float], booster: "lgb.Booster | None"
) -> list[str]:
    """For each recommended pair a JSON list of at most three sentences, the most important first.

    The importance of a sentence is the sum of SHAP contributions of its family of features; without a booster only
    popularity counts.
    """
    names = pd.Series(products["name"].fillna(products["product_id"]).to_numpy(), index=products["product_id"])
    importance = _family_contributions(rows, booster)
    sentences = {
        "similarity": [_similarity(row, names, lifts) for row in rows.itertuples()],
        "repeat": [_repeat(row) for row in rows.itertuples()],
        "family": [_family(row) for row in rows.itertuples()],
        "campaign": [_campaign(row) for row in rows.itertuples()],
        "popularity": [_popularity(row) for row in rows.itertuples()],
    }
    reasons = []
    for i in range(len(rows)):
        order = sorted(REASON_FAMILIES, key=lambda name: (-importance[name][i], REASON_FAMILIES.index(name)))
        ranked = [sentences[name][i] for name in order if sentences[name][i]]
        reasons.append(json.dumps(ranked[:MAX_REASONS], ensure_ascii=False))
    return reasons


def exclusions_by_customer(excluded: pd.DataFrame) -> "pd.Series[str]":
    """By customer, a JSON list of the reasons that exclude the products of highest ``probability``."""
    ranked = excluded.sort_values(["customer_id", "probability", "product_id"], ascending=[True, False, True])
    ranked = ranked.drop_duplicates(["customer_id", "exclusion_reason"])  # one escalation excludes all products
    first = ranked[ranked.groupby("customer_id").cumcount() < MAX_EXCLUSIONS]
    lists: pd.Series[str] = first.groupby("customer_id")["exclusion_reason"].agg(
        lambda sentences: json.dumps(list(sentences), ensure_ascii=False)
    )
    return lists


def _family_contributions(rows: pd.DataFrame, booster: "lgb.Booster | None") -> dict[str, Floats]:
    """By family of reasons, the sum of SHAP contributions of its features to each row."""
    if booster is None or rows.empty:
        return {name: np.full(len(rows), float(name == "popularity")) for name in REASON_FAMILIES}
    contributions = np.asarray(booster.predict(rows[FEATURE_NAMES], pred_contrib=True), dtype=np.float64)[:, :-1]
    families = np.array([feature.family for feature in CANDIDATE_FEATURES])
    return {name: contributions[:, families == name].sum(axis=1) for name in REASON_FAMILIES}


def _similarity(row: Any, names: "pd.Series[str]", lifts: dict[tuple[str, str], float]) -> str | None:
    nearest = row.nearest_product
    if not isinstance(nearest, str):
        return None
    lift = lifts.get((nearest, str(row.product_id)), 0.0)
    if lift < MIN_LIFT:
        return None
    return f"accounts with {names.get(nearest, nearest)} buy it {lift:.1f} times as frequently as others"


def _repeat(row: Any) -> str | None:
    count, days, gap = (float(value) for value in (row.own_purchases, row.own_days_since, row.own_mean_gap))
    if not count >= 1 or np.isnan(days):
        return None
    sentence = f"bought {count:.0f} time{'s' if count >= 2 else ''}, last {days:.0f} days ago"
    return f"{sentence}, usually every {max(1.0, gap):.0f} days" if gap > 0 else sentence


def _family(row: Any) -> str | None:
    step, share = float(row.tier_step), float(row.family_share)
    if step >= 1:
        return f"{step:.0f} tier{'s' if step >= 2 else ''} above what it has of this family"
    if share >= 0.1:
        return f"{share:.0%} of its purchases are of this family"
    return None


def _campaign(row: Any) -> str | None:
    days = float(row.campaign_response_days)
    if np.isnan(days):
        return None
    return f"{'answered' if row.is_contact else 'somebody there answered'} a campaign for it {days:.0f} days ago"


def _popularity(row: Any) -> str | None:
    share, growth = float(row.segment_popularity), float(row.popularity_growth)
    if share < 0.005:
        return None
    sentence = f"{share:.0%} of its segment bought it in the last 90 days" if share >= 0.01 else "bought in its segment"
    return f"{sentence}, more than before" if growth >= 1.25 else sentence
