"""Candidate products of a company's customers at past dates or as of today, with features and exclusion reasons.

Customers are accounts, or contacts who ordered or responded to a campaign for a product. A contact may be offered what
its account may be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from data.arrays import Ints
from data.calendar import first_instant
from features.company import Company
from features.feature import Feature
from features.frames import to_frame
from features.products.ownership import open_escalations, owned_products, products_in_open_deals
from features.products.purchases import campaign_responses, purchase_events
from features.spine import account_spine, contact_spine
from models.ranking.candidate_generation import CandidateSet, generate_candidates
from models.ranking.eligibility import Restrictions, exclusion_reasons
from models.ranking.pair_features import PAIR_FEATURES
from models.ranking.product_features import PRODUCT_FEATURES, product_features
from models.ranking.purchase_history import PurchaseHistory

CustomerKind = Literal["account", "contact"]
CUSTOMER_KINDS: tuple[CustomerKind, ...] = ("account", "contact")

CANDIDATE_FEATURES: tuple[Feature, ...] = (
    *PAIR_FEATURES,
    *PRODUCT_FEATURES,
    Feature("campaign_response_days", "campaign", "days since a response to a campaign for it", "days"),
    Feature("is_contact", "customer", "whether the customer is a contact", "yes or no"),
)
FEATURE_NAMES: list[str] = [feature.name for feature in CANDIDATE_FEATURES]


@dataclass(frozen=True)
class Candidates:
    """Candidate pairs of one date and kind of customer: ``pairs`` has ``customer_id, account_id, product_id,
    nearest_product, is_repeat, exclusion_reason`` and ``CANDIDATE_FEATURES``, ordered by customer and product.

    ``nearest_product`` is the most similar product that the customer bought, ``exclusion_reason`` a sentence where the
    product may not be offered, ``is_repeat`` whether the customer ever bought it. ``lifts`` has the lift of (bought,
    candidate) pairs of products, ``n_products_sold`` the number of products ever sold.
    """

    as_of: date
    customer_kind: CustomerKind
    customers: tuple[str, ...]
    pairs: pd.DataFrame
    lifts: dict[tuple[str, str], float]
    n_products_sold: int


@dataclass(frozen=True)
class _AccountTables:
    """The spine of accounts and dates; by date, what accounts owned and which restrictions hold."""

    spine: ir.Table
    owned: dict[date, pd.DataFrame]
    restrictions: dict[date, Restrictions]


@dataclass(frozen=True)
class _Snapshot:
    """What customers of one kind had done by one date, and what their accounts owned.

    ``customers`` has ``customer_id, account_id, segment``; ``chosen`` are the positions to make candidates for.
    """

    as_of: date
    customer_kind: CustomerKind
    customers: pd.DataFrame
    chosen: Ints
    purchases: pd.DataFrame
    responses: pd.DataFrame
    owned: pd.DataFrame
    restrictions: Restrictions


def company_candidates(
    company: Company, dates: Sequence[date], max_customers: Mapping[CustomerKind, int] | None = None
) -> list[Candidates]:
    """The candidates of accounts, then of contacts, each by ascending date.

    Those of every customer, or of a seeded sample of ``max_customers`` of a kind at each date.
    """
    days = tuple(sorted(set(dates)))
    products = _object_texts(company.tables["products"].order_by("product_id").execute())
    accounts = _account_tables(company, days, products)
    return [
        _candidates_of(company, snapshot, products)
        for kind in CUSTOMER_KINDS
        for snapshot in _snapshots(company, days, kind, accounts, max_customers)
    ]


def _account_tables(company: Company, days: tuple[date, ...], products: pd.DataFrame) -> _AccountTables:
    """What accounts owned, and what restricted offers to them, by date."""
    spine = account_spine(company, days)
    owned, deals, escalations = (
        _by_date(table(company, spine), days) for table in (owned_products, products_in_open_deals, open_escalations)
    )
    # stock is known as of today only
    out_of_stock = frozenset(products.loc[products["in_stock"].eq(False).fillna(False), "product_id"])
    restrictions = {
        day: Restrictions(deals[day], escalations[day], out_of_stock if day == company.as_of else frozenset())
        for day in days
    }
    return _AccountTables(spine, owned, restrictions)


def _snapshots(
    company: Company,
    days: tuple[date, ...],
    kind: CustomerKind,
    accounts: _AccountTables,
    max_customers: Mapping[CustomerKind, int] | None,
) -> list[_Snapshot]:
    """One snapshot per date."""
    key = f"{kind}_id"
    spine = accounts.spine if kind == "account" else _customer_contacts(company, days, accounts.spine)
    customer_ids = _by_date(spine.select(*dict.fromkeys((key, "account_id", "as_of"))), days)
    purchases, responses = (
        _by_date(table(company, spine, key), days) for table in (purchase_events, campaign_responses)
    )
    segments = company.tables["accounts"].select("account_id", "segment").execute().set_index("account_id")["segment"]
    snapshots = []
    for day in days:
        ids = customer_ids[day]
        customers = pd.DataFrame({"customer_id": ids[key], "account_id": ids["account_id"]})
        active = {*purchases[day][key], *responses[day][key]}
        customers = customers[customers["customer_id"].isin(active)]
        customers = customers.assign(segment=customers["account_id"].map(segments).fillna("").astype(str))
        customers = customers.sort_values("customer_id", ignore_index=True)
        chosen = np.arange(len(customers))
        if max_customers is not None and len(customers) > max_customers[kind]:
            rng = np.random.default_rng([company.seed, day.toordinal()])
            chosen = np.sort(rng.choice(len(customers), max_customers[kind], replace=False))
        snapshots.append(
            _Snapshot(
                as_of=day,
                customer_kind=kind,
                customers=customers,
                chosen=chosen,
                purchases=purchases[day].rename(columns={key: "customer", "product_id": "item"}),
                responses=responses[day].rename(columns={key: "customer_id"}),
                owned=accounts.owned[day],
                restrictions=accounts.restrictions[day],
            )
        )
    return snapshots


def _by_date(rows: ir.Table, days: Sequence[date]) -> dict[date, pd.DataFrame]:
    """The rows of a table as one frame per date."""
    frame = _object_texts(to_frame(rows))
    return {day: frame[frame["as_of"] == day] for day in days}


def _object_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with text columns as Python objects, which are looked up much faster than Arrow strings."""
    texts = [name for name in frame.columns if isinstance(frame[name].dtype, pd.StringDtype)]
    return frame.astype(dict.fromkeys(texts, object))


