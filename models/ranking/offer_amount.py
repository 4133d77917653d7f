"""The expected sale amount of each offer within the horizon, if the account buys it."""

import pandas as pd

from features.company import Company
from features.order_lines import placed_order_lines

MIN_SEGMENT_SUBSCRIPTIONS = 5
"""Fewer subscriptions of a product in a segment give no median; that of all segments is used."""
DAYS_PER_MONTH = 30.4375


def expected_sale_amounts(
    company: Company, offers: pd.DataFrame, products: pd.DataFrame, horizon_days: int
) -> "pd.Series[float]":
    """The amount of each offer (``account_id, product_id``) in the reporting currency, aligned with the offers; never
    negative.

    A subscription: the account's seats × the product's median monthly price a seat or, where either is unknown, the
    median monthly amount of its segment, then of all; less what the account now pays for what it replaces; over the
    horizon. A product never subscribed to: its list price (or the median price paid) × the median quantity of a line.

    Notes: an account has the seats of its largest subscription. Not all of them take an extra product, which the price
    a seat, over all seats of its subscribers, allows for.
    """
    catalog = products[["product_id", "family", "tier", "replaces_product_id"]]
    rows = offers[["account_id", "product_id"]].reset_index(drop=True).merge(catalog, on="product_id", how="left")
    table = company.tables["subscriptions"]
    table = table.filter(table.product_id.notnull()).select("account_id", "product_id", "seats", "mrr", "ended_at")
    subscriptions = table.execute().merge(catalog, on="product_id", how="left")
    active = subscriptions[subscriptions["ended_at"].isna() | (subscriptions["ended_at"] >= company.as_of_at)]
    seats = rows["account_id"].map(_seats(active)).astype("float64")
    by_seat = rows["product_id"].map(_seat_prices(subscriptions)).astype("float64") * seats
    monthly = by_seat.fillna(_median_monthly_amounts(rows, subscriptions, company))
    added = (monthly - _replaced_monthly_amounts(rows, active)).clip(lower=0.0) * horizon_days / DAYS_PER_MONTH
    amounts = added.fillna(rows["product_id"].map(_order_amounts(company, products)).astype("float64"))
    return pd.Series(amounts.to_numpy(dtype="float64"), index=offers.index)


def _replaced_monthly_amounts(rows: pd.DataFrame, active: pd.DataFrame) -> "pd.Series[float]":
    """The monthly amount of the active subscriptions that each offer replaces: those to lower tiers of its family, and
    to the product that it succeeds."""
    pairs = rows.reset_index().merge(active, on="account_id", suffixes=("", "_now"))
    lower = (pairs["family"] == pairs["family_now"]) & (pairs["tier_now"] < pairs["tier"])
    succeeds = pairs["replaces_product_id"] == pairs["product_id_now"]
    replaced = pairs[lower.fillna(False).astype(bool) | succeeds.fillna(False).astype(bool)]
    return replaced.groupby("index")["mrr"].sum().astype("float64").reindex(rows.index).fillna(0.0)


def _seats(subscriptions: pd.DataFrame) -> "pd.Series[float]":
    """By account, the seats of its largest subscription."""
    with_seats = subscriptions[subscriptions["seats"] > 0]
    return with_seats.groupby("account_id")["seats"].max().astype("float64")


def _seat_prices(subscriptions: pd.DataFrame) -> "pd.Series[float]":
    """By product, the median monthly amount over the seats of the account, of all subscriptions ever."""
    seats = subscriptions["account_id"].map(_seats(subscriptions)).astype("float64")
    prices = subscriptions["mrr"].astype("float64") / seats
    return prices.groupby(subscriptions["product_id"]).median()


def _median_monthly_amounts(rows: pd.DataFrame, subscriptions: pd.DataFrame, company: Company) -> "pd.Series[float]":
    """The median monthly amount of each offer's product in the account's segment, else in all segments."""
    segments = company.tables["accounts"].select("account_id", "segment").execute().set_index("account_id")["segment"]
    with_segment = subscriptions.assign(segment=subscriptions["account_id"].map(segments))
    by_segment = with_segment.groupby(["product_id", "segment"])["mrr"].agg(["size", "median"]).reset_index()
    by_segment = by_segment[by_segment["size"] >= MIN_SEGMENT_SUBSCRIPTIONS]
    offers = rows[["account_id", "product_id"]].assign(segment=rows["account_id"].map(segments))
    in_segment = offers.merge(by_segment, on=["product_id", "segment"], how="left")["median"].astype("float64")
    overall = subscriptions.groupby("product_id")["mrr"].median()
    return in_segment.fillna(rows["product_id"].map(overall).astype("float64"))


def _order_amounts(company: Company, products: pd.DataFrame) -> "pd.Series[float]":
    """By product, the amount of a typical order line."""
    orders = company.tables["orders"]
    placed = placed_order_lines(orders)
    lines = placed.group_by("product_id").agg(
        quantity=placed.quantity.median(), paid=(placed.amount / placed.quantity.nullif(0)).median()
    )
    priced = products[["product_id", "list_price"]].merge(lines.execute(), on="product_id", how="left")
    amounts = priced["list_price"].astype("float64").fillna(priced["paid"]) * priced["quantity"].fillna(1.0)
    return pd.Series(amounts.to_numpy(dtype="float64"), index=priced["product_id"])
