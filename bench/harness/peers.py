"""Peers of the recommender: their scores of every item, for some customers at a time.

A peer is fitted to one purchase history (before a cut). ``PEERS`` lists the settings of each that are tried; the one
measured is chosen by recall@10 on the latest inner cut. All may list items bought before.
"""

from collections.abc import Callable

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.cpu.als import AlternatingLeastSquares as OnProcessor
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender, bm25_weight
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from data.arrays import Ints
from models.ranking.purchase_history import PurchaseHistory

Say = Callable[[Ints], NDArray[np.float32]]
"""Customers (indices of the history) → scores, customers × items; higher is better."""


def own_history(history: PurchaseHistory, weight: str) -> Say:
    """The customer's own purchases: by count, or decayed by time or by visit."""
    matrix = history.matrix(history.pair_stats[weight])
    return lambda chosen: np.asarray(matrix[chosen].todense(), dtype=np.float32)


def segment_top(history: PurchaseHistory, days: str) -> Say:
    """Popularity in the segment within 90 days, or overall (``ever``)."""
    if days == "ever":
        return lambda chosen: np.broadcast_to(history.item_stats["buyers"], (len(chosen), len(history.items))).astype(
            np.float32
        )
    return lambda chosen: history.segment_popularity[history.segment_index[chosen]].astype(np.float32)


def item_neighbours(history: PurchaseHistory, kind: str, neighbours: int) -> Say:
    """``implicit``'s item-kNN: what is bought by the buyers of what the customer bought, itself included."""
    kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
    matrix = history.matrix(np.log1p(history.pair_stats["purchases"])).astype(np.float64)
    model = kinds[kind](K=neighbours, num_threads=1)
    model.fit(matrix, show_progress=False)
    matrix = matrix.astype(np.float32)
    return lambda chosen: np.asarray((matrix[chosen] @ model.similarity).todense(), dtype=np.float32)


def least_squares(history: PurchaseHistory, factors: int, alpha: float, weight: str) -> Say:
    """``implicit``'s alternating least squares (Hu, Koren & Volinsky 2008)."""
    matrix = history.matrix(history.pair_stats[weight]).astype(np.float32)
    matrix = bm25_weight(matrix, K1=100, B=0.5).tocsr() if weight == "purchases" else matrix
    model: OnProcessor = AlternatingLeastSquares(
        factors=factors, regularization=0.05, alpha=alpha, iterations=12, num_threads=1, random_state=7, use_gpu=False
    )
    with threadpool_limits(1, "blas"):  # implicit has threads of its own, and warns of others
        model.fit(matrix.astype(np.float32), show_progress=False)
    return lambda chosen: model.user_factors[chosen] @ model.item_factors.T


PEERS: dict[str, tuple[Callable[..., Say], tuple[tuple[object, ...], ...]]] = {
    "own-history top": (own_history, (("purchases",), ("decayed_180d",), ("decayed_30d",), ("decayed_visits",))),
    "segment top": (segment_top, (("recent",), ("ever",))),
    "item-kNN (implicit)": (item_neighbours, (("cosine", 50), ("tfidf", 20), ("bm25", 20), ("bm25", 200))),
    "ALS (implicit)": (
        least_squares,
        ((64, 1.0, "purchases"), (64, 10.0, "decayed_180d"), (128, 10.0, "decayed_180d")),
    ),
}
