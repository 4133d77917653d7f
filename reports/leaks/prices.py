"""Prices below what they should be: discounts beyond policy, and promotions that were over and went on."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.point_in_time import days_between
from reports.leaks.lookups import MONTH_DAYS, with_owner

LATELY_DAYS = 90
"""Discounts of so many days are told: what was given away before cannot be mended."""
POLICY_DAYS, POLICY_SHARE, POLICY_LINES = 365, 0.99, 100
"""Where the company states no policy, it is what 99 of 100 lines of the segment got at most in a year, if so many."""
TOLERANCE = 0.02
"""So much more than the policy is within the rounding of prices."""
FULL_SHARE, FULL_LINES, FULL_DAYS = 0.8, 20, 91
"""A product's full price is its list price, or what 8 of 10 of its lines of the same quarter paid at most if that is
more: lists lag behind. So many lines tell it; where a quarter has fewer, those of all quarters looked at do."""
PROMOTED_OFF = 0.10
"""A price is a promotion's when it lies so far below the usual one."""
USUAL_CONTRACTS = 5
"""So many subscriptions tell the usual price of a product; its list price does where there are fewer."""


def discounts_beyond_policy(company: Company) -> pd.DataFrame:
    """Lines of orders of the last ``LATELY_DAYS`` sold for less than the policy allows. One row per line.

    The money is what is missing to the lowest price that the policy allows. The policy is the largest discount from the
    full price: the company's own (``Company.largest_discount``), or what was usual, by segment.
    """
    orders, products = company.tables["orders"], company.tables["products"]
    lines = orders.filter(orders.status == "placed", orders.quantity > 0, orders.amount >= 0)
    lines = lines.mutate(
        unit=lines.amount / lines.quantity,
        back=days_between(lines.ordered_at, ibis.literal(company.as_of_at)),
    )
    lines = lines.filter(lines.back < POLICY_DAYS + FULL_DAYS)
    lines = lines.mutate(quarter=(lines.back / FULL_DAYS).floor().cast("int64"))
    usual = lines.group_by("product_id", "quarter").agg(usual=lines.unit.quantile(FULL_SHARE), known=lines.count())
    ever = lines.group_by("product_id").agg(ever=lines.unit.quantile(FULL_SHARE), times=lines.count())
    priced = lines.join(usual, ["product_id", "quarter"]).join(ever, "product_id")
    priced = priced.left_join(products.select("product_id", "list_price"), "product_id").drop("product_id_right")
    rarely = ibis.ifelse(priced.times >= FULL_LINES, priced.ever, 0.0)
    sold = ibis.ifelse(priced.known >= FULL_LINES, priced.usual, rarely)
    priced = priced.mutate(full=ibis.greatest(priced.list_price.fill_null(0.0), sold))
    priced = priced.filter(priced.full > 0)
    priced = priced.mutate(off=1 - priced.unit / priced.full)
    accounts = company.tables["accounts"].select("account_id", "segment", "owner_id")
    priced = priced.left_join(accounts, "account_id").drop("account_id_right")
    priced = priced.mutate(segment=priced.segment.fill_null("")).cache()
    found = _with_policy(company, priced)
    found = found.filter(found.back < LATELY_DAYS, found.off > found.policy + TOLERANCE)
    frame: pd.DataFrame = found.select(
        "order_id", "line_id", "account_id", "owner_id", "product_id", "quantity", "amount", "full", "off", "policy",
        "segment",
    ).execute()  # fmt: skip
    frame["amount"] = frame["amount"].abs()  # some sources write nothing as -0.0
    told = "the policy" if company.largest_discount is not None else "what was usual in a year"
    return frame.assign(
        key=frame["order_id"].astype(str) + "/" + frame["line_id"].astype(str),
        money=frame["full"] * frame["quantity"] * (1 - frame["policy"]) - frame["amount"],
        evidence=[
            f"order {order}: {quantity:,.0f} × {product} for {amount:,.2f} {company.currency}, {off:.0%} below the full"
            f" price of {full:,.2f}; {told}{f' of {segment}' if segment else ''} is {policy:.0%} at most"
            for order, quantity, product, amount, off, full, segment, policy in zip(
                *(frame[name] for name in ("order_id", "quantity", "product_id", "amount", "off", "full", "segment",
                                           "policy")),
                strict=True,
            )
        ],
    )  # fmt: skip


