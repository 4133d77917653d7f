"""The products that may be offered to each account: recommended, priced, on sale, and never owned."""

import json

import pandas as pd

from features.company import Company
from features.products.ownership import owned_products
from features.spine import account_spine

OFFER_COLUMNS = ["account_id", "product_id", "product", "probability", "margin", "reason"]


def eligible_offers(company: Company, recommended: pd.DataFrame | None) -> pd.DataFrame:
    """One row per account and product that may be offered, the highest expected margin first within the account.

    ``account_id, product_id, product`` (its name), ``probability`` of a purchase within the recommender's horizon,
    ``margin`` if it is bought, ``reason`` in a sentence. Only recommendations to accounts of products to explore count:
    contacts are written to on behalf of their account. A product that the account ever owned, or that is not on sale,
    is left out, whatever the recommender says.
    """
    if recommended is None or recommended.empty:
        return pd.DataFrame(columns=OFFER_COLUMNS)
    to_explore = recommended["customer_kind"].eq("account") & recommended["kind"].eq("explore")
    rows = recommended[to_explore.fillna(False)].merge(_on_sale(company), on="product_id")
    rows = rows[(rows["probability"] > 0) & (rows["expected_margin"] > 0)]
    rows = rows.merge(_ever_owned(company), on=["account_id", "product_id"], how="left", indicator="owned")
    rows = rows[rows["owned"] == "left_only"]
    rows = rows.assign(
        product=rows["name"].fillna(rows["product_id"]),
        margin=rows["expected_margin"] / rows["probability"],
        reason=[_first_sentence(reasons) for reasons in rows["reasons"]],
    )
    return rows.sort_values(
        ["account_id", "expected_margin", "product_id"], ascending=[True, False, True], ignore_index=True
    )[OFFER_COLUMNS]


def _on_sale(company: Company) -> pd.DataFrame:
    """One row per product on sale as of the date: ``product_id, name``."""
    products = company.tables["products"].select("product_id", "name", "active_from", "active_to").execute()
    day = pd.Timestamp(company.as_of)
    begun = ~(pd.to_datetime(products["active_from"]) > day)
    rows: pd.DataFrame = products[begun & ~(pd.to_datetime(products["active_to"]) < day)]
    return rows[["product_id", "name"]]


def _ever_owned(company: Company) -> pd.DataFrame:
    """One row per account and product that it ever owned."""
    rows = owned_products(company, account_spine(company, [company.as_of]))
    frame: pd.DataFrame = rows.select("account_id", "product_id").distinct().execute()
    return frame


def _first_sentence(reasons: object) -> str:
    """The first sentence of a JSON list, which is the most important; an empty text where there is none."""
    sentences = json.loads(reasons) if isinstance(reasons, str) else []
    return str(sentences[0]) if sentences else ""
