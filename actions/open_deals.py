"""Products already under discussion with an account: no e-mail or offer may interfere with an open deal."""

import pandas as pd

from features.company import Company


def open_deals(company: Company) -> pd.DataFrame:
    """One row per open deal of an account: ``opportunity_id, account_id, kind, product_id, family``."""
    deals = company.tables["opportunities"]
    still_open = deals.filter(deals.closed_at.isnull(), deals.account_id.notnull())
    columns = still_open.select("opportunity_id", "account_id", "kind", "product_id")
    rows: pd.DataFrame = columns.order_by("opportunity_id").execute()
    return rows.assign(family=rows["product_id"].map(_families(company)))


def offers_without_deal(company: Company, offers: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """The offers for which the account has no open deal on the product, or on another of its family.

    A deal without a product may be about any product, unless it is a renewal.
    """
    unspecified = deals[deals["product_id"].isna() & (deals["kind"] != "renewal")]
    family = offers["product_id"].map(_families(company))
    discussed = (
        offers["account_id"].isin(unspecified["account_id"])
        | _is_among(offers["account_id"], offers["product_id"], deals, "product_id")
        | _is_among(offers["account_id"], family, deals, "family")
    )
    return offers[~discussed]


def _families(company: Company) -> dict[str, str]:
    """The family of each product that has one."""
    products = company.tables["products"].select("product_id", "family").execute().dropna()
    return dict(zip(products["product_id"], products["family"], strict=True))


def _is_among(accounts: pd.Series, values: pd.Series, deals: pd.DataFrame, column: str) -> pd.Series:
    """Whether each account has a deal with the value in a column; missing values match nothing."""
    recorded = deals[deals[column].notna()]
    pairs = set(zip(recorded["account_id"], recorded[column], strict=True))
    matches = [pair in pairs for pair in zip(accounts, values, strict=True)]
    return pd.Series(matches, index=accounts.index, dtype=bool)