def _with_policy(company: Company, priced: ir.Table) -> ir.Table:
    """The lines with the largest discount that is allowed (``policy``); all of it where too few lines tell."""
    if company.largest_discount is not None:
        return priced.mutate(policy=ibis.literal(company.largest_discount))
    year = priced.filter(priced.back < POLICY_DAYS)
    whole = year.agg(off=year.off.quantile(POLICY_SHARE), known=year.count()).execute().iloc[0]
    if whole["known"] < POLICY_LINES:
        return priced.mutate(policy=ibis.literal(1.0))
    learnt = year.group_by("segment").agg(own=year.off.quantile(POLICY_SHARE), lines=year.count())
    both = priced.left_join(learnt, "segment").drop("segment_right")
    own = ibis.ifelse(both.lines >= POLICY_LINES, both.own, float(whole["off"]))
    return both.mutate(policy=ibis.greatest(own, 0.0).round(2))


def prices_after_promotion(company: Company) -> pd.DataFrame:
    """Subscriptions that began in a promotion of their product, and run on at its price though it is over.

    One row per subscription; the money is what is short of the usual price since the promotion was over. A promotion is
    a campaign about the product with an end. The usual price of a seat is the median of the product's subscriptions
    that began in none, or its list price where these are few; who pays within ``PROMOTED_OFF`` of it is not told.
    """
    held, campaigns = company.tables["subscriptions"], company.tables["campaigns"]
    priced = held.filter(held.mrr > 0, held.product_id.notnull())
    priced = priced.mutate(seats=priced.seats.fill_null(1.0)).filter(lambda t: t.seats > 0)
    priced = priced.mutate(price=priced.mrr / priced.seats)
    offers = campaigns.filter(campaigns.product_id.notnull(), campaigns.ended_at.notnull())
    offers = offers.select("product_id", "name", begun_at="started_at", over_at="ended_at")
    inside = [
        priced.product_id == offers.product_id,
        priced.started_at >= offers.begun_at,
        priced.started_at < offers.over_at,
    ]
    began = priced.join(offers, inside)
    latest = began.group_by("subscription_id").agg(over_at=began.over_at.max(), offer=began.name.argmax(began.over_at))
    others = priced.anti_join(latest, "subscription_id")
    usual = others.group_by("product_id").agg(median=others.price.median(), known=others.count())
    rows = priced.filter(priced.ended_at.isnull()).join(latest, "subscription_id")
    rows = rows.left_join(usual, "product_id").drop("product_id_right")
    lists = company.tables["products"].select("product_id", "list_price")
    rows = rows.left_join(lists, "product_id").drop("product_id_right")
    rows = rows.mutate(usual=ibis.ifelse(rows.known.fill_null(0) >= USUAL_CONTRACTS, rows["median"], rows.list_price))
    rows = rows.filter(rows.over_at < ibis.literal(company.as_of_at), rows.price < rows.usual * (1 - PROMOTED_OFF))
    frame: pd.DataFrame = (
        with_owner(company, rows)
        .select("account_id", "owner_id", "seats", "price", "usual", "over_at", "offer", key="subscription_id")
        .execute()
    )
    months = (pd.Timestamp(company.as_of_at) - frame["over_at"]).dt.total_seconds() / 86400 / MONTH_DAYS
    return frame.assign(
        money=(frame["usual"] - frame["price"]) * frame["seats"] * months,
        evidence=[
            f"subscription {key} began in the promotion '{offer}', over since {over:%Y-%m-%d}, and still pays"
            f" {price:,.2f} a seat for {seats:,.0f} seats; {usual:,.2f} {company.currency} is usual"
            for key, offer, over, price, seats, usual in zip(
                *(frame[name] for name in ("key", "offer", "over_at", "price", "seats", "usual")), strict=True
            )
        ],
    )
