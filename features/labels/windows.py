"""What became of an account or a deal after a date. Only this file looks past a date.

Each label refuses a window that the data does not cover yet: a horizon that ends after ``covered_until``, the instant
before which the company's facts are known (its own ``as_of_at``).
"""

from datetime import datetime, timedelta

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from data.calendar import first_instant
from features.company import Company
from features.local_time import Clock
from features.point_in_time import days_between, earliest
from features.subscriptions.accrual import earned

SILENCE_AT_MOST = 365
SILENCE_QUANTILE = 0.9


def at_risk(company: Company, spine: ir.Table, horizon_days: int) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, as_of_at, relation, at_risk``. Looks at the past.

    ``relation`` is *subscription* for an account that ever had one, else *orders*. The first kind is at risk while a
    subscription is active; the second while its last order lies within ``silence_days``.
    """
    silence = silence_days(company, spine, horizon_days)
    subscriptions = company.tables["subscriptions"]
    held = spine.join(subscriptions.select("account_id", "started_at", "ended_at", "known_at"), "account_id").filter(
        lambda t: t.known_at < t.as_of_at
    )
    relation = held.group_by("account_id", "as_of").agg(
        active=((held.started_at < held.as_of_at) & (held.ended_at.isnull() | (held.ended_at >= held.as_of_at))).any()
    )
    orders = company.tables["orders"]
    bought = spine.join(
        orders.filter(orders.status == "placed").select("account_id", "ordered_at", "known_at"), "account_id"
    ).filter(lambda t: t.known_at < t.as_of_at)
    bought = bought.join(silence, "as_of")
    recent = bought.group_by("account_id", "as_of").agg(
        recent=(days_between(bought.ordered_at, bought.as_of_at) <= bought.silence).any()
    )
    joined = spine.select("account_id", "as_of", "as_of_at").left_join(relation, ["account_id", "as_of"])
    joined = joined.drop("account_id_right", "as_of_right").left_join(recent, ["account_id", "as_of"])
    subscribes = joined.active.notnull()
    return joined.select(
        "account_id",
        "as_of",
        "as_of_at",
        relation=ibis.ifelse(subscribes, "subscription", "orders"),
        at_risk=ibis.ifelse(subscribes, joined.active, joined.recent.fill_null(False)).fill_null(False),
    )


def silence_days(company: Company, spine: ir.Table, horizon_days: int) -> ir.Table:
    """One row per date of the spine: ``as_of, silence``: days without an order after which an account counts as gone.

    What the company calls silence, where it says so; else the horizon, or where longer, the time within which nine of
    ten repeat orders came that were known before the date, by the company's days; a year at most.
    """
    if company.churn_definition.inactivity_days is not None:
        said = float(company.churn_definition.inactivity_days)
        return spine.select("as_of").distinct().mutate(silence=ibis.literal(said))
    orders = company.tables["orders"]
    placed = orders.filter(orders.status == "placed")
    since = earliest(placed.ordered_at) or company.as_of_at
    clock = Clock(company.timezone, since - timedelta(days=2), company.as_of_at + timedelta(days=2))
    days = placed.group_by("account_id", day=clock.day(placed.ordered_at)).agg(known_at=placed.known_at.min())
    dates = spine.select("as_of", "as_of_at").distinct()
    known = days.cross_join(dates).filter(lambda t: t.known_at < t.as_of_at)
    each = ibis.window(group_by=["as_of", "account_id"], order_by="day")
    gaps = known.mutate(gap=days_between(known.day.lag().over(each), known.day))
    usual = gaps.group_by("as_of").agg(usual=gaps.gap.quantile(SILENCE_QUANTILE).round())
    joined = dates.left_join(usual, "as_of")
    at_most = ibis.least(joined.usual, ibis.literal(float(SILENCE_AT_MOST)))
    longer = ibis.greatest(at_most, ibis.literal(float(horizon_days)))
    return joined.select("as_of", silence=ibis.ifelse(joined.usual.isnull(), float(horizon_days), longer))


def first_purchases(company: Company) -> ir.Table:
    """One row per account and product it ever ordered or subscribed to: ``account_id, product_id, first_at``."""
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    return (
        ibis.union(
            orders.filter(orders.status == "placed").select("account_id", "product_id", first_at="ordered_at"),
            subscriptions.filter(subscriptions.product_id.notnull()).select(
                "account_id", "product_id", first_at="started_at"
            ),
        )
        .group_by("account_id", "product_id")
        .agg(first_at=lambda t: t.first_at.min())
    )


def bought_products(
    company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime, by: str = "account_id"
) -> ir.Table:
    """One row per customer and date of the spine and product ordered or newly subscribed to within the window:
    ``by, as_of, product_id``. Customers are accounts or, ``by`` *contact_id*, people, who subscribe to nothing."""
    rows = windows(company, spine.select(by, "as_of", "as_of_at").distinct(), horizon_days, covered_until)
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    bought = orders.filter(orders.status == "placed").select(by, "product_id", bought_at="ordered_at")
    if by == "account_id":
        begun = subscriptions.filter(subscriptions.product_id.notnull())
        bought = ibis.union(bought, begun.select(by, "product_id", bought_at="started_at"))
    joined = rows.join(bought, by)
    within = joined.filter(joined.bought_at >= joined.as_of_at, joined.bought_at < joined.end_at)
    return within.select(by, "as_of", "product_id").distinct().order_by("as_of", by, "product_id")


def revenue_after(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per account and date of the spine: ``account_id, as_of, revenue`` of the window, in the currency.

    Orders net of returns, and what subscriptions earn by the day. May be negative where returns outweigh sales.
    """
    rows = windows(company, spine.select("account_id", "as_of", "as_of_at"), horizon_days, covered_until)
    orders = company.tables["orders"]
    lines = rows.join(
        orders.filter(orders.status != "cancelled").select("account_id", "ordered_at", "amount"), "account_id"
    )
    sold = lines.filter(lines.ordered_at >= lines.as_of_at, lines.ordered_at < lines.end_at)
    subscriptions = rows.join(
        company.tables["subscriptions"].select("account_id", "mrr", "started_at", "ended_at"), "account_id"
    )
    since = earliest(spine.as_of_at) or covered_until
    clock = Clock(company.timezone, since - timedelta(days=2), covered_until + timedelta(days=2))
    recurring = subscriptions.mutate(amount=earned(subscriptions, subscriptions.as_of, subscriptions.end_on, clock))
    amounts = ibis.union(
        sold.select("account_id", "as_of", "amount"), recurring.select("account_id", "as_of", "amount")
    )
    totals = amounts.group_by("account_id", "as_of").agg(revenue=amounts.amount.sum())
    joined = rows.left_join(totals, ["account_id", "as_of"])
    return joined.select("account_id", "as_of", revenue=joined.revenue.fill_null(0.0).round(2).cast("float64"))


