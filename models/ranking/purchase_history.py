"""Purchases of customers up to an instant, item by item: the interactions that candidates and features are made from.

Built from any long table of purchases, whatever a customer (account, contact) or an item is. All purchases of a
customer on one day are one visit.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from data.arrays import Bools, Floats, Ints

SHORT_HALF_LIFE_DAYS, LONG_HALF_LIFE_DAYS = 30.0, 180.0
"""Days in which a purchase loses half its weight: one for weekly purchases, one for rare ones."""
VISIT_DECAY = 0.9
"""Weight kept with every later visit (the decay within a group of TIFU-KNN, Hu et al. 2020)."""
LONG_WINDOW_DAYS, SHORT_WINDOW_DAYS, YEAR_WINDOW_DAYS = 90, 28, 365
PRIOR_BUYERS = 10.0
"""Weight, in buyers, of the overall rate in the rate of one segment or item."""


@dataclass(frozen=True)
class PurchaseHistory:
    """Distinct (customer, item) pairs ever bought, ordered by customer and item, with statistics of pairs and of both
    sides.

    ``customer_index`` and ``item_index`` point into ``customers`` and ``items``. ``pair_stats`` has a value per pair,
    ``customer_stats`` one per customer, ``item_stats`` one per item. ``segment_index`` is the segment of each customer,
    ``segment_popularity`` (segments × items) the share of its customers that bought an item within
    ``LONG_WINDOW_DAYS``.
    """

    customers: NDArray[np.object_]
    items: NDArray[np.object_]
    customer_index: Ints
    item_index: Ints
    pair_stats: dict[str, Floats]
    customer_stats: dict[str, Floats]
    item_stats: dict[str, Floats]
    segment_index: Ints
    segment_popularity: Floats

    @classmethod
    def from_purchases(
        cls,
        purchases: pd.DataFrame,
        before: pd.Timestamp,
        customers: NDArray[np.object_],
        items: NDArray[np.object_],
        segments: NDArray[np.object_] | None = None,
    ) -> "PurchaseHistory":
        """The history of purchases (``customer, item, at``) before an instant, of known customers and items.

        ``customers`` and ``items`` are distinct. ``segments`` are aligned with the customers; without, there is one.
        """
        lines = _purchase_lines(purchases, before, customers, items)
        n_customers, n_items = len(customers), len(items)
        pair_stats = lines.pair_stats()
        item_stats = _item_stats(pair_stats, lines, n_customers, n_items)
        names, segment_index = np.unique(
            np.zeros(n_customers) if segments is None else np.asarray(segments).astype(str), return_inverse=True
        )
        recent = pair_stats["days_since"] <= LONG_WINDOW_DAYS
        cells = segment_index[lines.customer_index[recent]] * n_items + lines.item_index[recent]
        buyers = np.bincount(cells, minlength=len(names) * n_items).reshape(len(names), n_items)
        sizes = np.bincount(segment_index, minlength=len(names))[:, None]
        return cls(
            customers=customers,
            items=items,
            customer_index=lines.customer_index,
            item_index=lines.item_index,
            pair_stats=pair_stats,
            customer_stats=lines.customer_stats(n_customers),
            item_stats=item_stats,
            segment_index=segment_index,
            segment_popularity=(buyers + PRIOR_BUYERS * item_stats["popularity_90d"]) / (sizes + PRIOR_BUYERS),
        )

    def matrix(self, values: Floats) -> sparse.csr_matrix:
        """Customers × items, with a value for each pair."""
        shape = (len(self.customers), len(self.items))
        return sparse.csr_matrix((values, (self.customer_index, self.item_index)), shape=shape)

    def offsets(self) -> Ints:
        """Where the pairs of each customer begin, and where the last one's end."""
        return np.searchsorted(self.customer_index, np.arange(len(self.customers) + 1))

    def find_pairs(self, customer_index: Ints, item_index: Ints) -> Ints:
        """The position of each (customer, item) among the pairs; -1 where the customer never bought the item."""
        if not len(self.customer_index):
            return np.full(len(customer_index), -1, dtype=np.intp)
        keys = self.customer_index.astype(np.int64) * len(self.items) + self.item_index
        wanted = customer_index.astype(np.int64) * len(self.items) + item_index
        position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[position] == wanted, position, -1)


