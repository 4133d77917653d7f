"""Numbers of future orders of each customer without a contract, from the orders of all.

The geometric mean of BG/NBD and Pareto/NBD, which differ in which customers may have stopped, recalibrated in the large
on the latest quarter of the history (worth it if the level moves slowly; ``level_ = 1`` undoes it).
"""

from typing import Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import nbinom

from data.arrays import Floats
from models.estimators.bg_nbd import BetaGeoModel
from models.estimators.buy_till_you_die import purchase_histories
from models.estimators.pareto_nbd import ParetoNBDModel

RECENT_FRACTION = 0.25
MIN_RECENT_ORDERS = 50
"""With fewer orders in the latest quarter the level stays at 1: it would follow noise."""

MAX_ORDERS = 400
MAX_QUANTILE = 1 - 1e-9


class OrderCountModel:
    """Fitted to every order of every customer. After ``fit``: ``bg_nbd_``, ``pareto_nbd_``, ``level_``."""

    def fit(self, orders: pd.DataFrame, until: float) -> Self:
        """The model, fitted to orders (``customer``, ``time`` as a number) up to and including ``until``.

        Several orders of a customer at one time count as one. Raises ``ValueError`` if too few customers have a repeat
        order.
        """
        now = customer_histories(orders, until)
        self.bg_nbd_, self.pareto_nbd_ = BetaGeoModel().fit(now), ParetoNBDModel().fit(now)
        self.level_ = 1.0
        start = until - RECENT_FRACTION * float(now["age"].max())
        earlier = customer_histories(orders, start)
        observed = float(count_orders(orders, earlier.index, start, until).sum())
        if observed >= MIN_RECENT_ORDERS:
            self.level_ = observed / float(self.predict(earlier, until - start).sum())
        return self

    def predict(self, rows: pd.DataFrame, horizon: float) -> Floats:
        """Mean number of orders of each customer within ``horizon`` from now; ``rows`` as in ``customer_histories``.

        Sums are right for any subset of customers: use it for money.
        """
        product = self.bg_nbd_.predict(rows, horizon) * self.pareto_nbd_.predict(rows, horizon)
        return np.asarray(self.level_ * np.sqrt(product))

    def predict_for_absolute_error(self, rows: pd.DataFrame, horizon: float) -> Floats:
        """The number of orders of each customer with the least absolute error, adding up to the total of ``predict``.

        Of all forecasts with that total these are quantiles at one common level (interpolated between whole numbers):
        the constraint shifts the level of the median equally for all. Use it for plans per customer.
        """
        expected = self.predict(rows, horizon)
        cumulative = self._cumulative_probabilities(rows, expected)
        total = float(expected.sum())
        if _quantiles(cumulative, MAX_QUANTILE).sum() <= total:  # no level reaches the total: nothing to distinguish
            return expected
        level = brentq(lambda level: _quantiles(cumulative, level).sum() - total, 0.0, MAX_QUANTILE, xtol=1e-10)
        return _quantiles(cumulative, float(level))

    def _cumulative_probabilities(self, rows: pd.DataFrame, expected: Floats) -> Floats:
        """Customers × counts: probability of at most 0, 1, 2 … orders, negative binomial while alive."""
        frequency, _, _ = purchase_histories(rows)
        alive = self.pareto_nbd_.probability_alive(rows)[:, None]
        shape = (self.pareto_nbd_.r_ + frequency)[:, None]
        mean = expected[:, None] / np.maximum(alive, 1e-9)
        counts = np.arange(min(MAX_ORDERS, int(20 + 10 * expected.max())))
        return np.asarray((1 - alive) + alive * nbinom.cdf(counts[None, :], shape, shape / (shape + mean)))


def customer_histories(orders: pd.DataFrame, until: float) -> pd.DataFrame:
    """One row per customer that ordered up to and including ``until``: ``frequency``, ``recency``, ``age``."""
    times = _distinct(orders[orders["time"] <= until]).groupby("customer")["time"].agg(["min", "max", "count"])
    return pd.DataFrame(
        {
            "frequency": times["count"] - 1,
            "recency": (times["max"] - times["min"]).astype(float),
            "age": (until - times["min"]).astype(float),
        }
    )


def count_orders(orders: pd.DataFrame, customers: "pd.Index[str]", after: float, until: float) -> Floats:
    """Orders of each customer after one time, up to and including another."""
    window = _distinct(orders[(orders["time"] > after) & (orders["time"] <= until)])
    return np.asarray(window.groupby("customer").size().reindex(customers, fill_value=0), dtype=np.float64)


def _distinct(orders: pd.DataFrame) -> pd.DataFrame:
    return orders[["customer", "time"]].drop_duplicates()


def _quantiles(cumulative: Floats, level: float) -> Floats:
    """The quantile of each customer's count, interpolated; ``cumulative``: customers × counts."""
    first = np.minimum((cumulative < level).sum(axis=1), cumulative.shape[1] - 1)
    row = np.arange(len(first))
    below, above = cumulative[row, np.maximum(first - 1, 0)], cumulative[row, first]
    fraction = (level - below) / np.maximum(above - below, 1e-12)
    return np.where(first > 0, first - 1 + np.clip(fraction, 0, 1), 0.0)
