"""Which products may be offered to an account, and in words why the others may not."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

HELD = ["account_id", "product_id", "family", "tier", "since", "active"]


@dataclass(frozen=True)
class Hindrances:
    """What stands in the way at a date, beside what the account has: ``deals`` and ``escalated`` as ``features.products.ownership``
    says; ``out_of_stock`` are products that cannot be delivered, which a source knows of today only."""

    deals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["account_id", "product_id", "since"]))
    escalated: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["account_id", "since"]))
    out_of_stock: frozenset[str] = frozenset()


def exclusions(
    pairs: pd.DataFrame,
    held: pd.DataFrame,
    products: pd.DataFrame,
    as_of: date,
    hindrances: Hindrances | None = None,
) -> "pd.Series[str]":
    """Why each pair (``account_id, product_id``) may not be offered, as a sentence; missing where it may.

    ``held`` are the rows of ``features.products.ownership`` at the date, ``products`` the contract's products. In this order: an
    escalation is open; not sold at the date; out of stock; the account has it; has its successor; has a higher tier of
    its family; lacks what it requires (a higher tier of that will do); a deal about it is open.
    """
    hindered = hindrances or Hindrances()
    rows = pairs[["account_id", "product_id"]].reset_index(drop=True)
    rows = rows.merge(products.rename(columns={"name": "label"}), on="product_id", how="left")
    active = held[held["active"].astype(bool)]
    why = pd.Series(None, index=rows.index, dtype=object)

    def exclude(where: "pd.Series[bool]", sentence: "pd.Series[str]") -> None:
        open_ = where & why.isna()
        why[open_] = sentence[open_]

    label = rows["label"].fillna(rows["product_id"])
    names = products.set_index("product_id")["name"]
    day = pd.Timestamp(as_of)
    troubled = _since(rows.merge(hindered.escalated[["account_id", "since"]], on="account_id", how="left")["since"])
    exclude(troubled.notna(), "nothing is offered while an escalated ticket is open, since " + troubled.fillna(""))
    starts, ends = pd.to_datetime(rows["active_from"]), pd.to_datetime(rows["active_to"])
    exclude(ends <= day, label + " is not sold any more")
    exclude(starts > day, label + " is not sold yet")
    exclude(rows["product_id"].isin(hindered.out_of_stock), label + " is out of stock")

    mine = rows.merge(active[["account_id", "product_id", "since"]], on=["account_id", "product_id"], how="left")
    since = _since(mine["since"])
    exclude(since.notna(), label + " is there already, since " + since.fillna(""))

    successors = products.loc[products["replaces_product_id"].notna(), ["product_id", "replaces_product_id"]]
    newer = active[["account_id", "product_id"]].merge(successors, on="product_id")
    newer = newer.drop_duplicates(["account_id", "replaces_product_id"]).rename(
        columns={"product_id": "successor", "replaces_product_id": "product_id"}
    )
    successor = rows.merge(newer, on=["account_id", "product_id"], how="left")["successor"]
    exclude(successor.notna(), label + " was replaced by " + _named(successor, names) + ", which is there already")

    tiers = active[active["tier"].notna() & active["family"].notna()].sort_values(["tier", "product_id"])
    highest = tiers.groupby(["account_id", "family"], as_index=False).last()[
        ["account_id", "family", "tier", "product_id"]
    ]
    highest = highest.rename(columns={"tier": "has_tier", "product_id": "has"})
    best = rows.merge(highest, on=["account_id", "family"], how="left")
    lower = (best["has_tier"].astype("float64") > best["tier"].astype("float64")).fillna(False)
    exclude(lower, label + " is a lower tier than " + _named(best["has"], names) + ", which is there already")

    required = products[["product_id", "family", "tier"]].add_prefix("requires_")
    needs = rows.merge(required, on="requires_product_id", how="left")
    met = needs.merge(
        active[["account_id", "product_id"]].add_prefix("has_"),
        how="left",
        left_on=["account_id", "requires_product_id"],
        right_on=["has_account_id", "has_product_id"],
    )
    above = needs.merge(
        highest, left_on=["account_id", "requires_family"], right_on=["account_id", "family"], how="left"
    )
    enough = (above["has_tier"].astype("float64") >= above["requires_tier"].astype("float64")).fillna(False)
    lacking = needs["requires_product_id"].notna() & met["has_product_id"].isna() & ~enough
    exclude(lacking, label + " needs " + _named(needs["requires_product_id"], names) + ", which is not there")
    talks = rows.merge(
        hindered.deals[["account_id", "product_id", "since"]], on=["account_id", "product_id"], how="left"
    )
    talked = _since(talks["since"])
    exclude(talked.notna(), label + " is in an open deal already, since " + talked.fillna(""))
    why.index = pairs.index
    return why


def _since(instants: "pd.Series[Any]") -> "pd.Series[str]":
    """Days as text; missing where there is none."""
    days: pd.Series[str] = pd.to_datetime(instants).dt.strftime("%Y-%m-%d")
    return days


def _named(product_ids: "pd.Series[str]", names: "pd.Series[str]") -> "pd.Series[str]":
    """Names of products, their ids where they have none, nothing for missing ones."""
    named: pd.Series[str] = product_ids.map(names).fillna(product_ids).fillna("").astype(object)
    return named