@dataclass(frozen=True)
class _PurchaseLines:
    """Distinct purchases (customer, item, days ago), ordered by pair, the latest first.

    ``customer_index`` and ``item_index`` name the pairs, ``pair_start`` the first line of each; ``pair``, ``days_ago``
    and ``visits_since`` (later visits of the customer; 0 for its latest) have a value per line; ``visit_customer`` and
    ``visit_days_ago`` one per visit.
    """

    customer_index: Ints
    item_index: Ints
    pair_start: Ints
    pair: Ints
    days_ago: NDArray[np.int64]
    visits_since: NDArray[np.int64]
    visit_customer: Ints
    visit_days_ago: NDArray[np.int64]

    def pair_stats(self) -> dict[str, Floats]:
        """Per pair: purchases, days since the last and the first, mean days between them, time-decayed counts."""
        n_pairs = len(self.customer_index)

        def total(weights: Floats) -> Floats:
            return np.bincount(self.pair, weights=weights, minlength=n_pairs).astype(np.float64)

        purchases = np.bincount(self.pair, minlength=n_pairs).astype(np.float64)
        last = self.days_ago[self.pair_start].astype(np.float64)
        pair_end = np.append(self.pair_start[1:], len(self.days_ago)) - 1
        first = self.days_ago[pair_end].astype(np.float64) if n_pairs else last
        with np.errstate(divide="ignore", invalid="ignore"):
            mean_gap = np.where(purchases > 1, (first - last) / (purchases - 1), np.nan)
        return {
            "purchases": purchases,
            "days_since": last,
            "days_since_first": first,
            "mean_gap": mean_gap,
            "decayed_30d": total(0.5 ** (self.days_ago / SHORT_HALF_LIFE_DAYS)),
            "decayed_180d": total(0.5 ** (self.days_ago / LONG_HALF_LIFE_DAYS)),
            "decayed_visits": total(np.power(VISIT_DECAY, self.visits_since.astype(np.float64))),
            "visits_since": self.visits_since[self.pair_start].astype(np.float64),
        }

    def customer_stats(self, n_customers: int) -> dict[str, Floats]:
        """Per customer: visits, distinct items, items a visit, days since the last visit and between visits."""
        visits = np.bincount(self.visit_customer, minlength=n_customers).astype(np.float64)
        lines = np.bincount(self.customer_index[self.pair], minlength=n_customers).astype(np.float64)
        items = np.bincount(self.customer_index, minlength=n_customers).astype(np.float64)
        last, first = np.full(n_customers, np.inf), np.full(n_customers, -np.inf)
        np.minimum.at(last, self.visit_customer, self.visit_days_ago)
        np.maximum.at(first, self.visit_customer, self.visit_days_ago)
        last_basket = np.bincount(self.customer_index[self.pair], weights=self.visits_since == 0, minlength=n_customers)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "visits": visits,
                "items": items,
                "basket_size": lines / visits,
                "last_basket_size": np.where(visits > 0, last_basket, np.nan),
                "days_since": np.where(visits > 0, last, np.nan),
                "mean_gap": np.where(visits > 1, (first - last) / (visits - 1), np.nan),
                "repeat_share": np.where(lines > 0, 1 - items / lines, np.nan),
            }


def _purchase_lines(
    purchases: pd.DataFrame, before: pd.Timestamp, customers: NDArray[np.object_], items: NDArray[np.object_]
) -> _PurchaseLines:
    """The distinct purchases of known customers and items before an instant."""
    row = pd.Index(customers).get_indexer(pd.Index(purchases["customer"]))
    column = pd.Index(items).get_indexer(pd.Index(purchases["item"]))
    age = ((before - pd.to_datetime(purchases["at"])).dt.total_seconds() / 86400).to_numpy(dtype=np.float64)
    is_known = (row >= 0) & (column >= 0) & (age > 0)
    row, column, days_ago = row[is_known], column[is_known], np.floor(age[is_known]).astype(np.int64)
    n_items, n_days = len(items), int(days_ago.max()) + 1 if len(days_ago) else 1
    keys = np.unique((row.astype(np.int64) * n_items + column) * n_days + days_ago)
    pair_key, days_ago = np.divmod(keys, n_days)
    pairs, pair_start, pair = np.unique(pair_key, return_index=True, return_inverse=True)
    customer_index, item_index = np.divmod(pairs, n_items)
    visits = np.unique(customer_index[pair] * n_days + days_ago)
    visit_customer, visit_days_ago = np.divmod(visits, n_days)
    rank = np.arange(len(visits)) - np.searchsorted(visit_customer, visit_customer)
    visits_since = rank[np.searchsorted(visits, customer_index[pair] * n_days + days_ago)]
    return _PurchaseLines(
        customer_index, item_index, pair_start, pair, days_ago, visits_since, visit_customer, visit_days_ago
    )


def _item_stats(
    pair_stats: dict[str, Floats], lines: _PurchaseLines, n_customers: int, n_items: int
) -> dict[str, Floats]:
    """Per item: buyers, popularity now and before, share of buyers that bought it again, and after how many days."""
    item, days_since = lines.item_index, pair_stats["days_since"]

    def buyers_where(mask: Bools) -> Floats:
        return np.bincount(item[mask], minlength=n_items).astype(np.float64)

    buyers = buyers_where(np.ones(len(item), dtype=bool))
    repeat_buyers = buyers_where(pair_stats["purchases"] > 1)
    recent, year = buyers_where(days_since <= LONG_WINDOW_DAYS), buyers_where(days_since <= YEAR_WINDOW_DAYS)
    same_season = (days_since <= YEAR_WINDOW_DAYS) & (days_since > YEAR_WINDOW_DAYS - LONG_WINDOW_DAYS)
    age_days = np.full(n_items, np.nan)
    np.fmax.at(age_days, item, pair_stats["days_since_first"])
    gaps = np.where(np.isnan(pair_stats["mean_gap"]), 0.0, pair_stats["mean_gap"])
    overall_repeat_share = repeat_buyers.sum() / max(1.0, buyers.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_gap = np.bincount(item, weights=gaps, minlength=n_items) / repeat_buyers
        return {
            "buyers": buyers,
            "popularity_90d": recent / max(1, n_customers),
            "popularity_28d": buyers_where(days_since <= SHORT_WINDOW_DAYS) / max(1, n_customers),
            "growth": (recent + 1) / (year / 4 + 1),
            "season_share": (buyers_where(same_season) + 2.5) / (year + 10),
            "repeat_share": (repeat_buyers + PRIOR_BUYERS * overall_repeat_share) / (buyers + PRIOR_BUYERS),
            "mean_gap": np.where(repeat_buyers > 0, mean_gap, np.nan),
            "purchases_per_buyer": np.bincount(item, weights=pair_stats["purchases"], minlength=n_items)
            / np.maximum(buyers, 1),
            "age_days": age_days,
        }
