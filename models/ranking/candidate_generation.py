"""Candidate generation: the (customer, item) pairs worth ranking, with their features.

Pairs come from four sources: the customer's own purchases, item similarity, latent factors, and the segment's popular
items.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from data.arrays import Bools, Floats32, Ints
from models.ranking.item_similarity import ItemSimilarity
from models.ranking.matrix_factorization import LatentFactors
from models.ranking.pair_features import (
    feature_frame,
    index_in,
    nearest_items,
    purchase_features,
    score_features,
    side_features,
)
from models.ranking.purchase_history import PurchaseHistory

SMALL_CATALOG = 80
"""In a catalog of at most this number of items, every item is a candidate of every customer."""
BATCH_CUSTOMERS = 500
WEIGHT_HALF_LIFE_DAYS = 180.0
MIN_DECAYED_WEIGHT = 0.3
"""For similarity and affinity a purchase loses weight with time, down to this share."""


@dataclass(frozen=True)
class CandidateLimits:
    """The most pairs of a customer from each source."""

    own: int = 40
    similar: int = 20
    affinity: int = 15
    popular: int = 10


@dataclass(frozen=True)
class CandidateSet:
    """One entry per candidate pair, ordered by customer and item: indices into ``history``, and ``PAIR_FEATURES``.

    ``nearest_item`` is the index of the most similar item that the customer bought; -1 if none.
    """

    history: PurchaseHistory
    similarity: ItemSimilarity
    customer_index: Ints
    item_index: Ints
    nearest_item: Ints
    features: pd.DataFrame

    @property
    def is_repeat(self) -> Bools:
        """Whether the customer ever bought the item; the others are to explore."""
        return np.asarray(self.features["own_purchases"] > 0)


@dataclass(frozen=True)
class _Sources:
    """The sources of candidates, and their limits."""

    history: PurchaseHistory
    similarity: ItemSimilarity
    factors: LatentFactors
    weights: sparse.csr_matrix
    limits: CandidateLimits


def generate_candidates(
    history: PurchaseHistory, customers: Ints, seed: int, limits: CandidateLimits | None = None
) -> CandidateSet:
    """The candidate pairs of the given customers (indices, ascending)."""
    decay = MIN_DECAYED_WEIGHT + (1 - MIN_DECAYED_WEIGHT) * 0.5 ** (
        history.pair_stats["days_since"] / WEIGHT_HALF_LIFE_DAYS
    )
    weights = history.matrix(np.log1p(history.pair_stats["purchases"]) * decay)
    similarity = ItemSimilarity.fit(history)
    factors = LatentFactors.fit(weights, similarity.items, seed)
    sources = _Sources(history, similarity, factors, weights, limits or CandidateLimits())
    batches = [
        _batch(sources, customers[start : start + BATCH_CUSTOMERS])
        for start in range(0, max(1, len(customers)), BATCH_CUSTOMERS)
    ]
    return CandidateSet(
        history=history,
        similarity=similarity,
        customer_index=np.concatenate([batch.customer_index for batch in batches]),
        item_index=np.concatenate([batch.item_index for batch in batches]),
        nearest_item=np.concatenate([batch.nearest_item for batch in batches]),
        features=pd.concat([batch.features for batch in batches], ignore_index=True),
    )


def _batch(sources: _Sources, customers: Ints) -> CandidateSet:
    """The candidate pairs of a few customers."""
    history, similarity = sources.history, sources.similarity
    weights = sources.weights[customers]
    similarity_scores, affinity_scores = similarity.scores(weights), sources.factors.scores(weights)
    row, item_index = _pairs(sources, customers, similarity_scores, affinity_scores)
    customer_index = customers[row]
    compared_index = index_in(similarity.items, len(history.items))[item_index]
    nearest_similarity, nearest = nearest_items(history, similarity, customers, row, item_index)
    features = feature_frame(
        {
            **purchase_features(history, customer_index, item_index),
            **side_features(history, customer_index, item_index),
            **score_features("similarity", similarity_scores, row, compared_index),
            **score_features("affinity", affinity_scores, row, compared_index),
            "nearest_similarity": nearest_similarity,
        }
    )
    return CandidateSet(history, similarity, customer_index, item_index, nearest, features)


def _pairs(
    sources: _Sources, customers: Ints, similarity_scores: Floats32, affinity_scores: Floats32
) -> tuple[Ints, Ints]:
    """Positions in ``customers`` and item indices of the pairs, in order: all items of a small catalog, else the
    most recent of the customer's purchases and the best of each source that it never bought."""
    history, limits = sources.history, sources.limits
    sold = np.flatnonzero(history.item_stats["buyers"] > 0)
    if len(sold) <= SMALL_CATALOG:
        return np.repeat(np.arange(len(customers)), len(sold)), np.tile(sold, len(customers))
    compared, offsets = sources.similarity.items, history.offsets()
    own_pairs = [slice(offsets[customer], offsets[customer + 1]) for customer in customers]
    bought = np.zeros((len(customers), len(history.items)), dtype=bool)
    for i, pairs in enumerate(own_pairs):
        bought[i, history.item_index[pairs]] = True
    is_candidate = np.zeros_like(bought)
    popularity = history.segment_popularity[history.segment_index[customers]][:, compared]
    for scores, limit in (
        (similarity_scores, limits.similar),
        (affinity_scores, limits.affinity),
        (popularity, limits.popular),
    ):
        if 0 < limit < scores.shape[1]:
            rows, columns = _top(np.where(bought[:, compared], -np.inf, scores), limit)
            is_candidate[rows, compared[columns]] = True
    recency = history.pair_stats["decayed_visits"] + history.pair_stats["decayed_30d"]
    for i, pairs in enumerate(own_pairs):
        items = history.item_index[pairs]
        if len(items) > limits.own:
            items = items[np.argsort(-recency[pairs], kind="stable")[: limits.own]]
        is_candidate[i, items] = True
    row, item_index = np.nonzero(is_candidate)
    return row, item_index


def _top(scores: Floats32, limit: int) -> tuple[Ints, Ints]:
    """Rows and columns of the ``limit`` highest finite scores of each row."""
    top = np.argpartition(-scores, limit, axis=1)[:, :limit]
    finite = np.isfinite(np.take_along_axis(scores, top, axis=1)).ravel()
    return np.repeat(np.arange(len(scores)), limit)[finite], top.ravel()[finite]
