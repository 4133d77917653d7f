"""Items that are bought by the same customers: how closely any goes with what a customer bought."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from data.arrays import Floats32, Ints
from models.ranking.purchase_history import PurchaseHistory

MOST_ITEMS = 4_000
"""Items that are compared, those with most buyers: the comparison holds a number for each pair of them."""
SHRINK = 10.0
"""Two items are as alike as if this many more customers had bought only one of them."""


@dataclass(frozen=True)
class Neighbours:
    """``compared`` are the places of the items that are compared, ``alike`` how much, ``counts`` by how many buyers.

    Likeness is the cosine of the items' buyers, shrunk where few bought both (Sarwar et al. 2001; Bell & Koren 2007).
    """

    compared: Ints
    alike: Floats32
    counts: Floats32

    @classmethod
    def of(cls, shelf: PurchaseHistory, most: int = MOST_ITEMS, shrink: float = SHRINK) -> "Neighbours":
        """What the shelf's customers bought together."""
        compared = most_bought(shelf, most)
        bought = shelf.matrix(np.ones(len(shelf.row)))[:, compared].astype(np.float32)
        counts = np.asarray((bought.T @ bought).todense(), dtype=np.float32)
        buyers = counts.diagonal().copy()
        np.fill_diagonal(counts, 0.0)
        alike = counts / (np.sqrt(np.outer(buyers, buyers)) + np.float32(shrink))
        return cls(compared, alike.astype(np.float32), counts)

    def scores(self, weights: sparse.csr_matrix) -> Floats32:
        """Customers × compared items: the likeness to all that each bought, by the weight of each purchase."""
        mine = weights[:, self.compared].astype(np.float32)
        return np.asarray(mine @ self.alike, dtype=np.float32)

    def count(self, first: Ints, second: Ints) -> Floats32:
        """How many customers bought both of each pair of compared items (places in the shelf)."""
        found: Floats32 = self.counts[np.searchsorted(self.compared, first), np.searchsorted(self.compared, second)]
        return found


def most_bought(shelf: PurchaseHistory, most: int) -> Ints:
    """Ints of the items with most buyers, in order of place; those that nobody bought are never among them."""
    buyers = shelf.of_item["buyers"]
    order = np.argsort(-buyers, kind="stable")[:most]
    return np.sort(order[buyers[order] > 0])
