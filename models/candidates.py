"""Products that may be offered to accounts at a date, with what is known of each pair by then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from data.calendar import first_instant
from features.baskets import baskets
from features.company import Company
from features.feature import Feature
from features.owned import owned
from features.spine import account_spine
from models.eligibility import exclusions
from models.history import dated
from models.panel import Numbers

SMALL_CATALOGUE = 80
"""Up to so many products, every one is a candidate for every account."""
ALIKE, POPULAR, OWN = 25, 15, 20
"""In a larger one: those bought by the same accounts, those popular in the segment, those bought most recently."""
SHRINK = 10.0
"""Two products count as bought together as if this many accounts had bought only one of them."""
RECENT_DAYS = 90
CHUNK = 1_000

CANDIDATE_FEATURES: tuple[Feature, ...] = (
    Feature("alike", "together", "how closely it goes with what the account bought", "share"),
    Feature("alike_most", "together", "how closely it goes with one product that the account bought", "share"),
    Feature("popular_segment", "popular", "share of the segment that bought it within 90 days", "share"),
    Feature("popular", "popular", "share of all accounts that bought it within 90 days", "share"),
    Feature("rising", "popular", "its buyers of 90 days against those of a year", "ratio"),
    Feature("season", "popular", "share of a year's buyers who bought it in the same season a year ago", "share"),
    Feature("own_times", "again", "times the account ordered it", "count"),
    Feature("own_days", "again", "days since the account last ordered it", "days"),
    Feature("own_due", "again", "days since the last order against the usual gap", "ratio"),
    Feature("family_share", "family", "share of the account's purchases in its family", "share"),
    Feature("tier_step", "family", "tiers above what the account has of its family", "count"),
    Feature("price_step", "price", "its price against what the account usually pays", "ratio"),
    Feature("account_products", "account", "products that the account ever bought", "count"),
    Feature("account_times", "account", "orders of products by the account", "count"),
    Feature("account_days", "account", "days since the account bought anything", "days"),
    Feature("product_days", "product", "days since the product was first sold", "days"),
)
NAMES: list[str] = [feature.name for feature in CANDIDATE_FEATURES]


@dataclass(frozen=True)
class Candidates:
    """Pairs of one date: ``pairs`` has ``account_id, product_id, companion, excluded`` and the features.

    ``companion`` is the product of the account's that goes most closely with it, ``excluded`` why it may not be
    offered. ``together`` is the lift of pairs of products: (bought, candidate) → how much more frequent.
    """

    as_of: date
    accounts: tuple[str, ...]
    pairs: pd.DataFrame
    together: dict[tuple[str, str], float]

    @property
    def eligible(self) -> pd.DataFrame:
        """The pairs that may be offered."""
        return self.pairs[self.pairs["excluded"].isna()]


def candidates(company: Company, dates: Sequence[date], most: int | None = None) -> list[Candidates]:
    """The candidates of each date, oldest date first, ordered by account and product.

    They are those of every customer, or of a seeded choice of ``most`` of them.
    """
    days = tuple(sorted(set(dates)))
    spine = account_spine(company, days)
    held = dated(owned(company, spine))
    had = _had(company, dated(baskets(company, spine)), held)
    customers = dated(spine)
    products = company.tables["products"].order_by("product_id").execute()
    placed = company.tables["accounts"].select("account_id", "segment").execute().set_index("account_id")["segment"]
    made = []
    for day in days:
        mine = customers.loc[customers["as_of"] == day, "account_id"].to_numpy()
        segments = placed.reindex(mine).fillna("").astype(str).to_numpy()
        chosen = np.arange(len(mine))
        if most is not None and len(mine) > most:
            rng = np.random.default_rng([company.seed, day.toordinal()])
            chosen = np.sort(rng.choice(len(mine), most, replace=False))
        made.append(
            _of_date(day, had[had["as_of"] == day], held[held["as_of"] == day], products, mine, segments, chosen)
        )
    return made


def _of_date(
    day: date,
    had: pd.DataFrame,
    held: pd.DataFrame,
    products: pd.DataFrame,
    customers: NDArray[np.object_],
    segments: NDArray[np.object_],
    chosen: NDArray[np.intp],
) -> Candidates:
    """The candidates of the chosen customers, given what all customers had at the date."""
    matrix = _Matrix(had, customers, segments, products)
    parts = [matrix.pairs(chosen[at : at + CHUNK]) for at in range(0, max(1, len(chosen)), CHUNK)]
    pairs = _with_own(pd.concat(parts, ignore_index=True), had, held, products)
    pairs = pairs.assign(excluded=exclusions(pairs, held, products, day))
    return Candidates(day, tuple(customers[chosen]), pairs, matrix.lifts(pairs))


def _had(company: Company, bought: pd.DataFrame, held: pd.DataFrame) -> pd.DataFrame:
    """One row per date, account and product ever ordered or subscribed to: times, days since the first and the last."""
    orders = bought[["as_of", "account_id", "product_id", "first_at", "last_at", "times"]]
    started = held.loc[held["how"] == "subscription", ["as_of", "account_id", "product_id", "since"]]
    started = started.assign(first_at=started["since"], last_at=started["since"], times=1).drop(columns="since")
    both = pd.concat([orders, started], ignore_index=True) if len(started) else orders
    had: pd.DataFrame = (
        both.groupby(["as_of", "account_id", "product_id"], sort=True)
        .agg(first_at=("first_at", "min"), last_at=("last_at", "max"), times=("times", "sum"))
        .reset_index()
    )
    at = had["as_of"].map({day: pd.Timestamp(first_instant(day, company.timezone)) for day in had["as_of"].unique()})
    for name in ("first", "last"):
        had[f"{name}_days"] = (pd.to_datetime(at) - pd.to_datetime(had[f"{name}_at"])).dt.total_seconds() / 86400
    return had


class _Matrix:
    """Accounts × products, and what follows from who bought what."""

    def __init__(
        self, had: pd.DataFrame, customers: NDArray[np.object_], segments: NDArray[np.object_], products: pd.DataFrame
    ) -> None:
        self.customers, self.products = customers, products
        ids = products["product_id"].to_numpy()
        known = had[had["product_id"].isin(ids)]
        rows = pd.Index(customers).get_indexer(pd.Index(known["account_id"]))
        columns = pd.Index(ids).get_indexer(pd.Index(known["product_id"]))
        shape = (len(customers), len(ids))
        self.bought = sparse.csr_matrix((np.ones(len(known)), (rows, columns)), shape=shape)
        days = known["last_days"].to_numpy()
        self.last = sparse.csr_matrix((1.0 / (1.0 + days), (rows, columns)), shape=shape)
        recent = days <= RECENT_DAYS
        fresh = sparse.csr_matrix((recent.astype(float), (rows, columns)), shape=shape)
        self.buyers = np.asarray(self.bought.sum(axis=0)).ravel()
        counts = (self.bought.T @ self.bought).toarray()
        np.fill_diagonal(counts, 0.0)
        self.counts = counts
        self.alike = counts / (np.sqrt(np.outer(self.buyers, self.buyers)) + SHRINK)
        self.popular = np.asarray(fresh.sum(axis=0)).ravel() / max(1, shape[0])
        names, self.segment = np.unique(segments, return_inverse=True)
        of_segment = sparse.csr_matrix((np.ones(shape[0]), (self.segment, np.arange(shape[0]))), (len(names), shape[0]))
        size = np.asarray(of_segment.sum(axis=1)).ravel()[:, None]
        self.popular_segment = ((of_segment @ fresh).toarray() + SHRINK * self.popular) / (size + SHRINK)
        year = np.bincount(columns[days <= 365], minlength=shape[1])
        season = np.bincount(columns[(days <= 365) & (days > 365 - RECENT_DAYS)], minlength=shape[1])
        self.rising = (np.asarray(fresh.sum(axis=0)).ravel() + 1) / (year / 4 + 1)
        self.season = (season + 2.5) / (year + 10)
        self.first = np.full(shape[1], np.nan)
        np.fmax.at(self.first, columns, known["first_days"].to_numpy())

    def pairs(self, accounts: NDArray[np.intp]) -> pd.DataFrame:
        """The candidates of some accounts, and what the matrix knows of each pair."""
        bought = self.bought[accounts]
        alike = np.asarray(bought @ self.alike)
        chosen = self._chosen(accounts, alike)
        row, column = np.nonzero(chosen)
        most, companion = self._companions(bought, row, column)
        ids = self.products["product_id"].to_numpy()
        basket = np.maximum(np.diff(bought.indptr), 1)
        return pd.DataFrame(
            {
                "account_id": self.customers[accounts][row],
                "product_id": ids[column],
                "companion": pd.Series(ids[companion], dtype=object).where(most > 0),
                "alike": alike[row, column] / np.sqrt(basket)[row],
                "alike_most": most,
                "popular_segment": self.popular_segment[self.segment[accounts][row], column],
                "popular": self.popular[column],
                "rising": self.rising[column],
                "season": self.season[column],
                "product_days": self.first[column],
            }
        )

    def lifts(self, pairs: pd.DataFrame) -> dict[tuple[str, str], float]:
        """How many times as frequent each candidate is among buyers of its companion as among all."""
        wanted = pairs[["companion", "product_id"]].dropna().drop_duplicates()
        index = pd.Index(self.products["product_id"])
        first, second = (
            index.get_indexer(pd.Index(wanted["companion"])),
            index.get_indexer(pd.Index(wanted["product_id"])),
        )
        both, n = self.counts[first, second], len(self.customers)
        lifts = both * n / np.maximum(self.buyers[first] * self.buyers[second], 1)
        return dict(zip(wanted.itertuples(index=False, name=None), lifts.tolist(), strict=True))

    def _chosen(self, accounts: NDArray[np.intp], alike: Numbers) -> NDArray[np.bool_]:
        sold = self.buyers > 0
        if len(sold) <= SMALL_CATALOGUE:
            return np.broadcast_to(sold, alike.shape)
        chosen = np.zeros(alike.shape, dtype=bool)
        for scores, most in (
            (alike, ALIKE),
            (self.popular_segment[self.segment[accounts]], POPULAR),
            (self.last[accounts].toarray(), OWN),
        ):
            top = np.argpartition(-scores, most, axis=1)[:, :most]
            rows = np.arange(len(top))[:, None]
            chosen[rows, top] |= np.take_along_axis(scores, top, axis=1) > 0
        return chosen & sold

    def _companions(
        self, bought: sparse.csr_matrix, row: NDArray[np.intp], column: NDArray[np.intp]
    ) -> tuple[Numbers, NDArray[np.intp]]:
        """For each pair, how closely the closest product of the account's goes with the candidate, and its place."""
        most, companion = np.zeros(len(row)), np.zeros(len(row), dtype=np.intp)
        ends = np.searchsorted(row, np.arange(bought.shape[0] + 1))
        for account in range(bought.shape[0]):
            mine = bought.indices[bought.indptr[account] : bought.indptr[account + 1]]
            part = slice(ends[account], ends[account + 1])
            if len(mine) and part.stop > part.start:
                closeness = self.alike[np.ix_(mine, column[part])]
                best = closeness.argmax(axis=0)
                most[part], companion[part] = closeness[best, np.arange(len(best))], mine[best]
        return most, companion


