"""What may be offered to whom: recommended, priced, on sale, and never had."""

import json

import pandas as pd

from features.company import Company
from features.products.ownership import owned
from features.spine import account_spine


def offers(company: Company, recommended: pd.DataFrame | None) -> pd.DataFrame:
    """One row per account and product that may be offered, the most worth first.

    ``account_id, product_id, product`` (its name), ``probability`` of buying within the model's horizon,
    ``margin`` if it is bought, ``why`` in a sentence. Only what is recommended to accounts to explore counts: people
    are written to on their account's behalf. A product that the account ever had, or that left the market, is
    never among them, whatever a model recommends: who had it knows it, and buys it again without an offer.
    """
    columns = ["account_id", "product_id", "product", "probability", "margin", "why"]
    if recommended is None or recommended.empty:
        return pd.DataFrame(columns=columns)
    products = company.tables["products"].select("product_id", "name", "active_from", "active_to").execute()
    day = pd.Timestamp(company.as_of)
    begun = ~(pd.to_datetime(products["active_from"]) > day)
    on_sale = products[begun & ~(pd.to_datetime(products["active_to"]) < day)]
    never_had = recommended["customer_kind"].eq("account") & recommended["kind"].eq("explore")
    rows = recommended[never_had.fillna(False)].merge(on_sale[["product_id", "name"]], on="product_id")
    rows = rows[(rows["probability"] > 0) & (rows["expected_margin"] > 0)]
    had = _had(company)
    rows = rows.merge(had, on=["account_id", "product_id"], how="left", indicator="had")
    rows = rows[rows["had"] == "left_only"]
    rows = rows.assign(
        product=rows["name"].fillna(rows["product_id"]),
        margin=rows["expected_margin"] / rows["probability"],
        why=[_weightiest(why) for why in rows["why"]],
    )
    return rows.sort_values(
        ["account_id", "expected_margin", "product_id"], ascending=[True, False, True], ignore_index=True
    )[columns]


def _weightiest(why: object) -> str:
    """The first of the sentences of a JSON list; empty where there is none."""
    said = json.loads(why) if isinstance(why, str) else []
    return str(said[0]) if said else ""


def _had(company: Company) -> pd.DataFrame:
    """One row per account and product that it ever had."""
    today = owned(company, account_spine(company, [company.as_of]))
    had: pd.DataFrame = today.select("account_id", "product_id").distinct().execute()
    return had