def _customer_contacts(company: Company, days: Sequence[date], accounts: ir.Table) -> ir.Table:
    """One row per contact of a customer's account and date: ``contact_id, account_id, as_of, as_of_at``."""
    customers = accounts.select("account_id", "as_of")
    return contact_spine(company, days).semi_join(customers, ["account_id", "as_of"])


def _candidates_of(company: Company, snapshot: _Snapshot, products: pd.DataFrame) -> Candidates:
    """The candidates of the chosen customers, from the purchases of all."""
    before = pd.Timestamp(first_instant(snapshot.as_of, company.timezone))
    customers = snapshot.customers
    ids, items = customers["customer_id"].to_numpy(dtype=object), products["product_id"].to_numpy(dtype=object)
    segments = customers["segment"].to_numpy(dtype=object)
    history = PurchaseHistory.from_purchases(snapshot.purchases, before, ids, items, segments)
    candidates = generate_candidates(history, snapshot.chosen, company.seed)
    nearest = candidates.nearest_item
    pairs = pd.DataFrame(
        {
            "customer_id": ids[candidates.customer_index],
            "account_id": customers["account_id"].to_numpy(dtype=object)[candidates.customer_index],
            "product_id": items[candidates.item_index],
            "nearest_product": pd.Series(items[nearest], dtype=object).where(nearest >= 0),
            "is_repeat": candidates.is_repeat,
        }
    )
    responses = pairs.merge(snapshot.responses, on=["customer_id", "product_id"], how="left")["answered_days"]
    features = {
        **product_features(candidates, pairs, snapshot.owned, products),
        "campaign_response_days": responses.to_numpy(dtype=np.float32),
        "is_contact": np.full(len(pairs), snapshot.customer_kind == "contact"),
    }
    pairs["exclusion_reason"] = _exclusion_reasons(pairs, snapshot, products)
    return Candidates(
        as_of=snapshot.as_of,
        customer_kind=snapshot.customer_kind,
        customers=tuple(ids[snapshot.chosen]),
        pairs=pd.concat([pairs, candidates.features, pd.DataFrame(features).astype(np.float32)], axis=1),
        lifts=_lifts(candidates),
        n_products_sold=int((history.item_stats["buyers"] > 0).sum()),
    )


def _exclusion_reasons(pairs: pd.DataFrame, snapshot: _Snapshot, products: pd.DataFrame) -> "pd.Series[str]":
    """Why each pair may not be offered; contacts share the reasons of their account."""
    unique = pairs[["account_id", "product_id"]].drop_duplicates(ignore_index=True)
    unique["reason"] = exclusion_reasons(unique, snapshot.owned, products, snapshot.as_of, snapshot.restrictions)
    reasons: pd.Series[str] = pairs.merge(unique, on=["account_id", "product_id"], how="left")["reason"]
    return reasons


def _lifts(candidates: CandidateSet) -> dict[tuple[str, str], float]:
    """By (nearest product, candidate): purchases of the candidate by buyers of the other, relative to all customers."""
    history = candidates.history
    has_nearest = candidates.nearest_item >= 0
    nearest_and_item = np.stack([candidates.nearest_item[has_nearest], candidates.item_index[has_nearest]], axis=1)
    unique = np.unique(nearest_and_item, axis=0)
    first, second = unique[:, 0], unique[:, 1]
    buyers = history.item_stats["buyers"]
    both = candidates.similarity.co_purchase_counts(first, second)
    lifts = both * len(history.customers) / np.maximum(buyers[first] * buyers[second], 1)
    items = history.items
    return {(str(items[a]), str(items[b])): float(lift) for a, b, lift in zip(first, second, lifts, strict=True)}
