"""How often customers without a contract buy, whether they still do, and what an order of theirs brings.

``BuyingModel`` is BG/NBD (Fader, Hardie & Lee 2005, "Counting your customers the easy way"): while a customer is alive
orders come at a steady rate of its own; after each order it leaves with a chance of its own. Rates are spread over
customers as a gamma, chances as a beta distribution. ``SpendModel`` is Gamma-Gamma (Fader & Hardie 2005): what an order
brings varies around a mean of the customer's own, which has nothing to do with how often it buys.

Both read one row per customer, in a frame with the columns

- ``frequency``: orders after the first (days with an order, where several a day are one visit),
- ``recency``: time from the first order to the last, 0 where there is no other,
- ``age``: time from the first order to now, in the same unit (days or weeks; parameters follow it),
- ``spend``: mean amount of an order (``SpendModel`` only; not read where ``frequency`` is 0).

They assume no season and no trend, and that a customer who has left never returns: where that fails, the total does.
A customer that never bought again is alive for certain by BG/NBD: it can only leave after an order.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaincinv, betaln, gammaln, hyp2f1
from sklearn.exceptions import NotFittedError

from data.arrays import Floats

FEWEST_REPEATERS = 20
"""Fewer customers who came back say nothing of how rates are spread over customers."""

FURTHEST = 6.0
"""Logarithms of parameters stay within this of 0: past it a spread is a point, and the likelihood is flat."""

STEPS = {"maxfun": 400}
NUDGE = 1e-6
NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)


class Fitted:
    """A model of a few positive numbers, called ``names``; each is an attribute that ends in ``_`` after ``fit``."""

    names: ClassVar[tuple[str, ...]]

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """What ``state()`` wrote."""
        model = cls()
        for name in cls.names:
            setattr(model, f"{name}_", float(state[name]))
        return model

    def state(self) -> dict[str, Any]:
        """The parameters, as JSON."""
        return dict(zip(self.names, self.parameters(), strict=True))

    def parameters(self) -> tuple[float, ...]:
        """In the order of ``names``. NotFittedError (a ValueError) before ``fit``."""
        if not all(hasattr(self, f"{name}_") for name in self.names):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet; call fit first")
        return tuple(getattr(self, f"{name}_") for name in self.names)


class BuyingModel(Fitted):
    """BG/NBD by maximum likelihood. After ``fit``: ``r_``, ``alpha_`` (rates), ``a_``, ``b_`` (leaving)."""

    names = ("r", "alpha", "a", "b")

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """The model, fitted to one row per customer; ``y`` is not read.

        ValueError: a column is missing or makes no sense, or too few customers came back.
        """
        frequency, recency, age = histories(X)
        enough(frequency)
        (x, last, now), weights = grouped(frequency, recency, age)
        unit = float(np.average(now, weights=weights))

        def loss(logs: Floats) -> float:
            return -float(np.average(_log_likelihood(np.exp(logs), x, last / unit, now / unit), weights=weights))

        r, alpha, a, b = likeliest(loss, [(0.0, 0.0, 0.0, 1.0), (-1.0, -1.0, -1.0, 0.0), (0.0, 0.0, -3.0, 0.0)])
        self.r_, self.alpha_, self.a_, self.b_ = r, alpha * unit, a, b
        return self

    def predict(self, X: pd.DataFrame, horizon: float) -> Floats:
        """Expected orders of each customer within ``horizon`` from now, in the unit of ``age``."""
        r, alpha, a, b = self.parameters()
        x, _, age = histories(X)
        a = a + NUDGE if abs(a - 1) < NUDGE else a
        c = a + b + x - 1
        c = np.where(np.abs(c) < NUDGE, NUDGE, c)
        z = horizon_of(horizon) / (alpha + age + horizon)
        # Euler's transformation of the published form: its terms do not grow with the number of orders
        with np.errstate(all="ignore"):
            left = np.exp((a - 1) * np.log1p(-z)) * hyp2f1(c - r - x, a - 1, c, z)
        lost = ~np.isfinite(left)  # only where a is far above 1, and the share that is left a plain mean
        left[lost] = _mean_power(a - 1, b, x[lost], r, (z / (1 - z))[lost])
        return np.asarray(np.maximum(c / (a - 1) * (1 - left), 0.0) * self.alive(X))

    def alive(self, X: pd.DataFrame) -> Floats:
        """The chance of each customer that it still buys; 1 where it never bought again."""
        r, alpha, a, b = self.parameters()
        x, last, age = histories(X)
        with np.errstate(over="ignore"):
            gone = a / (b + np.maximum(x, 1) - 1) * np.exp((r + x) * (np.log(alpha + age) - np.log(alpha + last)))
        return np.where(x > 0, 1 / (1 + gone), 1.0)

    def chance(self, X: pd.DataFrame, horizon: float) -> Floats:
        """The chance of each customer that it orders at least once within ``horizon``."""
        r, alpha, _, _ = self.parameters()
        x, _, age = histories(X)
        none = np.exp((r + x) * (np.log(alpha + age) - np.log(alpha + age + horizon_of(horizon))))
        return np.asarray(self.alive(X) * (1 - none))


class SpendModel(Fitted):
    """Gamma-Gamma by maximum likelihood. After ``fit``: ``p_``, ``q_``, ``v_``."""

    names = ("p", "q", "v")

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """The model, fitted to the customers who came back (``frequency`` > 0); ``y`` is not read.

        ValueError: a column is missing or makes no sense, too few came back, or spends are spread so widely that
        their mean does not exist (``q`` ≤ 1).
        """
        frequency, spend = _spends(X)
        enough(frequency)
        x, z = frequency[frequency > 0], spend[frequency > 0]
        if np.ptp(z) <= 1e-9 * z.max():
            raise ValueError(f"every customer spends {z[0]:g} an order; use that number, there is nothing to learn")
        unit = float(np.median(z))

        def loss(logs: Floats) -> float:
            p, q, v = np.exp(logs)
            return -float(np.mean(_spend_likelihood(p, q, v, x, z / unit)))

        p, q, v = likeliest(loss, [(1.0, 1.0, 1.0), (2.0, 1.0, 0.0)])
        if q <= 1:
            raise ValueError(f"spends are spread too widely for a mean (q = {q:.2f}, must exceed 1); cap the largest")
        self.p_, self.q_, self.v_ = p, q, v * unit
        return self

    def predict(self, X: pd.DataFrame) -> Floats:
        """Expected mean amount of an order of each customer; that of all where it never came back."""
        p, q, v = self.parameters()
        x, spend = _spends(X)
        return np.asarray(p * (v + x * np.where(x > 0, spend, 0.0)) / (p * x + q - 1))


def histories(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """``frequency``, ``recency`` and ``age`` of each customer, checked. ValueError says all that is wrong."""
    frequency, recency, age = (column(rows, name) for name in ("frequency", "recency", "age"))
    wrong = {
        "frequency is not a whole number from 0": (frequency < 0) | (frequency != np.floor(frequency)),
        "recency is not within 0 and age": (recency < 0) | (recency > age),
        "recency is not 0 though nothing was bought again": (frequency == 0) & (recency != 0),
        "recency is 0 though something was bought again": (frequency > 0) & (recency == 0),
    }
    said = [f"{rule} in {bad.sum():,} rows (first: row {np.argmax(bad)})" for rule, bad in wrong.items() if bad.any()]
    if said:
        raise ValueError("; ".join(said) + ". Count orders after the first, and times from the first order")
    return frequency, recency, age


def column(rows: pd.DataFrame, name: str) -> Floats:
    """One column as finite numbers. ValueError names what is missing or not a number."""
    if name not in rows:
        raise ValueError(f"no column {name!r}; there are {', '.join(map(str, rows.columns[:10]))}")
    values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~np.isfinite(values)
    if bad.any():
        first = np.argmax(bad)
        raise ValueError(f"{name} is missing or infinite in {bad.sum():,} rows (first: row {first}); drop them")
    return np.asarray(values)


def enough(frequency: Floats) -> None:
    """ValueError where too few customers came back."""
    came = int((frequency > 0).sum())
    if came < FEWEST_REPEATERS:
        raise ValueError(f"{came} of {len(frequency):,} customers came back; at least {FEWEST_REPEATERS} must have")


def horizon_of(horizon: float) -> float:
    """A horizon that makes sense, or a ValueError."""
    if not np.isfinite(horizon) or horizon < 0:
        raise ValueError(f"horizon is {horizon}; must be a time from 0, in the unit of age")
    return float(horizon)


def grouped(*columns: Floats) -> tuple[tuple[Floats, ...], Floats]:
    """The distinct rows, and how many there are of each: all that a likelihood needs to know."""
    rows, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    return tuple(rows.T), counts.astype(np.float64)


def likeliest(loss: Callable[[Floats], float], starts: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Positive parameters of the smallest loss, searched for in logarithms from each start."""
    bounds = [(-FURTHEST, FURTHEST)] * len(starts[0])
    found = [minimize(loss, start, method="L-BFGS-B", bounds=bounds, options=STEPS) for start in starts]
    best = min((result for result in found if np.isfinite(result.fun)), key=lambda result: result.fun, default=None)
    if best is None:
        raise ValueError("the likelihood is finite nowhere; look for customers out of all measure")
    best = minimize(loss, best.x, method="L-BFGS-B", bounds=bounds, options={**STEPS, "ftol": 1e-14, "gtol": 1e-8})
    return tuple(float(value) for value in np.exp(best.x))


