"""Features of orders: recency, frequency, monetary value, product mix and growth."""

import ibis.expr.types as ir

from features.company import Company
from features.feature import Change, Feature
from features.order_lines import is_cancelled, is_net, is_placed, is_returned, placed_order_lines
from features.point_in_time import facts_as_of, ratio, with_product

SEASON = (275, 365)
"""Ages in days, from and to, of the last year's counterpart of the coming 90 days."""

FEATURES = (
    Feature("days_since_order", "orders", "days since the last order", "days", absent="never ordered"),
    Feature("days_since_first_order", "orders", "days since the first order", "days", absent="never ordered"),
    Feature("orders_30", "orders", "orders in the last 30 days", "orders", "orders"),
    Feature("orders_90", "orders", "orders in the last 90 days", "orders", "orders"),
    Feature("orders_365", "orders", "orders in the last year", "orders", "orders"),
    Feature("order_days_ever", "orders", "days with an order so far", "days", "orders"),
    Feature("revenue_30", "orders", "net revenue from orders in the last 30 days", "money", "orders"),
    Feature("revenue_90", "orders", "net revenue from orders in the last 90 days", "money", "orders"),
    Feature("revenue_365", "orders", "net revenue from orders in the last year", "money", "orders"),
    Feature("revenue_ever", "orders", "net revenue from orders so far", "money", "orders"),
    Feature(
        "revenue_change_90",
        "orders",
        "net revenue of the last 90 days less the 90 before",
        "money",
        "orders",
        change=Change("revenue_90", "net revenue from orders", "in 90 days"),
    ),
    Feature(
        "orders_change_90",
        "orders",
        "orders of the last 90 days less the 90 before",
        "orders",
        "orders",
        change=Change("orders_90", "orders", "in 90 days"),
    ),
    Feature("revenue_season", "orders", "net revenue a year ago in the 90 days now ahead", "money", "orders"),
    Feature(
        "order_value_365",
        "orders",
        "mean value of an order in the last year",
        "money",
        absent="no order in the last year",
    ),
    Feature(
        "days_between_orders", "orders", "mean days between order days", "days", absent="ordered on fewer than two days"
    ),
    Feature(
        "order_overdue",
        "orders",
        "days since the last order over the usual days between",
        "ratio",
        absent="ordered on fewer than two days",
    ),
    Feature("products_365", "orders", "different products ordered in the last year", "products", "orders"),
    Feature("families_365", "orders", "different product families ordered in the last year", "families", "orders"),
    Feature("new_products_90", "orders", "products first ordered in the last 90 days", "products", "orders"),
    Feature("top_product_share_365", "orders", "share of last year's sales that its top product has", "share"),
    Feature("returned_share_365", "orders", "share of last year's sales that came back", "share"),
    Feature("cancelled_365", "orders", "lines cancelled in the last year", "lines", "orders"),
    Feature("price_paid_365", "orders", "price paid over list price in the last year", "ratio"),
)


def order_features(company: Company, spine: ir.Table) -> ir.Table:
    """One row per account and date with any known order line: the columns of ``FEATURES``."""
    lines = with_product(company, facts_as_of(company, spine, "orders"), "family", "list_price")
    return (
        _recency_frequency_value(lines)
        .left_join(_product_mix(lines), ["account_id", "as_of"])
        .drop("account_id_right", "as_of_right")
    )


def _recency_frequency_value(lines: ir.Table) -> ir.Table:
    """One row per account and date: recency, frequency and monetary value."""
    placed, returned, net = is_placed(lines), is_returned(lines), is_net(lines)
    age = lines.age
    year = age <= 365
    order_days = lines.ordered_at.date().nunique(where=placed)

    def orders(newest: int, oldest: int) -> ir.IntegerValue:
        return lines.order_id.nunique(where=placed & (age > newest) & (age <= oldest))

    def revenue(newest: int, oldest: int) -> ir.FloatingValue:
        return lines.amount.sum(where=net & (age > newest) & (age <= oldest)).fill_null(0.0)

    listed = placed & year & (lines.list_price > 0) & (lines.quantity > 0)
    sums = lines.group_by("account_id", "as_of").agg(
        days_since_order=age.min(where=placed),
        days_since_first_order=age.max(where=placed),
        orders_30=orders(-1, 30),
        orders_90=orders(-1, 90),
        orders_prior_90=orders(90, 180),
        orders_365=orders(-1, 365),
        order_days_ever=order_days,
        revenue_30=revenue(-1, 30),
        revenue_90=revenue(-1, 90),
        revenue_prior_90=revenue(90, 180),
        revenue_365=revenue(-1, 365),
        revenue_ever=lines.amount.sum(where=net),
        revenue_season=revenue(*SEASON),
        sold_365=lines.amount.sum(where=placed & year),
        returned_365=0.0 - lines.amount.sum(where=returned & year).fill_null(0.0),
        cancelled_365=(is_cancelled(lines) & year).sum(),
        paid_365=lines.amount.sum(where=listed),
        list_365=(lines.list_price * lines.quantity).sum(where=listed),
    )
    gap = ratio(sums.days_since_first_order - sums.days_since_order, sums.order_days_ever - 1)
    return sums.mutate(
        revenue_change_90=sums.revenue_90 - sums.revenue_prior_90,
        orders_change_90=sums.orders_90 - sums.orders_prior_90,
        order_value_365=ratio(sums.sold_365, sums.orders_365),
        days_between_orders=gap,
        order_overdue=ratio(sums.days_since_order, gap),
        returned_share_365=ratio(sums.returned_365, sums.sold_365),
        price_paid_365=ratio(sums.paid_365, sums.list_365),
    ).drop("orders_prior_90", "revenue_prior_90", "sold_365", "returned_365", "paid_365", "list_365")


def _product_mix(lines: ir.Table) -> ir.Table:
    """One row per account and date: how many products, how many of them new, and the share of the top one."""
    placed = placed_order_lines(lines)
    bought = placed.group_by("account_id", "as_of", "product_id").agg(
        family=placed.family.max(),
        newest=placed.age.min(),
        oldest=placed.age.max(),
        sold=placed.amount.sum(where=placed.age <= 365),
    )
    year = bought.newest <= 365
    mix = bought.group_by("account_id", "as_of").agg(
        products_365=year.sum(),
        families_365=bought.family.nunique(where=year),
        new_products_90=(bought.oldest <= 90).sum(),
        top=bought.sold.max(where=year),
        sold=bought.sold.sum(where=year),
    )
    return mix.mutate(top_product_share_365=ratio(mix.top, mix.sold)).drop("top", "sold")
