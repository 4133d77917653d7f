"""BG/NBD: Fader, Hardie and Lee (2005), "Counting your customers the easy way".

While alive a customer orders at a steady rate, gamma(r, alpha) over customers; after each order it stops with a
probability, beta(a, b) over customers. Without a repeat order a customer is alive with certainty.
"""

import numpy as np
import pandas as pd
from scipy.special import betaincinv, betaln, gammaln, hyp2f1

from data.arrays import Floats
from models.estimators.buy_till_you_die import BuyTillYouDie, purchase_histories, require_horizon

POLE_MARGIN = 1e-6
"""Parameters nearer to a pole of the closed form are moved off it by this."""
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)


class BetaGeoModel(BuyTillYouDie):
    """BG/NBD by maximum likelihood. After ``fit``: ``r_``, ``alpha_`` (order rates), ``a_``, ``b_`` (stopping)."""

    r_: float
    alpha_: float
    a_: float
    b_: float
    names = ("r", "alpha", "a", "b")
    time_parameters = ("alpha",)
    initial_logs = ((0.0, 0.0, 0.0, 1.0), (-1.0, -1.0, -1.0, 0.0), (0.0, 0.0, -3.0, 0.0))

    def predict(self, X: pd.DataFrame, horizon: float) -> Floats:
        """Expected orders of each customer within ``horizon`` from now, in the unit of ``age``."""
        r, alpha, a, b = self.parameters()
        x, _, age = purchase_histories(X)
        a = a + POLE_MARGIN if abs(a - 1) < POLE_MARGIN else a
        c = a + b + x - 1
        c = np.where(np.abs(c) < POLE_MARGIN, POLE_MARGIN, c)
        z = require_horizon(horizon) / (alpha + age + horizon)
        # Euler's transformation of the published form: its terms do not grow with the number of orders
        with np.errstate(all="ignore"):
            remaining = np.exp((a - 1) * np.log1p(-z)) * hyp2f1(c - r - x, a - 1, c, z)
        undefined = ~np.isfinite(remaining)  # only if a is far above 1, where the factor is the mean of a power
        remaining[undefined] = _mean_power(a - 1, b, x[undefined], r, (z / (1 - z))[undefined])
        return np.asarray(np.maximum(c / (a - 1) * (1 - remaining), 0.0) * self.probability_alive(X))

    def probability_alive(self, X: pd.DataFrame) -> Floats:
        """Probability of each customer to be still ordering; 1 without a repeat order."""
        r, alpha, a, b = self.parameters()
        x, t_x, age = purchase_histories(X)
        with np.errstate(over="ignore"):
            odds = a / (b + np.maximum(x, 1) - 1) * np.exp((r + x) * (np.log(alpha + age) - np.log(alpha + t_x)))
        return np.where(x > 0, 1 / (1 + odds), 1.0)

    @staticmethod
    def _log_likelihood(parameters: Floats, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Equation 6 of the paper, in logarithms."""
        r, alpha, a, b = parameters
        rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        stays = betaln(a, b + x) - betaln(a, b)
        alive = -(r + x) * np.log(alpha + age)
        stopped = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
        return np.asarray(rates + stays + np.where(x > 0, np.logaddexp(alive, stopped), alive))


def _mean_power(a: float, b: float, x: Floats, r: float, w: Floats) -> Floats:
    """Mean of (1 + w p)^-(r + x) over probabilities p from beta(a, b + x), by quadrature; one per customer."""
    counts, count_index = np.unique(x, return_inverse=True)
    p = betaincinv(a, b + counts[:, None], (NODES[None, :] + 1) / 2)[count_index]
    return np.asarray(np.exp(-(r + x)[:, None] * np.log1p(w[:, None] * p)) @ (NODE_WEIGHTS / 2))
