"""Leaks of price: discounts beyond the policy, and promotional prices that outlive their promotion."""

import ibis
import ibis.expr.types as ir
import pandas as pd

from features.company import Company
from features.order_lines import placed_order_lines
from features.point_in_time import days_between
from reports.leaks.lookups import MONTH_DAYS, with_owner

DISCOUNT_REPORT_DAYS = 90
"""Only discounts of these last days are reported: older ones can no longer be corrected."""
POLICY_DAYS, POLICY_QUANTILE, MIN_POLICY_LINES = 365, 0.99, 100
"""Without a stated policy, it is this quantile of the segment's discounts in a year, given this many order lines."""
TOLERANCE = 0.02
"""A discount above the policy by less than this is rounding."""
FULL_PRICE_QUANTILE, MIN_FULL_PRICE_LINES, QUARTER_DAYS = 0.8, 20, 91
"""A product's full price is its list price, or this quantile of the prices paid in the same quarter if that is higher,
since price lists lag behind. A quarter with fewer than ``MIN_FULL_PRICE_LINES`` takes the prices of all quarters."""
MIN_PROMOTION_DISCOUNT = 0.10
"""A price is promotional if it is at least this share below the typical one."""
MIN_PRICED_SUBSCRIPTIONS = 5
"""Subscriptions of a product that its typical price needs; with fewer, it is the list price."""


def discounts_beyond_policy(company: Company) -> pd.DataFrame:
    """Lines of orders of the last ``DISCOUNT_REPORT_DAYS`` sold for less than the policy allows. One row per line.

    The money is the difference to the lowest price that the policy allows. The policy is the largest discount from the
    full price: the company's own (``Company.largest_discount``), or a quantile of past discounts by segment.
    """
    orders, products = company.tables["orders"], company.tables["products"]
    lines = placed_order_lines(orders).filter(lambda t: t.quantity > 0, lambda t: t.amount >= 0)
    lines = lines.mutate(
        unit=lines.amount / lines.quantity,
        back=days_between(lines.ordered_at, ibis.literal(company.as_of_at)),
    )
    lines = lines.filter(lines.back < POLICY_DAYS + QUARTER_DAYS)
    lines = lines.mutate(quarter=(lines.back / QUARTER_DAYS).floor().cast("int64"))
    of_quarter = lines.group_by("product_id", "quarter").agg(
        quarter_price=lines.unit.quantile(FULL_PRICE_QUANTILE), n_quarter=lines.count()
    )
    overall_price = lines.group_by("product_id").agg(
        overall_price=lines.unit.quantile(FULL_PRICE_QUANTILE), n_lines=lines.count()
    )
    priced = lines.join(of_quarter, ["product_id", "quarter"]).join(overall_price, "product_id")
    priced = priced.left_join(products.select("product_id", "list_price"), "product_id").drop("product_id_right")
    fallback = ibis.ifelse(priced.n_lines >= MIN_FULL_PRICE_LINES, priced.overall_price, 0.0)
    paid = ibis.ifelse(priced.n_quarter >= MIN_FULL_PRICE_LINES, priced.quarter_price, fallback)
    priced = priced.mutate(full=ibis.greatest(priced.list_price.fill_null(0.0), paid))
    priced = priced.filter(priced.full > 0)
    priced = priced.mutate(off=1 - priced.unit / priced.full)
    accounts = company.tables["accounts"].select("account_id", "segment", "owner_id")
    priced = priced.left_join(accounts, "account_id").drop("account_id_right")
    priced = priced.mutate(segment=priced.segment.fill_null("")).cache()
    discounted = _with_policy(company, priced)
    discounted = discounted.filter(
        discounted.back < DISCOUNT_REPORT_DAYS, discounted.off > discounted.policy + TOLERANCE
    )
    frame: pd.DataFrame = discounted.select(
        "order_id", "line_id", "account_id", "owner_id", "product_id", "quantity", "amount", "full", "off", "policy",
        "segment",
    ).execute()  # fmt: skip
    frame["amount"] = frame["amount"].abs()  # some sources write zero as -0.0
    policy_source = "the policy" if company.largest_discount is not None else "what was usual in a year"
    return frame.assign(
        key=frame["order_id"].astype(str) + "/" + frame["line_id"].astype(str),
        money=frame["full"] * frame["quantity"] * (1 - frame["policy"]) - frame["amount"],
        evidence=[
            f"order {order}: {quantity:,.0f} × {product} for {amount:,.2f} {company.currency}, {off:.0%} below the full"
            f" price of {full:,.2f}; {policy_source}{f' of {segment}' if segment else ''} is {policy:.0%} at most"
            for order, quantity, product, amount, off, full, segment, policy in zip(
                *(frame[name] for name in ("order_id", "quantity", "product_id", "amount", "off", "full", "segment",
                                           "policy")),
                strict=True,
            )
        ],
    )  # fmt: skip


