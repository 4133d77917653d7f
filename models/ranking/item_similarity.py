"""Item-item similarity (ItemKNN): items that the same customers buy."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from data.arrays import Floats32, Ints
from models.ranking.purchase_history import PurchaseHistory

MAX_ITEMS = 4_000
"""Items that are compared, those with most buyers: the matrices hold a number for each pair of them."""
SHRINKAGE = 10.0
"""Added to the denominator of the cosine: pairs with few common buyers are less similar."""


@dataclass(frozen=True)
class ItemSimilarity:
    """``items`` are indices of the compared items, ``similarity`` and ``co_purchases`` are compared × compared.

    The cosine of the items' buyers, shrunk where few bought both (Sarwar et al. 2001; Bell & Koren 2007); the diagonal
    is zero. ``co_purchases`` counts the customers that bought both.
    """

    items: Ints
    similarity: Floats32
    co_purchases: Floats32

    @classmethod
    def fit(
        cls, history: PurchaseHistory, max_items: int = MAX_ITEMS, shrinkage: float = SHRINKAGE
    ) -> "ItemSimilarity":
        """The similarity of the items with most buyers."""
        items = most_bought_items(history, max_items)
        bought = history.matrix(np.ones(len(history.customer_index)))[:, items].astype(np.float32)
        counts = np.asarray((bought.T @ bought).todense(), dtype=np.float32)
        buyers = counts.diagonal().copy()
        np.fill_diagonal(counts, 0.0)
        similarity = counts / (np.sqrt(np.outer(buyers, buyers)) + np.float32(shrinkage))
        return cls(items, similarity.astype(np.float32), counts)

    def scores(self, weights: sparse.csr_matrix) -> Floats32:
        """Customers × compared items: the weighted sum of similarities to what each customer bought."""
        return np.asarray(weights[:, self.items].astype(np.float32) @ self.similarity, dtype=np.float32)

    def co_purchase_counts(self, first: Ints, second: Ints) -> Floats32:
        """How many customers bought both items of each pair (indices of compared items)."""
        rows, columns = np.searchsorted(self.items, first), np.searchsorted(self.items, second)
        counts: Floats32 = self.co_purchases[rows, columns]
        return counts


def most_bought_items(history: PurchaseHistory, max_items: int) -> Ints:
    """Indices, ascending, of the items with most buyers; items without a buyer are left out."""
    buyers = history.item_stats["buyers"]
    order = np.argsort(-buyers, kind="stable")[:max_items]
    return np.sort(order[buyers[order] > 0])
