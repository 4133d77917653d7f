"""Peers of the recommender: what each says of every item, for some customers at a time.

A peer is made for one shelf (what was bought before a cut) and knows nothing else. ``PEERS`` names for each the
settings that are tried; which one is measured is chosen by recall@10 on the latest inner cut. All may name what was
bought before.
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
"""Customers (places in the shelf) → customers × items; higher is better."""


def own_history(shelf: PurchaseHistory, weight: str) -> Say:
    """What the customer bought most: by plain count, by fading count, or by a count that fades with each visit."""
    matrix = shelf.matrix(shelf.own[weight])
    return lambda chosen: np.asarray(matrix[chosen].todense(), dtype=np.float32)


def segment_top(shelf: PurchaseHistory, days: str) -> Say:
    """What most customers of the segment bought within 90 days, or ever (then of all)."""
    if days == "ever":
        return lambda chosen: np.broadcast_to(shelf.of_item["buyers"], (len(chosen), len(shelf.items))).astype(
            np.float32
        )
    return lambda chosen: shelf.in_segment[shelf.segment[chosen]].astype(np.float32)


def item_neighbours(shelf: PurchaseHistory, kind: str, neighbours: int) -> Say:
    """``implicit``'s item-kNN: what is bought by the buyers of what the customer bought, itself included."""
    kinds = {"cosine": CosineRecommender, "tfidf": TFIDFRecommender, "bm25": BM25Recommender}
    matrix = shelf.matrix(np.log1p(shelf.own["times"])).astype(np.float64)
    model = kinds[kind](K=neighbours, num_threads=1)
    model.fit(matrix, show_progress=False)
    matrix = matrix.astype(np.float32)
    return lambda chosen: np.asarray((matrix[chosen] @ model.similarity).todense(), dtype=np.float32)


def least_squares(shelf: PurchaseHistory, factors: int, alpha: float, weight: str) -> Say:
    """``implicit``'s alternating least squares (Hu, Koren & Volinsky 2008)."""
    matrix = shelf.matrix(shelf.own[weight]).astype(np.float32)
    matrix = bm25_weight(matrix, K1=100, B=0.5).tocsr() if weight == "times" else matrix
    model: OnProcessor = AlternatingLeastSquares(
        factors=factors, regularization=0.05, alpha=alpha, iterations=12, num_threads=1, random_state=7, use_gpu=False
    )
    with threadpool_limits(1, "blas"):  # implicit has threads of its own, and warns of others
        model.fit(matrix.astype(np.float32), show_progress=False)
    return lambda chosen: model.user_factors[chosen] @ model.item_factors.T


PEERS: dict[str, tuple[Callable[..., Say], tuple[tuple[object, ...], ...]]] = {
    "own-history top": (own_history, (("times",), ("lasting",), ("fresh",), ("by_visit",))),
    "segment top": (segment_top, (("recent",), ("ever",))),
    "item-kNN (implicit)": (item_neighbours, (("cosine", 50), ("tfidf", 20), ("bm25", 20), ("bm25", 200))),
    "ALS (implicit)": (least_squares, ((64, 1.0, "times"), (64, 10.0, "lasting"), (128, 10.0, "lasting"))),
}
