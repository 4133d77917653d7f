"""How many orders each customer without a contract will place next, learnt from the orders of all.

The expectation is the geometric mean of what BG/NBD and Pareto/NBD expect: they differ in who may have left, and
neither is right about both the young and the silent. Both take the decline of orders with age from whole histories,
and miss its level of late; so the total is put right by the latest quarter of the history: what came in it, over what
was expected of it when it began. That is worth it where the level moves slowly, and costs where a season has just
passed; ``level_`` says by how much, and 1 undoes it.

Two forecasts come of that. ``expected`` is a mean: sums of it are right for any part of the customers. ``likely`` is
nearest to what each customer will do: most of those who came once never come back, and a mean of 0.3 orders is wrong
about every one of them. Of all forecasts that add up to the expected total, quantiles of one common level lose least
by absolute error (a bound on the sum moves the level of the median, alike for all); the level is the one at which they
add up. Use ``likely`` for plans that are made one by one, ``expected`` for money.
"""

from typing import Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import nbinom

from data.arrays import Floats
from models.estimators.bg_nbd import BuyingModel, histories
from models.estimators.pareto_nbd import ParetoModel

LATEST = 0.25
FEWEST_ORDERS = 50
"""With fewer repeat orders in the latest quarter the level stays as it is: it would follow chance."""

MOST_ORDERS = 400
SURE = 1 - 1e-9


class RepeatModel:
    """Learnt from every order of every customer. After ``fit``: ``buying_``, ``pareto_``, ``level_``."""

    def fit(self, orders: pd.DataFrame, until: float) -> Self:
        """The model, fitted to orders (``customer``, ``time``: when, as a number) up to and with ``until``.

        Several orders of a customer at one time are one. ValueError: too few came back, see ``models.estimators.bg_nbd``.
        """
        now = customer_histories(orders, until)
        self.buying_, self.pareto_ = BuyingModel().fit(now), ParetoModel().fit(now)
        self.level_ = 1.0
        began = until - LATEST * float(now["age"].max())
        before = customer_histories(orders, began)
        came = float(orders_within(orders, before.index, began, until).sum())
        if came >= FEWEST_ORDERS:
            self.level_ = came / float(self.expected(before, until - began).sum())
        return self

    def expected(self, rows: pd.DataFrame, horizon: float) -> Floats:
        """Mean number of orders of each customer within ``horizon`` from now; ``rows`` as in ``customer_histories``."""
        both = self.buying_.predict(rows, horizon) * self.pareto_.predict(rows, horizon)
        return np.asarray(self.level_ * np.sqrt(both))

    def likely(self, rows: pd.DataFrame, horizon: float) -> Floats:
        """The number of orders of each customer that loses least by absolute error, adding up to the expected total.

        Between whole numbers where the common level falls between two.
        """
        expected = self.expected(rows, horizon)
        frequency, _, _ = histories(rows)
        alive, shape = self.pareto_.alive(rows)[:, None], (self.pareto_.r_ + frequency)[:, None]
        mean = expected[:, None] / np.maximum(alive, 1e-9)
        counts = np.arange(min(MOST_ORDERS, int(20 + 10 * expected.max())))
        below = (1 - alive) + alive * nbinom.cdf(counts[None, :], shape, shape / (shape + mean))

        def at(level: float) -> Floats:
            first = np.minimum((below < level).sum(axis=1), len(counts) - 1)
            one = np.arange(len(first))
            start, end = below[one, np.maximum(first - 1, 0)], below[one, first]
            share = (level - start) / np.maximum(end - start, 1e-12)
            return np.where(first > 0, first - 1 + np.clip(share, 0, 1), 0.0)

        total = float(expected.sum())
        if at(SURE).sum() <= total:  # no customer orders but as the mean of all: there is nothing to tell apart
            return expected
        return at(float(brentq(lambda level: at(level).sum() - total, 0.0, SURE, xtol=1e-10)))


def customer_histories(orders: pd.DataFrame, until: float) -> pd.DataFrame:
    """One row per customer that ordered up to and with ``until``: ``frequency``, ``recency``, ``age``."""
    known = orders.loc[orders["time"] <= until, ["customer", "time"]].drop_duplicates()
    times = known.groupby("customer")["time"].agg(["min", "max", "count"])
    return pd.DataFrame(
        {
            "frequency": times["count"] - 1,
            "recency": (times["max"] - times["min"]).astype(float),
            "age": (until - times["min"]).astype(float),
        }
    )


def orders_within(orders: pd.DataFrame, customers: "pd.Index[str]", after: float, until: float) -> Floats:
    """Orders of each customer after one time, up to and with another."""
    known = orders.loc[(orders["time"] > after) & (orders["time"] <= until), ["customer", "time"]].drop_duplicates()
    return np.asarray(known.groupby("customer").size().reindex(customers, fill_value=0), dtype=np.float64)