def _log_likelihood(parameters: Floats, x: Floats, t: Floats, age: Floats) -> Floats:
    """Of each history; equation 6 of Fader, Hardie & Lee, in logarithms."""
    r, alpha, a, b = parameters
    rates = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stays = betaln(a, b + x) - betaln(a, b)
    here = -(r + x) * np.log(alpha + age)
    again = np.maximum(x, 1)
    gone = np.log(a) - np.log(b + again - 1) - (r + x) * np.log(alpha + t)
    return np.asarray(rates + stays + np.where(x > 0, np.logaddexp(here, gone), here))


def _mean_power(a: float, b: float, x: Floats, r: float, w: Floats) -> Floats:
    """Mean of (1 + w p)^-(r + x) over chances ``p`` that are spread as Beta(a, b + x), by quadrature."""
    counts, which = np.unique(x, return_inverse=True)
    chances = betaincinv(a, b + counts[:, None], (NODES[None, :] + 1) / 2)[which]
    return np.asarray(np.exp(-(r + x)[:, None] * np.log1p(w[:, None] * chances)) @ (WEIGHTS / 2))


def _spend_likelihood(p: float, q: float, v: float, x: Floats, z: Floats) -> Floats:
    """Of each customer's mean spend ``z`` over ``x`` orders."""
    shape = p * x
    spread = q * np.log(v) - (shape + q) * np.log(x * z + v)
    return np.asarray(spread - betaln(shape, q) + (shape - 1) * np.log(z) + shape * np.log(x))


def _spends(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    frequency = column(rows, "frequency")
    known = rows.assign(spend=rows["spend"].where(frequency > 0, 1.0)) if "spend" in rows else rows
    spend = column(known, "spend")
    bad = (spend <= 0) | (frequency < 0)
    if bad.any():
        raise ValueError(f"spend is not above 0 in {bad.sum():,} rows (first: row {np.argmax(bad)}); leave returns out")
    return frequency, spend
