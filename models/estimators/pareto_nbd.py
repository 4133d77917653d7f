"""Pareto/NBD: customers who leave at a time of their own, whether they order or not.

Schmittlein, Morrison & Colombo (1987, "Counting your customers: who are they and what will they do next?"), in the
form of Fader & Hardie (2005, "A note on deriving the Pareto/NBD model"). While alive a customer orders at a steady
rate of its own; its life has an exponential length of its own; both rates are spread over customers as gamma
distributions. It differs from BG/NBD for those who never came back: they may have left. It reads the columns that
``models/estimators/bg_nbd.py`` tells of, and shares its limits.
"""

from typing import Self

import numpy as np
import pandas as pd
from scipy.special import gammaln, hyp2f1

from data.arrays import Floats
from models.estimators.bg_nbd import Fitted, enough, grouped, histories, horizon_of, likeliest

LOST = 1e9
"""The loss of parameters so far out that the likelihood cannot be written down."""


class ParetoModel(Fitted):
    """Pareto/NBD by maximum likelihood. After ``fit``: ``r_``, ``alpha_`` (rates), ``s_``, ``beta_`` (lives)."""

    names = ("r", "alpha", "s", "beta")

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """The model, fitted to one row per customer; ``y`` is not read.

        ValueError: a column is missing or makes no sense, or too few customers came back.
        """
        frequency, recency, age = histories(X)
        enough(frequency)
        (x, last, now), weights = grouped(frequency, recency, age)
        unit = float(np.average(now, weights=weights))

        def loss(logs: Floats) -> float:
            r, alpha, s, beta = np.exp(logs)
            alive, gone = _alive_and_gone(r, alpha, s, beta, x, last / unit, now / unit)
            rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
            with np.errstate(invalid="ignore"):
                fit = np.average(rates + np.logaddexp(alive, gone), weights=weights)
            return -float(fit) if np.isfinite(fit) else LOST

        r, alpha, s, beta = likeliest(loss, [(0.0, 0.0, 0.0, 0.5), (-1.0, -1.0, -1.0, 0.0)])
        self.r_, self.alpha_, self.s_, self.beta_ = r, alpha * unit, s, beta * unit
        return self

    def predict(self, X: pd.DataFrame, horizon: float) -> Floats:
        """Expected orders of each customer within ``horizon`` from now, in the unit of ``age``."""
        r, alpha, s, beta = self.parameters()
        x, _, age = histories(X)
        later = np.log1p(horizon_of(horizon) / (beta + age))
        lived = later if abs(s - 1) < 1e-9 else -np.expm1(-(s - 1) * later) / (s - 1)
        return np.asarray((r + x) / (alpha + age) * (beta + age) * lived * self.alive(X))

    def alive(self, X: pd.DataFrame) -> Floats:
        """The chance of each customer that it still buys."""
        x, last, age = histories(X)
        r, alpha, s, beta = self.parameters()
        alive, gone = _alive_and_gone(r, alpha, s, beta, x, last, age)
        return np.asarray(1 / (1 + np.exp(np.minimum(gone - alive, 700.0))))


def _alive_and_gone(
    r: float, alpha: float, s: float, beta: float, x: Floats, last: Floats, age: Floats
) -> tuple[Floats, Floats]:
    """Logarithms of the two ways to a history, but for a factor that both share: still there, or left since."""
    alive = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
    since, now = _left(r, alpha, s, beta, x, last), _left(r, alpha, s, beta, x, age)
    with np.errstate(all="ignore"):
        gone = since + np.log(-np.expm1(np.minimum(now - since, 0.0)))
    return alive, np.log(s / (r + s + x)) + gone


def _left(r: float, alpha: float, s: float, beta: float, x: Floats, at: Floats) -> Floats:
    """Logarithm of F(r+s+x, b; r+s+x+1; z) / (larger + at)^(r+s+x), by Euler's transformation, which never overflows.

    ``b`` is s+1 where alpha is the larger, r+x where beta is.
    """
    total = r + s + x
    if alpha >= beta:
        large, small, power, other = alpha, beta, np.full_like(x, s), r + x
    else:
        large, small, power, other = beta, alpha, r + x - 1, np.full_like(x, s + 1)
    z = (large - small) / (large + at)
    with np.errstate(all="ignore"):
        series = np.log(hyp2f1(1.0, other, total + 1, z))
    return np.asarray(series - power * np.log1p(-z) - total * np.log(large + at))
