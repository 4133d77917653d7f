"""Which new product an account buys next, and in which month, given its hazard of buying any new product.

The hazard is divided among the products that may be offered, by their purchase rates of the last year times the lift of
what the account owns. ``docs/methods.md`` has the argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS

RATE_WINDOW_DAYS = 365
HELD_OUT_DAYS = 180
"""The latest purchases, on which the weight of lifts is chosen."""
MIN_HELD_OUT = 30
LIFT_WEIGHTS = (0.0, 0.5, 1.0)
PRIOR_NEW_BUYERS = 0.5
LIFT_SHRINKAGE = 20.0
"""Expected buyers without any lift, added to each pair of products."""
MAX_PRODUCTS = 150
"""Products of highest rate; those of a larger catalog keep their share of the hazard, unnamed."""
MAX_OFFERED = 10


@dataclass(frozen=True)
class PurchaseRates:
    """Rates at which accounts bought products that were new to them: ``rates`` by product (new buyers of a year per
    account that lacked it), ``other_rate`` of all other products, ``log_lift`` (owned × bought)."""

    products: list[str]
    rates: Floats
    other_rate: float
    log_lift: Floats

    def shares(self, owned: Floats, allowed: Floats, lift_weight: float) -> Floats:
        """Accounts × products: the share of each product in the next new purchase; 0 where it is not ``allowed``.

        ``owned`` and ``allowed`` are accounts × products, 0 or 1. The mean log lift over owned products counts with
        ``lift_weight``.
        """
        n_owned = np.maximum(owned.sum(axis=1, keepdims=True), 1.0)
        weights = self.rates * np.exp(lift_weight * (owned @ self.log_lift) / n_owned) * allowed
        return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True) + self.other_rate, 1e-12))


def estimate_purchase_rates(first_purchases: pd.DataFrame, n_accounts: int, until: pd.Timestamp) -> PurchaseRates:
    """The rates from the first purchases (``account_id, product_id, first_at``) before an instant."""
    earlier = first_purchases[first_purchases["first_at"] < until]
    recent = earlier[earlier["first_at"] >= until - pd.Timedelta(days=RATE_WINDOW_DAYS)]
    buyers = earlier["product_id"].value_counts()
    new_buyers = recent["product_id"].value_counts().reindex(buyers.index, fill_value=0)
    rates: pd.Series[float] = (new_buyers + PRIOR_NEW_BUYERS) / np.maximum(n_accounts - buyers + new_buyers, 1.0)
    rates = rates.sort_values(ascending=False, kind="stable")
    products = sorted(map(str, rates.index[:MAX_PRODUCTS]))
    owned = indicator_matrix(earlier, sorted(earlier["account_id"].unique()), products)
    both = owned.T @ owned
    single = np.diag(both)
    expected = np.outer(single, single) / max(1, len(owned))
    log_lift: Floats = np.log((both + LIFT_SHRINKAGE) / (expected + LIFT_SHRINKAGE))
    np.fill_diagonal(log_lift, 0.0)
    return PurchaseRates(
        products,
        np.asarray(rates.reindex(products), dtype=np.float64),
        float(rates.iloc[MAX_PRODUCTS:].sum()),
        log_lift,
    )


def indicator_matrix(pairs: pd.DataFrame, accounts: Sequence[str], products: Sequence[str]) -> Floats:
    """Accounts × products: 1 where the pair is given."""
    rows = pd.Index(accounts).get_indexer(pd.Index(pairs["account_id"]))
    columns = pd.Index(products).get_indexer(pd.Index(pairs["product_id"]))
    inside = (rows >= 0) & (columns >= 0)
    indicators = np.zeros((len(accounts), len(products)))
    indicators[rows[inside], columns[inside]] = 1.0
    return indicators


def choose_lift_weight(first_purchases: pd.DataFrame, n_accounts: int, until: pd.Timestamp) -> float:
    """The weight of lifts with the highest likelihood of the held-out purchases, by rates known before them; 0 if they
    are too few."""
    split = until - pd.Timedelta(days=HELD_OUT_DAYS)
    held_out = first_purchases[(first_purchases["first_at"] >= split) & (first_purchases["first_at"] < until)]
    before = first_purchases[first_purchases["first_at"] < split]
    if len(held_out) < MIN_HELD_OUT or before.empty:
        return 0.0
    rates = estimate_purchase_rates(first_purchases, n_accounts, split)
    is_predictable = held_out["account_id"].isin(before["account_id"]) & held_out["product_id"].isin(rates.products)
    held_out = held_out[is_predictable]
    if len(held_out) < MIN_HELD_OUT:
        return 0.0
    buyers = sorted(held_out["account_id"].unique())
    owned = indicator_matrix(before, buyers, rates.products)
    row = pd.Index(buyers).get_indexer(pd.Index(held_out["account_id"]))
    column = pd.Index(rates.products).get_indexer(pd.Index(held_out["product_id"]))
    likelihoods = [
        float(np.log(np.maximum(rates.shares(owned, 1.0 - owned, weight)[row, column], 1e-9)).sum())
        for weight in LIFT_WEIGHTS
    ]
    return LIFT_WEIGHTS[int(np.argmax(likelihoods))]


def likeliest_products(
    accounts: Sequence[str], curve: Floats, shares: Floats, products: Sequence[str], as_of: date
) -> pd.DataFrame:
    """One row per account and product that it may be offered, at most ``MAX_OFFERED`` an account, the likeliest first:
    ``account_id, product_id, within_30, value`` (within 90 days), ``within_180, likely_month`` (its first day).

    ``curve`` (accounts × periods) is the cumulative probability to buy anything new, ``shares`` is that of
    ``PurchaseRates``. Probabilities of one product rise with the horizon and never exceed the account's own.
    """
    survival = np.hstack([np.ones((len(curve), 1)), 1.0 - curve])
    hazards = 1.0 - survival[:, 1:] / np.maximum(survival[:, :-1], 1e-12)
    rows, columns = np.nonzero(shares > 0)
    order = np.lexsort((columns, -shares[rows, columns], rows))
    rows, columns = rows[order], columns[order]
    listed = np.arange(len(rows)) - np.searchsorted(rows, rows) < MAX_OFFERED
    rows, columns = rows[listed], columns[listed]
    not_bought = np.cumprod(1.0 - hazards[rows] * shares[rows, columns][:, None], axis=1)
    density = -np.diff(np.hstack([np.ones((len(rows), 1)), not_bought]), axis=1)
    months = [
        (as_of + timedelta(days=PERIOD_DAYS * ahead + PERIOD_DAYS // 2)).replace(day=1) for ahead in range(N_PERIODS)
    ]
    likely_months: list[Any] = [months[period] for period in density.argmax(axis=1)] if len(rows) else []
    return pd.DataFrame(
        {
            "account_id": pd.Series([accounts[int(row)] for row in rows], dtype=object),
            "product_id": pd.Series([products[int(column)] for column in columns], dtype=object),
            "within_30": (1.0 - not_bought[:, 0]).round(6),
            "value": (1.0 - not_bought[:, 2]).round(6),
            "within_180": (1.0 - not_bought[:, 5]).round(6),
            "likely_month": pd.Series(likely_months, dtype=object),
        }
    )
