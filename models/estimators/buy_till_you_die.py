"""Buy-till-you-die models: orders of customers without a contract, who may have stopped ordering unnoticed.

The symbols are those of Fader and Hardie: x repeat orders, the last at t_x, in a history of length T. No season, no
trend and no return of a customer who stopped: where that does not hold, the total of a forecast is off.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.estimators.maximum_likelihood import ParametricModel, maximize_likelihood, numeric_column

MIN_REPEAT_CUSTOMERS = 20
"""Fewer customers with a repeat order do not show how rates differ between customers."""

LOSS_IF_UNDEFINED = 1e9
"""The loss of parameters so extreme that the likelihood cannot be computed."""


class BuyTillYouDie(ParametricModel, ABC):
    """A model fitted by maximum likelihood to one row per customer, in a frame with the columns

    - ``frequency`` (x): orders after the first (days with an order, where several a day are one visit),
    - ``recency`` (t_x): time from the first order to the last, 0 without a repeat order,
    - ``age`` (T): time from the first order to now, in the same unit, which parameters follow.
    """

    initial_logs: ClassVar[tuple[tuple[float, ...], ...]]
    """Logarithms of the parameters from which the optimization begins."""
    time_parameters: ClassVar[tuple[str, ...]]
    """Parameters in the unit of time."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """The model, fitted to one row per customer; ``y`` is not read.

        Raises ``ValueError`` if a column is missing or inconsistent, or too few customers have a repeat order.
        """
        frequency, recency, age = purchase_histories(X)
        require_repeat_customers(frequency)
        rows, counts = np.unique(np.column_stack([frequency, recency, age]), axis=0, return_counts=True)
        x, t_x, age = rows.T  # the likelihood depends on distinct histories and their counts alone
        unit = float(np.average(age, weights=counts.astype(np.float64)))

        def loss(logs: Floats) -> float:
            likelihoods = self._log_likelihood(np.exp(logs), x, t_x / unit, age / unit)
            with np.errstate(invalid="ignore"):
                mean = float(np.average(likelihoods, weights=counts.astype(np.float64)))
            return -mean if np.isfinite(mean) else LOSS_IF_UNDEFINED

        values = maximize_likelihood(loss, self.initial_logs)
        self._set_parameters(
            [
                value * unit if name in self.time_parameters else value
                for name, value in zip(self.names, values, strict=True)
            ]
        )
        return self

    @abstractmethod
    def predict(self, X: pd.DataFrame, horizon: float) -> Floats:
        """Expected orders of each customer within ``horizon`` from now, in the unit of ``age``."""

    @abstractmethod
    def probability_alive(self, X: pd.DataFrame) -> Floats:
        """Probability of each customer to be still ordering."""

    @staticmethod
    @abstractmethod
    def _log_likelihood(parameters: Floats, x: Floats, t_x: Floats, age: Floats) -> Floats:
        """Of each history."""


def purchase_histories(rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """``frequency``, ``recency`` and ``age`` of each customer. Raises ``ValueError`` that lists all violations."""
    frequency, recency, age = (numeric_column(rows, name) for name in ("frequency", "recency", "age"))
    rules = {
        "frequency is not a whole number from 0": (frequency < 0) | (frequency != np.floor(frequency)),
        "recency is not within 0 and age": (recency < 0) | (recency > age),
        "recency is not 0 without a repeat order": (frequency == 0) & (recency != 0),
        "recency is 0 with a repeat order": (frequency > 0) & (recency == 0),
    }
    violations = [
        f"{rule} in {bad.sum():,} rows (first: row {np.argmax(bad)})" for rule, bad in rules.items() if bad.any()
    ]
    if violations:
        raise ValueError("; ".join(violations) + ". Count orders after the first, and times from the first order")
    return frequency, recency, age


def require_repeat_customers(frequency: Floats) -> None:
    """Raises ``ValueError`` if fewer than ``MIN_REPEAT_CUSTOMERS`` have a repeat order."""
    repeat = int((frequency > 0).sum())
    if repeat < MIN_REPEAT_CUSTOMERS:
        raise ValueError(
            f"{repeat} of {len(frequency):,} customers have a repeat order; at least {MIN_REPEAT_CUSTOMERS} are needed"
        )


def require_horizon(horizon: float) -> float:
    """The horizon. Raises ``ValueError`` if it is negative or not finite."""
    if not np.isfinite(horizon) or horizon < 0:
        raise ValueError(f"horizon is {horizon}; must be a time from 0, in the unit of age")
    return float(horizon)
