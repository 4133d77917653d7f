"""Tastes: a few numbers for each customer and item whose product says what the customer would like."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from data.arrays import Floats32, Ints
from models.ranking.purchase_history import PurchaseHistory

RANK = 48
FEWEST_A_TASTE = 8
"""Customers, and items, for each number of a taste: fewer would be learnt by heart."""
TAMED = 0.5
"""How far the favourites of all are toned down, so that taste is not merely popularity: 0 not at all, 1 wholly."""


@dataclass(frozen=True)
class Factors:
    """``compared`` are places of items, ``out`` and ``back`` take their weights to tastes and back to scores.

    A truncated singular value decomposition of customers × items (PureSVD, Cremonesi, Koren & Turrin 2010), its columns
    scaled by popularity (EigenRec, Nikolakopoulos et al. 2019).
    """

    compared: Ints
    out: Floats32
    back: Floats32

    @classmethod
    def of(
        cls, shelf: PurchaseHistory, weights: sparse.csr_matrix, compared: Ints, seed: int, rank: int = RANK
    ) -> "Factors":
        """The tastes of the shelf's customers in the compared items."""
        mine = weights[:, compared].astype(np.float64)
        scale = np.sqrt(np.maximum(np.asarray(mine.multiply(mine).sum(axis=0)).ravel(), 1e-12)) ** -TAMED
        kept = min(rank, min(mine.shape) // FEWEST_A_TASTE)
        if kept < 1:
            nothing = np.zeros((len(compared), 1), dtype=np.float32)
            return cls(compared, nothing, nothing.T)
        _, _, right = randomized_svd(mine @ sparse.diags(scale), kept, n_iter=4, random_state=seed)
        out = (right * scale).T.astype(np.float32)
        return cls(compared, out, (right / scale).astype(np.float32))

    def scores(self, weights: sparse.csr_matrix) -> Floats32:
        """Customers × compared items."""
        return np.asarray((weights[:, self.compared].astype(np.float32) @ self.out) @ self.back, dtype=np.float32)
