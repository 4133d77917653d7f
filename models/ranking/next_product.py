"""Which new product an account would buy, and in which month, once it is known how likely it is to buy any.

The hazard of buying something new is parted among the products that may be offered to the account: each has the share
that its pace of the last year gives it (new buyers over accounts that lacked it), raised or lowered by how much more
often accounts that have what this one has came to buy it (the mean log lift over what it has, drawn towards none).
How far lifts are trusted is chosen on the purchases of the latest half year by what was known before them; not at all
where they told those no better. Chances follow from the parted hazards period by period, so that those of one product
rise with time, and never exceed the account's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.labels.time_to_event import PERIOD_DAYS, PERIODS

LOOKS_BACK_DAYS = 365
HELD_BACK_DAYS = 180
"""Purchases so recent choose how far lifts are trusted."""
FEWEST_CHOOSING = 30
TRUSTS = (0.0, 0.5, 1.0)
PRIOR_BUYERS = 0.5
SHRINK = 20.0
"""Lifts are drawn towards one as if so many expected buyers had shown none."""
MOST_PRODUCTS = 150
"""Products by pace; in a larger catalogue the others keep their share, unnamed."""
MOST_OFFERED = 10


@dataclass(frozen=True)
class Paces:
    """How products came to be bought up to a date: ``pace`` by product, and ``lift`` (had × bought)."""

    products: list[str]
    pace: Floats
    others: float
    lift: Floats

    def shares(self, has: Floats, allowed: Floats, trust: float) -> Floats:
        """Accounts × products: the share of each in the next new purchase; 0 where it is not ``allowed``.

        ``has`` and ``allowed`` are accounts × products, 0 or 1.
        """
        counts = np.maximum(has.sum(axis=1, keepdims=True), 1.0)
        weights = self.pace * np.exp(trust * (has @ self.lift) / counts) * allowed
        return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True) + self.others, 1e-12))


def paces(firsts: pd.DataFrame, accounts: int, until: pd.Timestamp) -> Paces:
    """What the first purchases (``account_id, product_id, first_at``) before an instant tell."""
    known = firsts[firsts["first_at"] < until]
    recent = known[known["first_at"] >= until - pd.Timedelta(days=LOOKS_BACK_DAYS)]
    ever = known["product_id"].value_counts()
    new = recent["product_id"].value_counts().reindex(ever.index, fill_value=0)
    rate: pd.Series[float] = (new + PRIOR_BUYERS) / np.maximum(accounts - ever + new, 1.0)
    rate = rate.sort_values(ascending=False, kind="stable")
    products = sorted(map(str, rate.index[:MOST_PRODUCTS]))
    has = matrix(known, sorted(known["account_id"].unique()), products)
    both = has.T @ has
    single = np.diag(both)
    expected = np.outer(single, single) / max(1, len(has))
    lift: Floats = np.log((both + SHRINK) / (expected + SHRINK))
    np.fill_diagonal(lift, 0.0)
    pace = np.asarray(rate.reindex(products), dtype=np.float64)
    return Paces(products, pace, float(rate.iloc[MOST_PRODUCTS:].sum()), lift)


def matrix(pairs: pd.DataFrame, accounts: Sequence[str], products: Sequence[str]) -> Floats:
    """Accounts × products: 1 where the pair is given."""
    rows = pd.Index(accounts).get_indexer(pd.Index(pairs["account_id"]))
    columns = pd.Index(products).get_indexer(pd.Index(pairs["product_id"]))
    inside = (rows >= 0) & (columns >= 0)
    made = np.zeros((len(accounts), len(products)))
    made[rows[inside], columns[inside]] = 1.0
    return made


def trust(firsts: pd.DataFrame, accounts: int, until: pd.Timestamp) -> float:
    """How far lifts are trusted: what gave the latest purchases the highest likelihood by what was known before."""
    split = until - pd.Timedelta(days=HELD_BACK_DAYS)
    later = firsts[(firsts["first_at"] >= split) & (firsts["first_at"] < until)]
    before = firsts[firsts["first_at"] < split]
    if len(later) < FEWEST_CHOOSING or before.empty:
        return 0.0
    told = paces(firsts, accounts, split)
    later = later[later["account_id"].isin(before["account_id"]) & later["product_id"].isin(told.products)]
    if len(later) < FEWEST_CHOOSING:
        return 0.0
    buyers = sorted(later["account_id"].unique())
    has = matrix(before, buyers, told.products)
    row = pd.Index(buyers).get_indexer(pd.Index(later["account_id"]))
    column = pd.Index(told.products).get_indexer(pd.Index(later["product_id"]))
    likelihoods = [
        float(np.log(np.maximum(told.shares(has, 1.0 - has, weight)[row, column], 1e-9)).sum()) for weight in TRUSTS
    ]
    return TRUSTS[int(np.argmax(likelihoods))]


def offered(
    accounts: Sequence[str], curve: Floats, shares: Floats, products: Sequence[str], as_of: date
) -> pd.DataFrame:
    """One row per account and product it may be offered, the ten likeliest: ``account_id, product_id, within_30,
    value, within_180, likely_month`` (the first day of the month in which it is most likely to buy).

    ``curve`` holds the chances of each account to buy anything new (rows × periods), ``shares`` what ``Paces`` said.
    """
    stays = np.hstack([np.ones((len(curve), 1)), 1.0 - curve])
    hazards = 1.0 - stays[:, 1:] / np.maximum(stays[:, :-1], 1e-12)
    rows, places = np.nonzero(shares > 0)
    order = np.lexsort((places, -shares[rows, places], rows))
    rows, places = rows[order], places[order]
    first = np.searchsorted(rows, rows)
    named = np.arange(len(rows)) - first < MOST_OFFERED
    rows, places = rows[named], places[named]
    left = np.cumprod(1.0 - hazards[rows] * shares[rows, places][:, None], axis=1)
    density = -np.diff(np.hstack([np.ones((len(rows), 1)), left]), axis=1)
    months = [
        (as_of + timedelta(days=PERIOD_DAYS * ahead + PERIOD_DAYS // 2)).replace(day=1) for ahead in range(PERIODS)
    ]
    likely: list[Any] = [months[place] for place in density.argmax(axis=1)] if len(rows) else []
    return pd.DataFrame(
        {
            "account_id": pd.Series([accounts[int(row)] for row in rows], dtype=object),
            "product_id": pd.Series([products[int(place)] for place in places], dtype=object),
            "within_30": (1.0 - left[:, 0]).round(6),
            "value": (1.0 - left[:, 2]).round(6),
            "within_180": (1.0 - left[:, 5]).round(6),
            "likely_month": pd.Series(likely, dtype=object),
        }
    )
