"""Products that may be offered to a company's customers at a date, with what is known of each pair by then.

Customers are accounts, or people: contacts who ordered, or answered a campaign for a product. A person may be offered
what its account may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Ints
from data.calendar import first_instant
from features.company import Company
from features.feature import Feature
from features.products.ownership import escalated, in_open_deals, owned
from features.products.purchases import answered, purchases
from features.spine import account_spine, contact_spine
from models.ranking.candidate_generation import FEATURES, Most, Shortlist, shortlist
from models.ranking.eligibility import Hindrances, exclusions
from models.ranking.purchase_history import PurchaseHistory
from models.training.rows import dated

CustomerKind = Literal["account", "contact"]
CUSTOMER_KINDS: tuple[CustomerKind, ...] = ("account", "contact")
MOST = Most(own=40, alike=20, taste=15, popular=10)

CANDIDATE_FEATURES: tuple[Feature, ...] = (
    *FEATURES,
    Feature("family_share", "family", "share of the customer's purchases in its family", "share"),
    Feature("tier_step", "family", "tiers above what the account has of its family", "count"),
    Feature("price_step", "price", "its price against what the customer usually pays", "ratio"),
    Feature("answered_days", "answered", "days since a campaign for it was answered", "days"),
    Feature("person", "customer", "whether the customer is a person", "yes or no"),
)
NAMES: list[str] = [feature.name for feature in CANDIDATE_FEATURES]


@dataclass(frozen=True)
class Candidates:
    """Pairs of one date and kind of customer: ``pairs`` has ``customer_id, account_id, product_id, companion,
    excluded, repeat`` and the features.

    ``companion`` is the product of the customer's that goes most closely with it, ``excluded`` why it may not be
    offered, ``repeat`` whether the customer ever bought it. ``together`` is the lift of pairs of products: (bought,
    candidate) → how much more frequent. ``catalogue`` counts the products that were ever sold.
    """

    as_of: date
    kind: CustomerKind
    customers: tuple[str, ...]
    pairs: pd.DataFrame
    together: dict[tuple[str, str], float]
    catalogue: int


@dataclass(frozen=True)
class _Known:
    """What all customers of one kind had done by one date, and what accounts had."""

    bought: pd.DataFrame
    answered: pd.DataFrame
    held: pd.DataFrame
    hindrances: Hindrances


def candidates(
    company: Company, dates: Sequence[date], most: Mapping[CustomerKind, int] | None = None
) -> list[Candidates]:
    """The candidates of accounts, then of people, the oldest date first, each ordered by customer and product.

    They are those of every customer, or of a seeded choice of ``most`` of a kind at each date.
    """
    days = tuple(sorted(set(dates)))
    accounts = account_spine(company, days)
    of_accounts = [_by_date(table(company, accounts), days) for table in (owned, in_open_deals, escalated)]
    products = _plain(company.tables["products"].order_by("product_id").execute())
    placed = company.tables["accounts"].select("account_id", "segment").execute().set_index("account_id")["segment"]
    # what is in stock is known of today only
    gone = frozenset(products.loc[products["in_stock"].eq(False).fillna(False), "product_id"])
    made = []
    for kind in CUSTOMER_KINDS:
        by = f"{kind}_id"
        spine = accounts if kind == "account" else _people(company, days, accounts)
        customers = _by_date(spine.select(*dict.fromkeys((by, "account_id", "as_of"))), days)
        bought, answers = (_by_date(table(company, spine, by), days) for table in (purchases, answered))
        for day in days:
            held, deals, troubles = (table[day] for table in of_accounts)
            hindrances = Hindrances(deals, troubles, gone if day == company.as_of else frozenset())
            known = _Known(bought[day], answers[day], held, hindrances)
            mine = pd.DataFrame({"customer_id": customers[day][by], "account_id": customers[day]["account_id"]})
            mine = mine[mine["customer_id"].isin({*known.bought[by], *known.answered[by]})]
            mine = mine.assign(segment=mine["account_id"].map(placed).fillna("").astype(str))
            mine = mine.sort_values("customer_id", ignore_index=True)
            chosen = np.arange(len(mine))
            if most is not None and len(mine) > most[kind]:
                rng = np.random.default_rng([company.seed, day.toordinal()])
                chosen = np.sort(rng.choice(len(mine), most[kind], replace=False))
            made.append(_of_date(company, day, kind, known, mine, chosen, products))
    return made


def _by_date(rows: ir.Table, days: Sequence[date]) -> dict[date, pd.DataFrame]:
    """A table as frames by date."""
    every = _plain(dated(rows))
    return {day: every[every["as_of"] == day] for day in days}


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its texts as plain objects, which are looked up much faster than Arrow's."""
    texts = [name for name in frame.columns if isinstance(frame[name].dtype, pd.StringDtype)]
    return frame.astype(dict.fromkeys(texts, object))


def _people(company: Company, days: Sequence[date], accounts: ir.Table) -> ir.Table:
    """One row per contact of a customer's account and date: ``contact_id, account_id, as_of, as_of_at``."""
    customers = accounts.select("account_id", "as_of")
    return contact_spine(company, days).semi_join(customers, ["account_id", "as_of"])


