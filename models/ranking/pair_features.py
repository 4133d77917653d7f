"""Features of (customer, item) pairs: the customer's own purchases, similarity, affinity, popularity, both sides."""

import numpy as np
import pandas as pd

from data.arrays import Floats, Floats32, Ints
from features.feature import Feature
from models.ranking.item_similarity import ItemSimilarity
from models.ranking.purchase_history import PurchaseHistory

PAIR_FEATURES: tuple[Feature, ...] = (
    Feature("own_purchases", "repeat", "times the customer bought it", "count"),
    Feature("own_days_since", "repeat", "days since the customer last bought it", "days"),
    Feature("own_mean_gap", "repeat", "days between its purchases by the customer", "days"),
    Feature("own_decayed_30d", "repeat", "purchases of it, with a half-life of 30 days", "count"),
    Feature("own_decayed_180d", "repeat", "purchases of it, with a half-life of 180 days", "count"),
    Feature("own_decayed_visits", "repeat", "purchases of it, decayed by visit", "count"),
    Feature("own_visits_since", "repeat", "visits since the customer last bought it", "count"),
    Feature("own_gap_ratio", "repeat", "days since the last purchase over the customer's mean gap", "ratio"),
    Feature("own_item_gap_ratio", "repeat", "days since the last purchase over the item's mean gap", "ratio"),
    Feature("own_visit_share", "repeat", "share of the customer's visits with it", "share"),
    Feature("own_visit_rate", "repeat", "purchases a visit since the first", "ratio"),
    Feature("own_in_last_basket", "repeat", "whether it was bought on the latest visit", "yes or no"),
    Feature("similarity", "similarity", "similarity to the customer's purchases", "share"),
    Feature("similarity_rank", "similarity", "candidates that are more similar", "count"),
    Feature("nearest_similarity", "similarity", "similarity to the nearest item that the customer bought", "share"),
    Feature("affinity", "similarity", "affinity by latent factors", "score"),
    Feature("affinity_rank", "similarity", "candidates of higher affinity", "count"),
    Feature("segment_popularity", "popularity", "share of the segment that bought it within 90 days", "share"),
    Feature("popularity_90d", "popularity", "share of all customers that bought it within 90 days", "share"),
    Feature("popularity_28d", "popularity", "share of all customers that bought it within 28 days", "share"),
    Feature("popularity_trend", "popularity", "its buyers of 28 days over those of 90", "ratio"),
    Feature("popularity_growth", "popularity", "its buyers of 90 days over those of a quarter of the year", "ratio"),
    Feature("season_share", "popularity", "share of a year's buyers in the same season a year ago", "share"),
    Feature("item_repeat_share", "item", "share of its buyers that bought it again", "share"),
    Feature("item_mean_gap", "item", "days between purchases of it by one buyer", "days"),
    Feature("item_purchases_per_buyer", "item", "purchases of it by one buyer", "count"),
    Feature("item_age_days", "item", "days since it was first sold", "days"),
    Feature("customer_visits", "customer", "days on which the customer bought anything", "count"),
    Feature("customer_items", "customer", "different items that the customer ever bought", "count"),
    Feature("customer_basket_size", "customer", "items bought on a visit", "count"),
    Feature("customer_last_basket_size", "customer", "items bought on the latest visit", "count"),
    Feature("customer_days_since", "customer", "days since the customer bought anything", "days"),
    Feature("customer_mean_gap", "customer", "days between the customer's visits", "days"),
    Feature("customer_repeat_share", "customer", "share of the customer's purchases that were repeats", "share"),
)


def purchase_features(history: PurchaseHistory, customer_index: Ints, item_index: Ints) -> dict[str, Floats]:
    """What each customer did with the item, one value per pair; never bought is 0 purchases, and NaN days."""
    position = history.find_pairs(customer_index, item_index)
    bought = position >= 0
    own = {
        name: np.where(bought, values[position], np.nan) if len(values) else np.full(len(position), np.nan)
        for name, values in history.pair_stats.items()
    }
    customer = history.customer_stats
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "own_purchases": np.where(bought, own["purchases"], 0.0),
            "own_days_since": own["days_since"],
            "own_mean_gap": own["mean_gap"],
            "own_decayed_30d": np.where(bought, own["decayed_30d"], 0.0),
            "own_decayed_180d": np.where(bought, own["decayed_180d"], 0.0),
            "own_decayed_visits": np.where(bought, own["decayed_visits"], 0.0),
            "own_visits_since": own["visits_since"],
            "own_gap_ratio": np.where(own["mean_gap"] > 0, own["days_since"] / own["mean_gap"], np.nan),
            "own_item_gap_ratio": own["days_since"] / history.item_stats["mean_gap"][item_index],
            "own_visit_share": np.where(bought, own["purchases"], 0.0) / customer["visits"][customer_index],
            "own_visit_rate": own["purchases"]
            / (own["days_since_first"] / np.maximum(customer["mean_gap"][customer_index], 1.0) + 1.0),
            "own_in_last_basket": np.where(bought, own["visits_since"] == 0, 0.0),
        }


