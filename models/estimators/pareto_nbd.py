"""Pareto/NBD: Schmittlein, Morrison and Colombo (1987), by the formulas of Fader and Hardie (2005).

While alive a customer orders at a steady rate, gamma(r, alpha) over customers, and stops at a rate, gamma(s, beta)
over customers, whether it orders or not: unlike in BG/NBD a customer without a repeat order may have stopped.
"""

import numpy as np
import pandas as pd
from scipy.special import gammaln, hyp2f1

from data.arrays import Floats
from models.estimators.buy_till_you_die import BuyTillYouDie, purchase_histories, require_horizon


class ParetoNBDModel(BuyTillYouDie):
    """Pareto/NBD by maximum likelihood. After ``fit``: ``r_``, ``alpha_`` (orders), ``s_``, ``beta_`` (lifetime)."""

    r_: float
    alpha_: float
    s_: float
    beta_: float
    names = ("r", "alpha", "s", "beta")
    time_parameters = ("alpha", "beta")
    initial_logs = ((0.0, 0.0, 0.0, 0.5), (-1.0, -1.0, -1.0, 0.0))

    def predict(self, X: pd.DataFrame, horizon: float) -> Floats:
        """Expected orders of each customer within ``horizon`` from now, in the unit of ``age``."""
        r, alpha, s, beta = self.parameters()
        x, _, age = purchase_histories(X)
        log_growth = np.log1p(require_horizon(horizon) / (beta + age))
        lifetime = log_growth if abs(s - 1) < 1e-9 else -np.expm1(-(s - 1) * log_growth) / (s - 1)
        return np.asarray((r + x) / (alpha + age) * (beta + age) * lifetime * self.probability_alive(X))

    def probability_alive(self, X: pd.DataFrame) -> Floats:
        """Probability of each customer to be still ordering."""
        x, t_x, age = purchase_histories(X)
        alive, stopped = _alive_and_stopped(self.parameters(), x, t_x, age)
        return np.asarray(1 / (1 + np.exp(np.minimum(stopped - alive, 700.0))))

    @staticmethod
    def _log_likelihood(parameters: Floats, x: Floats, t_x: Floats, age: Floats) -> Floats:
        r, alpha, s, beta = parameters
        alive, stopped = _alive_and_stopped((r, alpha, s, beta), x, t_x, age)
        rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
        return np.asarray(rates + np.logaddexp(alive, stopped))


def _alive_and_stopped(parameters: tuple[float, ...], x: Floats, t_x: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Logarithms of the likelihood of each history if still alive, and if stopped, but for a common factor."""
    r, alpha, s, beta = parameters
    alive = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    at_last, now = _log_hypergeometric(parameters, x, t_x), _log_hypergeometric(parameters, x, age)
    with np.errstate(all="ignore"):
        stopped = at_last + np.log(-np.expm1(np.minimum(now - at_last, 0.0)))
    return alive, np.log(s / (r + s + x)) + stopped


def _log_hypergeometric(parameters: tuple[float, ...], x: Floats, t: Floats) -> Floats:
    """Logarithm of F(r+s+x, k; r+s+x+1; z) / (m + t)^(r+s+x), with m the larger of alpha and beta.

    k is s+1 if alpha is the larger, r+x if beta is; Euler's transformation, which never overflows.
    """
    r, alpha, s, beta = parameters
    total = r + s + x
    if alpha >= beta:
        large, small, power, other = alpha, beta, np.full_like(x, s), r + x
    else:
        large, small, power, other = beta, alpha, r + x - 1, np.full_like(x, s + 1)
    z = (large - small) / (large + t)
    with np.errstate(all="ignore"):
        series = np.log(hyp2f1(1.0, other, total + 1, z))
    return np.asarray(series - power * np.log1p(-z) - total * np.log(large + t))