def _with_policy(company: Company, priced: ir.Table) -> ir.Table:
    """The lines with the largest allowed discount (``policy``); 1.0 where too few lines are known."""
    if company.largest_discount is not None:
        return priced.mutate(policy=ibis.literal(company.largest_discount))
    year = priced.filter(priced.back < POLICY_DAYS)
    overall = year.agg(off=year.off.quantile(POLICY_QUANTILE), n_known=year.count()).execute().iloc[0]
    if overall["n_known"] < MIN_POLICY_LINES:
        return priced.mutate(policy=ibis.literal(1.0))
    by_segment = year.group_by("segment").agg(segment_off=year.off.quantile(POLICY_QUANTILE), lines=year.count())
    joined = priced.left_join(by_segment, "segment").drop("segment_right")
    discount = ibis.ifelse(joined.lines >= MIN_POLICY_LINES, joined.segment_off, float(overall["off"]))
    return joined.mutate(policy=ibis.greatest(discount, 0.0).round(2))


def prices_after_promotion(company: Company) -> pd.DataFrame:
    """Subscriptions that began in a promotion of their product and still pay its price after it ended.

    One row per subscription; the money is the difference to the typical price since the promotion ended. A promotion is
    a campaign about the product with an end. The typical price of a seat is the median of the product's subscriptions
    outside promotions, or the list price if these are few; a price within
    ``MIN_PROMOTION_DISCOUNT`` of it is not reported.
    """
    subscriptions, campaigns = company.tables["subscriptions"], company.tables["campaigns"]
    priced = subscriptions.filter(subscriptions.mrr > 0, subscriptions.product_id.notnull())
    priced = priced.mutate(seats=priced.seats.fill_null(1.0)).filter(lambda t: t.seats > 0)
    priced = priced.mutate(price=priced.mrr / priced.seats)
    offers = campaigns.filter(campaigns.product_id.notnull(), campaigns.ended_at.notnull())
    offers = offers.select("product_id", "name", begun_at="started_at", over_at="ended_at")
    inside = [
        priced.product_id == offers.product_id,
        priced.started_at >= offers.begun_at,
        priced.started_at < offers.over_at,
    ]
    promoted = priced.join(offers, inside)
    latest = promoted.group_by("subscription_id").agg(
        over_at=promoted.over_at.max(), offer=promoted.name.argmax(promoted.over_at)
    )
    others = priced.anti_join(latest, "subscription_id")
    typical = others.group_by("product_id").agg(median=others.price.median(), n_known=others.count())
    rows = priced.filter(priced.ended_at.isnull()).join(latest, "subscription_id")
    rows = rows.left_join(typical, "product_id").drop("product_id_right")
    lists = company.tables["products"].select("product_id", "list_price")
    rows = rows.left_join(lists, "product_id").drop("product_id_right")
    is_priced = rows.n_known.fill_null(0) >= MIN_PRICED_SUBSCRIPTIONS
    rows = rows.mutate(typical=ibis.ifelse(is_priced, rows["median"], rows.list_price))
    rows = rows.filter(
        rows.over_at < ibis.literal(company.as_of_at), rows.price < rows.typical * (1 - MIN_PROMOTION_DISCOUNT)
    )
    frame: pd.DataFrame = (
        with_owner(company, rows)
        .select("account_id", "owner_id", "seats", "price", "typical", "over_at", "offer", key="subscription_id")
        .execute()
    )
    months = (pd.Timestamp(company.as_of_at) - frame["over_at"]).dt.total_seconds() / 86400 / MONTH_DAYS
    return frame.assign(
        money=(frame["typical"] - frame["price"]) * frame["seats"] * months,
        evidence=[
            f"subscription {key} began in the promotion '{offer}', over since {over:%Y-%m-%d}, and still pays"
            f" {price:,.2f} a seat for {seats:,.0f} seats; {typical:,.2f} {company.currency} is usual"
            for key, offer, over, price, seats, typical in zip(
                *(frame[name] for name in ("key", "offer", "over_at", "price", "seats", "typical")), strict=True
            )
        ],
    )