def _of_date(
    company: Company,
    day: date,
    kind: CustomerKind,
    known: _Known,
    mine: pd.DataFrame,
    chosen: Ints,
    products: pd.DataFrame,
) -> Candidates:
    """The candidates of the chosen customers, given what all customers had at the date."""
    by = f"{kind}_id"
    bought = known.bought.rename(columns={by: "customer", "product_id": "item"})
    at = pd.Timestamp(first_instant(day, company.timezone))
    ids, items = mine["customer_id"].to_numpy(dtype=object), products["product_id"].to_numpy(dtype=object)
    shelf = PurchaseHistory.of(bought, at, ids, items, mine["segment"].to_numpy(dtype=object))
    listed = shortlist(shelf, chosen, MOST, company.seed)
    pairs = pd.DataFrame(
        {
            "customer_id": ids[listed.row],
            "account_id": mine["account_id"].to_numpy(dtype=object)[listed.row],
            "product_id": items[listed.column],
            "companion": pd.Series(items[listed.companion], dtype=object).where(listed.companion >= 0),
            "repeat": listed.repeat,
        }
    )
    features = _of_products(shelf, listed, pairs, known.held, products)
    answers = known.answered.rename(columns={by: "customer_id"})
    when = pairs.merge(answers, on=["customer_id", "product_id"], how="left")["answered_days"]
    features |= {"answered_days": when.to_numpy(dtype=np.float32), "person": np.full(len(pairs), kind == "contact")}
    pairs["excluded"] = _excluded(pairs, known, products, day)
    whole = pd.concat([pairs, listed.features, pd.DataFrame(features).astype(np.float32)], axis=1)
    return Candidates(day, kind, tuple(ids[chosen]), whole, _lifts(listed), int((shelf.of_item["buyers"] > 0).sum()))


def _excluded(pairs: pd.DataFrame, known: _Known, products: pd.DataFrame, day: date) -> "pd.Series[str]":
    """Why each pair may not be offered; the people of one account share its reasons."""
    every = pairs[["account_id", "product_id"]].drop_duplicates(ignore_index=True)
    every["why"] = exclusions(every, known.held, products, day, known.hindrances)
    why: pd.Series[str] = pairs.merge(every, on=["account_id", "product_id"], how="left")["why"]
    return why


def _lifts(listed: Shortlist) -> dict[tuple[str, str], float]:
    """How many times as frequent each candidate is among buyers of its companion as among all."""
    has = listed.companion >= 0
    both = np.unique(np.stack([listed.companion[has], listed.column[has]], axis=1), axis=0)
    first, second = both[:, 0], both[:, 1]
    buyers = listed.shelf.of_item["buyers"]
    counts = listed.neighbours.count(first, second)
    lifts = counts * len(listed.shelf.customers) / np.maximum(buyers[first] * buyers[second], 1)
    items = listed.shelf.items
    return {(str(items[a]), str(items[b])): float(lift) for a, b, lift in zip(first, second, lifts, strict=True)}


def _of_products(
    shelf: PurchaseHistory, listed: Shortlist, pairs: pd.DataFrame, held: pd.DataFrame, products: pd.DataFrame
) -> dict[str, NDArray[np.float64]]:
    """What the catalogue says of each pair: how it fits the families, tiers and prices that the customer knows."""
    family, _ = pd.factorize(products["family"])
    families = int(family.max(initial=-1)) + 2
    kept = np.where(family >= 0, family, families - 1)
    times = shelf.own["times"]
    place = shelf.row * families + kept[shelf.column]
    of_family = np.bincount(place, weights=times, minlength=len(shelf.customers) * families)
    of_all = np.bincount(shelf.row, weights=times, minlength=len(shelf.customers))
    price = products["list_price"].to_numpy(dtype=np.float64, na_value=np.nan)
    priced = np.where(price > 0, price, np.nan)
    paid = np.nan_to_num(priced[shelf.column])
    count = np.bincount(shelf.row, weights=paid > 0, minlength=len(shelf.customers))
    total = np.bincount(shelf.row, weights=paid, minlength=len(shelf.customers))
    active = held[held["active"].astype(bool)]
    best = active.groupby(["account_id", "family"])["tier"].max().rename("best").reset_index()
    rows = pairs[["account_id", "product_id"]].merge(
        products[["product_id", "family", "tier"]], on="product_id", how="left"
    )
    rows = rows.merge(best, on=["account_id", "family"], how="left")
    with np.errstate(divide="ignore", invalid="ignore"):
        usual = np.where(count > 0, total / count, np.nan)
        share = of_family[listed.row * families + kept[listed.column]] / of_all[listed.row]
        step = np.log(priced[listed.column] / usual[listed.row])
    has_family = family[listed.column] >= 0
    return {
        "family_share": np.where(has_family, np.nan_to_num(share), 0.0),
        "tier_step": (rows["tier"].astype("float64") - rows["best"].astype("float64")).to_numpy(),
        "price_step": step,
    }
