"""Which products may not be offered to an account, with the reason as a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

Exclusion = tuple["pd.Series[bool]", "pd.Series[str]"]
"""Where a rule excludes a pair, and its sentence."""


@dataclass(frozen=True)
class Restrictions:
    """Restrictions of offers at a date, in addition to what accounts own: rows of ``products_in_open_deals`` and
    ``open_escalations`` (``features.products.ownership``), and products out of stock, known as of today only."""

    open_deals: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["account_id", "product_id", "since"])
    )
    escalations: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["account_id", "since"]))
    out_of_stock: frozenset[str] = frozenset()


def exclusion_reasons(
    pairs: pd.DataFrame,
    owned: pd.DataFrame,
    products: pd.DataFrame,
    as_of: date,
    restrictions: Restrictions | None = None,
) -> "pd.Series[str]":
    """Why each pair (``account_id, product_id``) may not be offered, as a sentence; missing where it may.

    ``owned`` are the rows of ``owned_products`` at the date, ``products`` the contract's. The first rule counts: an
    escalation is open; not on sale at the date; out of stock; owned; its successor is owned; a higher tier of its
    family is owned; a required product (or a higher tier of that) is not owned; a deal about it is open.
    """
    limits = restrictions or Restrictions()
    rows = pairs[["account_id", "product_id"]].reset_index(drop=True)
    rows = rows.merge(products.rename(columns={"name": "label"}), on="product_id", how="left")
    rows["label"] = rows["label"].fillna(rows["product_id"])
    active = owned[owned["active"].astype(bool)]
    reasons = pd.Series(None, index=rows.index, dtype=object)
    for excluded, sentence in (
        _escalation(rows, limits),
        *_availability(rows, pd.Timestamp(as_of), limits),
        _owned(rows, active),
        *_owned_alternatives(rows, active, products),
        _requirement(rows, active, products),
        _open_deal(rows, limits),
    ):
        first = excluded & reasons.isna()
        reasons[first] = sentence[first]
    reasons.index = pairs.index
    return reasons


def _escalation(rows: pd.DataFrame, restrictions: Restrictions) -> Exclusion:
    merged = rows.merge(restrictions.escalations[["account_id", "since"]], on="account_id", how="left")
    since = _day_text(merged["since"])
    return since.notna(), "nothing is offered while an escalated ticket is open, since " + since.fillna("")


def _availability(rows: pd.DataFrame, day: pd.Timestamp, restrictions: Restrictions) -> Iterator[Exclusion]:
    active_from, active_to = pd.to_datetime(rows["active_from"]), pd.to_datetime(rows["active_to"])
    yield active_to <= day, rows["label"] + " is not sold any more"
    yield active_from > day, rows["label"] + " is not sold yet"
    yield rows["product_id"].isin(restrictions.out_of_stock), rows["label"] + " is out of stock"


def _owned(rows: pd.DataFrame, active: pd.DataFrame) -> Exclusion:
    merged = rows.merge(active[["account_id", "product_id", "since"]], on=["account_id", "product_id"], how="left")
    since = _day_text(merged["since"])
    return since.notna(), rows["label"] + " is there already, since " + since.fillna("")


def _owned_alternatives(rows: pd.DataFrame, active: pd.DataFrame, products: pd.DataFrame) -> Iterator[Exclusion]:
    """Products whose successor, or a higher tier of whose family, is owned."""
    names = products.set_index("product_id")["name"]
    successors = products.loc[products["replaces_product_id"].notna(), ["product_id", "replaces_product_id"]]
    newer = active[["account_id", "product_id"]].merge(successors, on="product_id")
    newer = newer.drop_duplicates(["account_id", "replaces_product_id"]).rename(
        columns={"product_id": "successor", "replaces_product_id": "product_id"}
    )
    successor = rows.merge(newer, on=["account_id", "product_id"], how="left")["successor"]
    replaced = rows["label"] + " was replaced by " + _product_names(successor, names) + ", which is there already"
    yield successor.notna(), replaced
    best = rows.merge(_highest_tiers(active), on=["account_id", "family"], how="left")
    lower = (best["owned_tier"].astype("float64") > best["tier"].astype("float64")).fillna(False)
    owned = _product_names(best["owned_product"], names)
    yield lower, rows["label"] + " is a lower tier than " + owned + ", which is there already"


def _requirement(rows: pd.DataFrame, active: pd.DataFrame, products: pd.DataFrame) -> Exclusion:
    """Products that require one of which neither it nor a higher tier is owned."""
    required = products[["product_id", "family", "tier"]].add_prefix("requires_")
    needs = rows.merge(required, on="requires_product_id", how="left")
    met = needs.merge(
        active[["account_id", "product_id"]].add_prefix("owned_"),
        how="left",
        left_on=["account_id", "requires_product_id"],
        right_on=["owned_account_id", "owned_product_id"],
    )
    tiers = needs.merge(
        _highest_tiers(active),
        left_on=["account_id", "requires_family"],
        right_on=["account_id", "family"],
        how="left",
    )
    higher = (tiers["owned_tier"].astype("float64") >= tiers["requires_tier"].astype("float64")).fillna(False)
    missing = needs["requires_product_id"].notna() & met["owned_product_id"].isna() & ~higher
    names = products.set_index("product_id")["name"]
    required_name = _product_names(needs["requires_product_id"], names)
    return missing, rows["label"] + " needs " + required_name + ", which is not there"


def _open_deal(rows: pd.DataFrame, restrictions: Restrictions) -> Exclusion:
    deals = restrictions.open_deals[["account_id", "product_id", "since"]]
    since = _day_text(rows.merge(deals, on=["account_id", "product_id"], how="left")["since"])
    return since.notna(), rows["label"] + " is in an open deal already, since " + since.fillna("")


def _highest_tiers(active: pd.DataFrame) -> pd.DataFrame:
    """One row per account and family of owned products: ``account_id, family, owned_tier, owned_product``."""
    tiers = active[active["tier"].notna() & active["family"].notna()].sort_values(["tier", "product_id"])
    columns = ["account_id", "family", "tier", "product_id"]
    highest = tiers.groupby(["account_id", "family"], as_index=False).last()[columns]
    return highest.rename(columns={"tier": "owned_tier", "product_id": "owned_product"})


def _day_text(instants: "pd.Series[Any]") -> "pd.Series[str]":
    """Days as text; missing where there is no instant."""
    days: pd.Series[str] = pd.to_datetime(instants).dt.strftime("%Y-%m-%d")
    return days


def _product_names(product_ids: "pd.Series[str]", names: "pd.Series[str]") -> "pd.Series[str]":
    """Names of products, their ids where they have none, empty texts for missing ids."""
    result: pd.Series[str] = product_ids.map(names).fillna(product_ids).fillna("").astype(object)
    return result
