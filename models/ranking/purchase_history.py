"""What customers had bought by an instant, item by item: the one view from which candidates and their features come.

It is made of any long table of purchases, whoever the customer is (an account, a person) and whatever is sold. All that
a customer bought on one day is one visit.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from data.arrays import Floats, Ints

HALF_LIVES = (30.0, 180.0)
"""Days in which a purchase loses half its weight: one for what is bought by the week, one for what is seldom bought."""
VISIT_DECAY = 0.9
"""What a purchase keeps of its weight with every visit since (the decay within a group of TIFU-KNN, Hu et al. 2020)."""
RECENT_DAYS = 90
NOW_DAYS = 28
PRIOR = 10.0
"""How many buyers (members of a segment, customers) what holds of all weighs in what holds of one item (segment)."""


@dataclass(frozen=True)
class PurchaseHistory:
    """Entries, one per customer and item ever bought, ordered by customer and item, and what follows for each side.

    ``row`` and ``column`` are places in ``customers`` and ``items``. ``own`` holds a value per entry, ``of_customer``
    one per customer, ``of_item`` one per item; ``segment`` the place of each customer's segment, ``in_segment`` the
    share of a segment's customers who bought an item within ``RECENT_DAYS`` (segments × items).
    """

    customers: NDArray[np.object_]
    items: NDArray[np.object_]
    row: Ints
    column: Ints
    own: dict[str, Floats]
    of_customer: dict[str, Floats]
    of_item: dict[str, Floats]
    segment: Ints
    in_segment: Floats

    @classmethod
    def of(
        cls,
        bought: pd.DataFrame,
        before: pd.Timestamp,
        customers: NDArray[np.object_],
        items: NDArray[np.object_],
        segments: NDArray[np.object_] | None = None,
    ) -> "PurchaseHistory":
        """The shelf of purchases (``customer, item, at``) before an instant; those of others and later do not count.

        ``customers`` and ``items`` are distinct. Segments are aligned with the customers; without, all are of one.
        """
        row = pd.Index(customers).get_indexer(pd.Index(bought["customer"]))
        column = pd.Index(items).get_indexer(pd.Index(bought["item"]))
        age = ((before - pd.to_datetime(bought["at"])).dt.total_seconds() / 86400).to_numpy(dtype=np.float64)
        known = (row >= 0) & (column >= 0) & (age > 0)
        lines = _Lines.of(row[known], column[known], np.floor(age[known]).astype(np.int64), len(items))
        own = lines.entries()
        shape = (len(customers), len(items))
        names, segment = np.unique(
            np.zeros(shape[0]) if segments is None else np.asarray(segments).astype(str), return_inverse=True
        )
        of_item = _of_item(own, lines, shape)
        recent = own["days"] <= RECENT_DAYS
        place = segment[lines.row[recent]] * shape[1] + lines.column[recent]
        counted = np.bincount(place, minlength=len(names) * shape[1]).reshape(len(names), shape[1])
        size = np.bincount(segment, minlength=len(names))[:, None]
        return cls(
            customers,
            items,
            lines.row,
            lines.column,
            own,
            lines.customers(shape[0]),
            of_item,
            segment,
            (counted + PRIOR * of_item["popular"]) / (size + PRIOR),
        )

    def matrix(self, values: Floats) -> sparse.csr_matrix:
        """Customers × items, with a value for each entry."""
        shape = (len(self.customers), len(self.items))
        return sparse.csr_matrix((values, (self.row, self.column)), shape=shape)

    def starts(self) -> Ints:
        """Where the entries of each customer begin, and at the end, where the last ones end."""
        return np.searchsorted(self.row, np.arange(len(self.customers) + 1))

    def find(self, row: Ints, column: Ints) -> Ints:
        """The place of the entry of each customer and item; -1 where the customer never bought it."""
        if not len(self.row):
            return np.full(len(row), -1, dtype=np.intp)
        key = self.row.astype(np.int64) * len(self.items) + self.column
        wanted = row.astype(np.int64) * len(self.items) + column
        at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return np.where(key[at] == wanted, at, -1)


@dataclass(frozen=True)
class _Lines:
    """Distinct purchases (customer, item, day), those of an entry together, the latest first.

    ``row`` and ``column`` name the entries; ``begin`` is where the lines of each begin. ``back`` counts the visits of
    the customer since each purchase: 0 is its latest.
    """

    row: Ints
    column: Ints
    begin: Ints
    entry: Ints
    day: NDArray[np.int64]
    back: NDArray[np.int64]
    visit_row: Ints
    visit_day: NDArray[np.int64]

    @classmethod
    def of(cls, row: Ints, column: Ints, day: NDArray[np.int64], items: int) -> "_Lines":
        days = int(day.max()) + 1 if len(day) else 1
        whole = np.unique((row.astype(np.int64) * items + column) * days + day)
        pair, day = np.divmod(whole, days)
        pairs, begin, entry = np.unique(pair, return_index=True, return_inverse=True)
        rows, columns = np.divmod(pairs, items)
        visits = np.unique(rows[entry] * days + day)
        visit_row, visit_day = np.divmod(visits, days)
        rank = np.arange(len(visits)) - np.searchsorted(visit_row, visit_row)
        back = rank[np.searchsorted(visits, rows[entry] * days + day)]
        return cls(rows, columns, begin, entry, day, back, visit_row, visit_day)

    def entries(self) -> dict[str, Floats]:
        """What a customer did with an item: times, days since the last and the first, usual gap, fading counts."""
        count = len(self.row)

        def total(values: Floats) -> Floats:
            return np.bincount(self.entry, weights=values, minlength=count).astype(np.float64)

        times = np.bincount(self.entry, minlength=count).astype(np.float64)
        last = self.day[self.begin].astype(np.float64)
        ends = np.append(self.begin[1:], len(self.day)) - 1
        first = self.day[ends].astype(np.float64) if count else last
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(times > 1, (first - last) / (times - 1), np.nan)
        return {
            "times": times,
            "days": last,
            "first": first,
            "gap": gap,
            "fresh": total(0.5 ** (self.day / HALF_LIVES[0])),
            "lasting": total(0.5 ** (self.day / HALF_LIVES[1])),
            "by_visit": total(np.power(VISIT_DECAY, self.back.astype(np.float64))),
            "back": self.back[self.begin].astype(np.float64),
        }

    def customers(self, count: int) -> dict[str, Floats]:
        """What a customer does: visits, items, items a visit, days since the last visit, and between visits."""
        visits = np.bincount(self.visit_row, minlength=count).astype(np.float64)
        lines = np.bincount(self.row[self.entry], minlength=count).astype(np.float64)
        items = np.bincount(self.row, minlength=count).astype(np.float64)
        last, first = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(last, self.visit_row, self.visit_day)
        np.maximum.at(first, self.visit_row, self.visit_day)
        newest = np.bincount(self.row[self.entry], weights=self.back == 0, minlength=count)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "visits": visits,
                "items": items,
                "size": lines / visits,
                "newest_size": np.where(visits > 0, newest, np.nan),
                "days": np.where(visits > 0, last, np.nan),
                "gap": np.where(visits > 1, (first - last) / (visits - 1), np.nan),
                "again": np.where(lines > 0, 1 - items / lines, np.nan),
            }


def _of_item(own: dict[str, Floats], lines: _Lines, shape: tuple[int, int]) -> dict[str, Floats]:
    """What holds of an item: how many buy it, now and before, who buys it again, and after how long."""
    column, customers = lines.column, max(1, shape[0])

    def buyers(where: NDArray[np.bool_]) -> Floats:
        return np.bincount(column[where], minlength=shape[1]).astype(np.float64)

    every = buyers(np.ones(len(column), dtype=bool))
    again = buyers(own["times"] > 1)
    recent, year = buyers(own["days"] <= RECENT_DAYS), buyers(own["days"] <= 365)
    season = (own["days"] <= 365) & (own["days"] > 365 - RECENT_DAYS)
    since = np.full(shape[1], np.nan)
    np.fmax.at(since, column, own["first"])
    gap = np.where(np.isnan(own["gap"]), 0.0, own["gap"])
    usual = again.sum() / max(1.0, every.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "buyers": every,
            "popular": recent / customers,
            "popular_now": buyers(own["days"] <= NOW_DAYS) / customers,
            "rising": (recent + 1) / (year / 4 + 1),
            "season": (buyers(season) + 2.5) / (year + 10),
            "again": (again + PRIOR * usual) / (every + PRIOR),
            "gap": np.where(again > 0, np.bincount(column, weights=gap, minlength=shape[1]) / again, np.nan),
            "times": np.bincount(column, weights=own["times"], minlength=shape[1]) / np.maximum(every, 1),
            "since": since,
        }
