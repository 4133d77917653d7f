"""What somebody is already talking to a customer about: no mail or offer of ours may speak into it."""

import pandas as pd

from features.company import Company


def open_deals(company: Company) -> pd.DataFrame:
    """One row per open deal of an account: ``opportunity_id, account_id, kind, product_id, family``."""
    deals = company.tables["opportunities"]
    running = deals.filter(deals.closed_at.isnull(), deals.account_id.notnull())
    chosen = running.select("opportunity_id", "account_id", "kind", "product_id")
    rows: pd.DataFrame = chosen.order_by("opportunity_id").execute()
    return rows.assign(family=rows["product_id"].map(_families(company)))


def undiscussed(company: Company, offered: pd.DataFrame, deals: pd.DataFrame) -> pd.DataFrame:
    """The offers about whose product, or another of its family, the account has no open deal.

    A deal whose product nobody wrote down may be about any product, unless it is a renewal.
    """
    unnamed = deals[deals["product_id"].isna() & (deals["kind"] != "renewal")]
    family = offered["product_id"].map(_families(company))
    discussed = (
        offered["account_id"].isin(unnamed["account_id"])
        | _among(offered["account_id"], offered["product_id"], deals["account_id"], deals["product_id"])
        | _among(offered["account_id"], family, deals["account_id"], deals["family"])
    )
    return offered[~discussed]


def _families(company: Company) -> dict[str, str]:
    """The family of each product that has one."""
    products = company.tables["products"].select("product_id", "family").execute().dropna()
    return dict(zip(products["product_id"], products["family"], strict=True))


def _among(account: pd.Series, thing: pd.Series, of_account: pd.Series, of_thing: pd.Series) -> pd.Series:
    """Whether each account and thing is among those of the deals; what nobody wrote down is among none."""
    told = of_thing.notna()
    known = set(zip(of_account[told], of_thing[told], strict=True))
    return pd.Series([pair in known for pair in zip(account, thing, strict=True)], index=account.index, dtype=bool)
