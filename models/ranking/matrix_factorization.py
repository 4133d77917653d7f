"""Latent factors of customers and items: PureSVD, with columns scaled by popularity as in EigenRec."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from data.arrays import Floats32, Ints

MAX_FACTORS = 48
MIN_SIZE_PER_FACTOR = 8
"""Customers, and items, for each factor: with fewer, factors would memorize single customers."""
POPULARITY_DAMPING = 0.5
"""Exponent by which popular items are scaled down: 0 is PureSVD, 1 ignores popularity."""


@dataclass(frozen=True)
class LatentFactors:
    """``items`` are indices of the compared items; ``encoder`` (items × factors) takes purchase weights to factors,
    ``decoder`` (factors × items) takes those to scores.

    A truncated singular value decomposition of customers × items (PureSVD, Cremonesi, Koren & Turrin 2010), its columns
    scaled by popularity (EigenRec, Nikolakopoulos et al. 2019).
    """

    items: Ints
    encoder: Floats32
    decoder: Floats32

    @classmethod
    def fit(cls, weights: sparse.csr_matrix, items: Ints, seed: int, max_factors: int = MAX_FACTORS) -> "LatentFactors":
        """The factors of purchase weights (customers × all items) in the compared items."""
        compared = weights[:, items].astype(np.float64)
        norms = np.sqrt(np.maximum(np.asarray(compared.multiply(compared).sum(axis=0)).ravel(), 1e-12))
        scale = norms**-POPULARITY_DAMPING
        n_factors = min(max_factors, min(compared.shape) // MIN_SIZE_PER_FACTOR)
        if n_factors < 1:
            zeros = np.zeros((len(items), 1), dtype=np.float32)
            return cls(items, zeros, zeros.T)
        _, _, right = randomized_svd(compared @ sparse.diags(scale), n_factors, n_iter=4, random_state=seed)
        return cls(items, (right * scale).T.astype(np.float32), (right / scale).astype(np.float32))

    def scores(self, weights: sparse.csr_matrix) -> Floats32:
        """Customers × compared items: the affinity of each customer."""
        factors = weights[:, self.items].astype(np.float32) @ self.encoder
        return np.asarray(factors @ self.decoder, dtype=np.float32)
