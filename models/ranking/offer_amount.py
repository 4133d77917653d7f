"""What an account would pay for a product within the horizon, were it to buy it."""

import pandas as pd

from features.company import Company

FEWEST_OF_SEGMENT = 5
"""Fewer subscriptions than this of a product in a segment say less of it than those of all segments."""

MONTH_DAYS = 30.4375


def sales(company: Company, offers: pd.DataFrame, products: pd.DataFrame, horizon_days: int) -> "pd.Series[float]":
    """The sale of each offer (``account_id, product_id``) in the currency, before costs, aligned with the offers.

    A subscription brings its months: the account's own seats times what the product's subscribers pay a month for each
    of theirs, or where either is unknown, the median monthly amount of its segment, then of all; less what the account
    pays a month now for what it replaces, never negative. An account has the seats of its largest subscription: not all
    of them take an extra, which the price of a seat allows for. What was never subscribed to brings its list price
    (where there is none, the median paid for one) times the median quantity of a line.
    """
    rows = offers[["account_id", "product_id"]].reset_index(drop=True)
    named = products[["product_id", "family", "tier", "replaces_product_id"]]
    rows = rows.merge(named, on="product_id", how="left")
    held = company.tables["subscriptions"]
    held = held.filter(held.product_id.notnull()).select("account_id", "product_id", "seats", "mrr", "ended_at")
    sold = held.execute().merge(named, on="product_id", how="left")
    active = sold[sold["ended_at"].isna() | (sold["ended_at"] >= company.as_of_at)]
    usual = _monthly(rows, sold, company)
    seats = rows["account_id"].map(_seats(active))
    monthly = (rows["product_id"].map(_seat_price(sold)).astype("float64") * seats.astype("float64")).fillna(usual)
    more = (monthly - _replaced(rows, active)).clip(lower=0.0) * horizon_days / MONTH_DAYS
    whole = more.fillna(rows["product_id"].map(_once(company, products)).astype("float64"))
    return pd.Series(whole.to_numpy(dtype="float64"), index=offers.index)


def _replaced(rows: pd.DataFrame, active: pd.DataFrame) -> "pd.Series[float]":
    """The monthly amount of the active subscriptions that each offer replaces: those to lower tiers of its family, and
    to the product that it succeeds."""
    pairs = rows.reset_index().merge(active, on="account_id", suffixes=("", "_now"))
    lower = (pairs["family"] == pairs["family_now"]) & (pairs["tier_now"] < pairs["tier"])
    succeeds = pairs["replaces_product_id"] == pairs["product_id_now"]
    mine = pairs[lower.fillna(False).astype(bool) | succeeds.fillna(False).astype(bool)]
    return mine.groupby("index")["mrr"].sum().astype("float64").reindex(rows.index).fillna(0.0)


def _seats(held: pd.DataFrame) -> "pd.Series[float]":
    """By account, the seats of its largest subscription."""
    counted = held[held["seats"] > 0]
    return counted.groupby("account_id")["seats"].max().astype("float64")


def _seat_price(sold: pd.DataFrame) -> "pd.Series[float]":
    """By product, the median monthly amount over the seats of the account, over all that was ever subscribed to."""
    prices = sold["mrr"].astype("float64") / sold["account_id"].map(_seats(sold)).astype("float64")
    return prices.groupby(sold["product_id"]).median()


def _monthly(rows: pd.DataFrame, sold: pd.DataFrame, company: Company) -> "pd.Series[float]":
    """The median monthly amount of each offer's product in the account's segment; of all, where that says little."""
    segments = company.tables["accounts"].select("account_id", "segment").execute().set_index("account_id")["segment"]
    placed = sold.assign(segment=sold["account_id"].map(segments))
    of_segment = placed.groupby(["product_id", "segment"])["mrr"].agg(["size", "median"]).reset_index()
    of_segment = of_segment[of_segment["size"] >= FEWEST_OF_SEGMENT]
    mine = rows[["account_id", "product_id"]].assign(segment=rows["account_id"].map(segments))
    near = mine.merge(of_segment, on=["product_id", "segment"], how="left")["median"].astype("float64")
    every = sold.groupby("product_id")["mrr"].median()
    return near.fillna(rows["product_id"].map(every).astype("float64"))


def _once(company: Company, products: pd.DataFrame) -> "pd.Series[float]":
    """By product, what a line of it brings."""
    orders = company.tables["orders"]
    placed = orders.filter(orders.status == "placed")
    lines = placed.group_by("product_id").agg(
        quantity=placed.quantity.median(), paid=(placed.amount / placed.quantity.nullif(0)).median()
    )
    priced = products[["product_id", "list_price"]].merge(lines.execute(), on="product_id", how="left")
    once = priced["list_price"].astype("float64").fillna(priced["paid"]) * priced["quantity"].fillna(1.0)
    return pd.Series(once.to_numpy(dtype="float64"), index=priced["product_id"])