def won(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """One row per open deal and date of the spine: ``opportunity_id, as_of, closed, won`` within the window.

    ``won`` is False for a deal that was lost and for one that was still open when the window ended.
    """
    rows = windows(company, spine.select("opportunity_id", "as_of", "as_of_at"), horizon_days, covered_until)
    deals = company.tables["opportunities"].select("opportunity_id", "closed_at", "outcome")
    joined = rows.join(deals, "opportunity_id")
    closed = (joined.closed_at >= joined.as_of_at) & (joined.closed_at < joined.end_at)
    return joined.select(
        "opportunity_id",
        "as_of",
        closed=closed.fill_null(False),
        won=(closed & (joined.outcome == "won")).fill_null(False),
    )


def ended(company: Company, spine: ir.Table, covered_until: datetime) -> ir.Table:
    """One row per open deal and date of the spine: ``opportunity_id, as_of, days, won, seen_days``.

    ``days`` from the date to the deal's end, NULL while it is not over; ``won`` is False until it is won; ``seen_days``
    is how long after the date the data covers. Raises ``ValueError`` that names the dates of which nothing is covered.
    """
    rows = spine.select("opportunity_id", "as_of", "as_of_at")
    later = rows.filter(rows.as_of_at > ibis.literal(covered_until)).select("as_of").distinct().execute()["as_of"]
    if len(later):
        raise ValueError(
            f"the data covers what happened before {covered_until} UTC; nothing is known after"
            f" {', '.join(str(day)[:10] for day in sorted(later)[:5])}: ask for earlier dates"
        )
    deals = company.tables["opportunities"].select("opportunity_id", "closed_at", "outcome")
    joined = rows.join(deals, "opportunity_id")
    over = (joined.closed_at >= joined.as_of_at) & (joined.closed_at < ibis.literal(covered_until))
    return joined.select(
        "opportunity_id",
        "as_of",
        days=ibis.ifelse(over, days_between(joined.as_of_at, joined.closed_at), ibis.null("float64")),
        won=(over & (joined.outcome == "won")).fill_null(False),
        seen_days=days_between(joined.as_of_at, ibis.literal(covered_until)),
    )


def windows(company: Company, spine: ir.Table, horizon_days: int, covered_until: datetime) -> ir.Table:
    """The spine with the end of each row's window: its day ``end_on`` and that day's first instant ``end_at``.

    Raises ``ValueError`` that names the dates whose window is not covered.
    """
    if horizon_days < 1:
        raise ValueError(f"horizon_days must be at least 1, not {horizon_days}")
    days = [day.date() for day in pd.to_datetime(spine.select("as_of").distinct().order_by("as_of").execute().as_of)]
    ends = {day: day + timedelta(days=horizon_days) for day in days}
    open_windows = [day for day, end in ends.items() if first_instant(end, company.timezone) > covered_until]
    if open_windows:
        raise ValueError(
            f"the data covers what happened before {covered_until} UTC; the {horizon_days} days after"
            f" {', '.join(map(str, open_windows[:5]))}{' …' if len(open_windows) > 5 else ''} are not over by then:"
            " ask for earlier dates (features.spine.past_dates gives them) or a shorter horizon"
        )
    table = ibis.memtable(
        pa.table(
            {
                "as_of": pa.array(days, pa.date32()),
                "end_on": pa.array(list(ends.values()), pa.date32()),
                "end_at": pa.array([first_instant(end, company.timezone) for end in ends.values()], pa.timestamp("us")),
            }
        )
    )
    return spine.join(table, "as_of").select(*spine.columns, "end_on", "end_at")
