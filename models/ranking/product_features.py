"""Features of (customer, product) pairs from the catalog: how a product fits the families, tiers and prices bought."""

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.feature import Feature
from models.ranking.candidate_generation import CandidateSet

PRODUCT_FEATURES: tuple[Feature, ...] = (
    Feature("family_share", "family", "share of the customer's purchases in its family", "share"),
    Feature("tier_step", "family", "tiers above what the account has of its family", "count"),
    Feature("price_log_ratio", "price", "log of its price over the mean price that the customer pays", "ratio"),
)


def product_features(
    candidates: CandidateSet, pairs: pd.DataFrame, owned: pd.DataFrame, products: pd.DataFrame
) -> dict[str, Floats]:
    """``PRODUCT_FEATURES`` by name, one value per pair; NaN where the catalog says nothing.

    ``pairs`` (``account_id, product_id``) are aligned with the candidates, ``products`` with the history's items;
    ``owned`` are the rows of ``features.products.ownership.owned_products``.
    """
    return {
        "family_share": _family_share(candidates, products),
        "tier_step": _tier_step(pairs, owned, products),
        "price_log_ratio": _price_log_ratio(candidates, products),
    }


def _family_share(candidates: CandidateSet, products: pd.DataFrame) -> Floats:
    """The share of the customer's purchases in the product's family; 0 for a product without one."""
    history = candidates.history
    family, _ = pd.factorize(products["family"])
    n_families = int(family.max(initial=-1)) + 2
    family_index = np.where(family >= 0, family, n_families - 1)
    purchases, n_customers = history.pair_stats["purchases"], len(history.customers)
    cells = history.customer_index * n_families + family_index[history.item_index]
    in_family = np.bincount(cells, weights=purchases, minlength=n_customers * n_families)
    total = np.bincount(history.customer_index, weights=purchases, minlength=n_customers)
    customer, item = candidates.customer_index, candidates.item_index
    with np.errstate(divide="ignore", invalid="ignore"):
        share = in_family[customer * n_families + family_index[item]] / total[customer]
    return np.where(family[item] >= 0, np.nan_to_num(share), 0.0)


def _tier_step(pairs: pd.DataFrame, owned: pd.DataFrame, products: pd.DataFrame) -> Floats:
    """Tiers above the highest tier of the family that the account has."""
    active = owned[owned["active"].astype(bool)]
    highest = active.groupby(["account_id", "family"])["tier"].max().rename("highest").reset_index()
    rows = pairs[["account_id", "product_id"]].merge(
        products[["product_id", "family", "tier"]], on="product_id", how="left"
    )
    rows = rows.merge(highest, on=["account_id", "family"], how="left")
    steps = rows["tier"].astype("float64") - rows["highest"].astype("float64")
    return np.asarray(steps, dtype=np.float64)


def _price_log_ratio(candidates: CandidateSet, products: pd.DataFrame) -> Floats:
    """The log of the list price over the mean list price of the products that the customer bought."""
    history = candidates.history
    list_price = products["list_price"].to_numpy(dtype=np.float64, na_value=np.nan)
    price = np.where(list_price > 0, list_price, np.nan)
    paid = np.nan_to_num(price[history.item_index])
    n_customers = len(history.customers)
    count = np.bincount(history.customer_index, weights=paid > 0, minlength=n_customers)
    total = np.bincount(history.customer_index, weights=paid, minlength=n_customers)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_price = np.where(count > 0, total / count, np.nan)
        ratio: Floats = np.log(price[candidates.item_index] / mean_price[candidates.customer_index])
    return ratio