def side_features(history: PurchaseHistory, customer_index: Ints, item_index: Ints) -> dict[str, Floats]:
    """Popularity of the item, and statistics of item and customer, one value per pair."""
    item = {name: values[item_index] for name, values in history.item_stats.items()}
    customer = {name: values[customer_index] for name, values in history.customer_stats.items()}
    return {
        "segment_popularity": history.segment_popularity[history.segment_index[customer_index], item_index],
        "popularity_90d": item["popularity_90d"],
        "popularity_28d": item["popularity_28d"],
        "popularity_trend": (item["popularity_28d"] + 1e-4) / (item["popularity_90d"] + 1e-4),
        "popularity_growth": item["growth"],
        "season_share": item["season_share"],
        "item_repeat_share": item["repeat_share"],
        "item_mean_gap": item["mean_gap"],
        "item_purchases_per_buyer": item["purchases_per_buyer"],
        "item_age_days": item["age_days"],
        **{f"customer_{name}": values for name, values in customer.items()},
    }


def score_features(name: str, scores: Floats32, row: Ints, compared_index: Ints) -> dict[str, Floats]:
    """A score of each pair and its rank within the customer; pairs of items that were not compared score 0.

    ``scores`` is customers × compared items, ``row`` the customer's row in it, ``compared_index`` the item's column or
    -1.
    """
    values = np.where(compared_index >= 0, scores[row, compared_index], 0.0)
    return {name: values, f"{name}_rank": _ranks(row, values)}


def _ranks(row: Ints, scores: Floats) -> Floats:
    """The rank of each pair within its customer by descending score; 0 is the first. ``row`` is ascending."""
    order = np.lexsort((-scores, row))
    ranks = np.empty(len(row))
    ranks[order] = np.arange(len(row))
    return ranks - np.searchsorted(row, row)


def nearest_items(
    history: PurchaseHistory, similarity: ItemSimilarity, customers: Ints, row: Ints, item_index: Ints
) -> tuple[Floats, Ints]:
    """Per pair, the similarity to the most similar item that the customer bought, and its index; 0 and -1 if none.

    ``row`` is the position of the pair's customer in ``customers``, ascending.
    """
    nearest_similarity, nearest = np.zeros(len(row)), np.full(len(row), -1, dtype=np.intp)
    compared_index = index_in(similarity.items, len(history.items))
    offsets, ends = history.offsets(), np.searchsorted(row, np.arange(len(customers) + 1))
    candidate = compared_index[item_index]
    for i, customer in enumerate(customers):
        bought = history.item_index[offsets[customer] : offsets[customer + 1]]
        bought = bought[compared_index[bought] >= 0]
        pairs = np.arange(ends[i], ends[i + 1])
        pairs = pairs[candidate[pairs] >= 0]
        if len(bought) and len(pairs):
            similarities = similarity.similarity[np.ix_(compared_index[bought], candidate[pairs])]
            best = similarities.argmax(axis=0)
            nearest_similarity[pairs] = similarities[best, np.arange(len(best))]
            nearest[pairs] = np.where(nearest_similarity[pairs] > 0, bought[best], -1)
    return nearest_similarity, nearest


def index_in(items: Ints, n_items: int) -> Ints:
    """For each of all items its position in ``items``; -1 where it is not among them."""
    positions = np.full(n_items, -1, dtype=np.intp)
    positions[items] = np.arange(len(items))
    return positions


def feature_frame(values: dict[str, Floats]) -> pd.DataFrame:
    """``PAIR_FEATURES`` as columns, in their order."""
    return pd.DataFrame({feature.name: values[feature.name].astype(np.float32) for feature in PAIR_FEATURES})