def _with_own(pairs: pd.DataFrame, had: pd.DataFrame, held: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """The pairs with what the account did with the product, its family and its prices."""
    own = had[["account_id", "product_id", "times", "first_days", "last_days"]]
    rows = pairs.merge(own, on=["account_id", "product_id"], how="left")
    gap = (rows["first_days"] - rows["last_days"]) / (rows["times"] - 1).where(rows["times"] > 1)
    known = had.merge(products[["product_id", "family", "list_price"]], on="product_id")
    of_account = known.groupby("account_id").agg(
        products=("product_id", "size"),
        all_times=("times", "sum"),
        newest=("last_days", "min"),
        price=("list_price", "mean"),
    )
    family = known.groupby(["account_id", "family"])["times"].sum().rename("of_family").reset_index()
    active = held[held["active"].astype(bool)]
    best = active.groupby(["account_id", "family"])["tier"].max().rename("best").reset_index()
    rows = rows.merge(products[["product_id", "family", "tier", "list_price"]], on="product_id", how="left")
    rows = rows.merge(of_account, left_on="account_id", right_index=True, how="left")
    rows = rows.merge(family, on=["account_id", "family"], how="left")
    rows = rows.merge(best, on=["account_id", "family"], how="left")
    price, usual = rows["list_price"].astype("float64"), rows["price"].astype("float64")
    features = {
        "own_times": rows["times"].fillna(0.0),
        "own_days": rows["last_days"],
        "own_due": rows["last_days"] / gap.where(gap > 0),
        "family_share": rows["of_family"].fillna(0.0) / rows["all_times"],
        "tier_step": rows["tier"].astype("float64") - rows["best"].astype("float64"),
        "price_step": np.log((price / usual).where((price > 0) & (usual > 0))),
        "account_products": rows["products"],
        "account_times": rows["all_times"],
        "account_days": rows["newest"],
    }
    whole = pairs.assign(**{name: np.asarray(values, dtype=np.float64) for name, values in features.items()})
    return whole.sort_values(["account_id", "product_id"], ignore_index=True)
