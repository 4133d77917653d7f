"""Why a product is recommended, and why others are not, in words."""

import json
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from models.ranking.candidates import CANDIDATE_FEATURES, NAMES

MOST_REASONS = 3
MOST_EXCLUDED = 5
FAMILIES: tuple[str, ...] = ("together", "again", "family", "answered", "popular")
"""Kinds of reasons that speak of the product; a customer's general habits are no reason for one product."""


def whys(
    rows: pd.DataFrame, products: pd.DataFrame, together: dict[tuple[str, str], float], booster: lgb.Booster | None
) -> list[str]:
    """For each recommended pair a JSON list of at most three sentences, the weightiest first.

    The weight of a sentence is what its features add to the score of the trees; without trees, what is popular counts.
    """
    names = pd.Series(products["name"].fillna(products["product_id"]).to_numpy(), index=products["product_id"])
    weights = _weights(rows, booster)
    sentences = {
        "together": [_together(row, names, together) for row in rows.itertuples()],
        "again": [_again(row) for row in rows.itertuples()],
        "family": [_family(row) for row in rows.itertuples()],
        "answered": [_answered(row) for row in rows.itertuples()],
        "popular": [_popular(row) for row in rows.itertuples()],
    }
    said = []
    for place in range(len(rows)):
        order = sorted(FAMILIES, key=lambda family: (-weights[family][place], FAMILIES.index(family)))
        spoken = [sentences[family][place] for family in order]
        said.append(json.dumps([sentence for sentence in spoken if sentence][:MOST_REASONS], ensure_ascii=False))
    return said


def why_nots(excluded: pd.DataFrame) -> "pd.Series[str]":
    """By customer, a JSON list of why the excluded products that would have ranked highest may not be offered."""
    ranked = excluded.sort_values(["customer_id", "probability", "product_id"], ascending=[True, False, True])
    ranked = ranked.drop_duplicates(["customer_id", "excluded"])  # one escalation hinders all products
    most = ranked[ranked.groupby("customer_id").cumcount() < MOST_EXCLUDED]
    listed: pd.Series[str] = most.groupby("customer_id")["excluded"].agg(
        lambda sentences: json.dumps(list(sentences), ensure_ascii=False)
    )
    return listed


def _weights(
    rows: pd.DataFrame, booster: lgb.Booster | None
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    families = [feature.family for feature in CANDIDATE_FEATURES]
    if booster is None or rows.empty:
        return {family: np.full(len(rows), float(family == "popular")) for family in FAMILIES}
    added = np.asarray(booster.predict(rows[NAMES], pred_contrib=True), dtype=np.float64)[:, :-1]
    return {family: added[:, [one == family for one in families]].sum(axis=1) for family in FAMILIES}


def _together(row: Any, names: "pd.Series[str]", together: dict[tuple[str, str], float]) -> str | None:
    companion, product = row.companion, row.product_id
    if not isinstance(companion, str):
        return None
    lift = together.get((companion, str(product)), 0.0)
    if lift < 1.2:
        return None
    return f"accounts with {names.get(companion, companion)} buy it {lift:.1f} times as frequently as others"


def _again(row: Any) -> str | None:
    times, days, gap = (float(value) for value in (row.own_times, row.own_days, row.own_gap))
    if not times >= 1 or np.isnan(days):
        return None
    said = f"bought {times:.0f} time{'s' if times >= 2 else ''}, last {days:.0f} days ago"
    return f"{said}, usually every {max(1.0, gap):.0f} days" if gap > 0 else said


def _family(row: Any) -> str | None:
    step, share = float(row.tier_step), float(row.family_share)
    if step >= 1:
        return f"{step:.0f} tier{'s' if step >= 2 else ''} above what it has of this family"
    if share >= 0.1:
        return f"{share:.0%} of its purchases are of this family"
    return None


def _answered(row: Any) -> str | None:
    days = float(row.answered_days)
    if np.isnan(days):
        return None
    return f"{'answered' if row.person else 'somebody there answered'} a campaign for it {days:.0f} days ago"


def _popular(row: Any) -> str | None:
    share, rising = float(row.popular_segment), float(row.rising)
    if share < 0.005:
        return None
    said = f"{share:.0%} of its segment bought it in the last 90 days" if share >= 0.01 else "bought in its segment"
    return f"{said}, more than before" if rising >= 1.25 else said
