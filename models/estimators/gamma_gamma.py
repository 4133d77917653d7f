"""Gamma-Gamma: Fader and Hardie (2013), "The Gamma-Gamma model of monetary value".

Amounts of orders vary around a mean of the customer's own, which is independent of how often it orders.
"""

from typing import Self

import numpy as np
import pandas as pd
from scipy.special import betaln

from data.arrays import Floats
from models.estimators.buy_till_you_die import require_repeat_customers
from models.estimators.maximum_likelihood import ParametricModel, maximize_likelihood, numeric_column


class GammaGammaModel(ParametricModel):
    """Gamma-Gamma by maximum likelihood. After ``fit``: ``p_``, ``q_``, ``v_``.

    Reads one row per customer with ``frequency`` (orders after the first) and ``spend`` (mean amount of an order, not
    read without a repeat order).
    """

    p_: float
    q_: float
    v_: float
    names = ("p", "q", "v")

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """The model, fitted to the customers with a repeat order; ``y`` is not read.

        Raises ``ValueError`` if a column is missing or inconsistent, too few customers have a repeat order, or spends
        differ so widely that their mean does not exist (``q`` ≤ 1).
        """
        frequency, spend = _spends(X)
        require_repeat_customers(frequency)
        x, z = frequency[frequency > 0], spend[frequency > 0]
        if np.ptp(z) <= 1e-9 * z.max():
            raise ValueError(f"every customer spends {z[0]:g} an order; use that number, there is nothing to fit")
        unit = float(np.median(z))

        def loss(logs: Floats) -> float:
            p, q, v = np.exp(logs)
            return -float(np.mean(_log_likelihood(p, q, v, x, z / unit)))

        p, q, v = maximize_likelihood(loss, [(1.0, 1.0, 1.0), (2.0, 1.0, 0.0)])
        if q <= 1:
            raise ValueError(f"spends differ too widely for a mean (q = {q:.2f}, must exceed 1); cap the largest")
        self._set_parameters([p, q, v * unit])
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Expected mean amount of an order of each customer; the overall mean without a repeat order."""
        p, q, v = self.parameters()
        x, spend = _spends(X)
        return np.asarray(p * (v + x * np.where(x > 0, spend, 0.0)) / (p * x + q - 1))


def _log_likelihood(p: float, q: float, v: float, x: Floats, z: Floats) -> Floats:
    """Of each customer's mean spend ``z`` over ``x`` orders."""
    shape = p * x
    scale = q * np.log(v) - (shape + q) * np.log(x * z + v)
    return np.asarray(scale - betaln(shape, q) + (shape - 1) * np.log(z) + shape * np.log(x))


def _spends(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """``frequency`` and ``spend`` (1 without a repeat order) of each customer, checked."""
    frequency = numeric_column(rows, "frequency")
    spends = rows.assign(spend=rows["spend"].where(frequency > 0, 1.0)) if "spend" in rows else rows
    spend = numeric_column(spends, "spend")
    bad = (spend <= 0) | (frequency < 0)
    if bad.any():
        raise ValueError(f"spend is not above 0 in {bad.sum():,} rows (first: row {np.argmax(bad)}); leave returns out")
    return frequency, spend
