"""What comes in day by day: orders, tickets, use and the like, each day counted as it was first known.

A fact that became known late is not counted on its day: tonight's yesterday lacks such facts, so last year's days must
lack them, too. So a day's count never changes afterwards, and a night of the past sees what it saw.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import holidays
import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from data.arrays import Floats
from features.company import Company
from features.contacts.timezones import COUNTRY_ZONES
from features.local_time import Clock

HISTORY_DAYS = 1120
"""How far back days are looked at: three years, of which the first tells the second's season."""
LATEST_DAYS, IN_TIME = 7, 0.9
"""A day is looked at as soon as this share of its facts is usually known, a week after it at the latest."""
USUAL_USE_DAYS = 56
"""The use of an account is set against what it used in so many days before."""
MOST_USE = 3.0
"""More than so many times the usual counts as so many."""
OWN_SCATTER = 0.06
"""Variance of an account's use about its own usual, beside that of small numbers: what its share weighs follows."""


@dataclass(frozen=True)
class Flow:
    """One thing that comes in by the day.

    ``daily`` returns one row per day and delay: ``day, late`` (days until it was known), ``came``, and ``of``, to which
    it is in proportion (1 where it is a plain count). A *count* scatters at least as Poisson's law says.
    """

    name: str
    description: str
    kind: Literal["count", "share", "mean"]
    daily: Callable[[Company, Clock], ir.Table]
    look_at: str
    """What to look at when it leaves its band."""


@dataclass(frozen=True)
class DailyVolume:
    """A flow's days, oldest first and without a gap: what came, and of how much. ``quiet`` marks public holidays."""

    metric: Flow
    days: pd.DatetimeIndex
    observed: Floats
    exposure: Floats
    holiday: npt.NDArray[np.bool_]
    delay_days: int
    """Nights after a day until it can be judged; none where its facts are known when it is over."""


def daily_flows(company: Company) -> list[DailyVolume]:
    """The flows of which the company has facts; days are the company's, the last is the latest that can be judged."""
    clock = Clock(company.timezone, company.as_of_at - timedelta(days=HISTORY_DAYS + 2), company.as_of_at)
    found = (_days(flow, flow.daily(company, clock), company) for flow in FLOWS)
    return [daily for daily in found if daily is not None]


def _days(flow: Flow, facts: ir.Table, company: Company) -> DailyVolume | None:
    since = company.as_of - timedelta(days=HISTORY_DAYS)
    rows = facts.filter(facts.day >= ibis.literal(since), facts.day < ibis.literal(company.as_of)).execute()
    if rows.empty:
        return None
    late = rows["late"].clip(0, LATEST_DAYS + 1)
    arrived = rows.groupby(late)["came"].sum().reindex(range(LATEST_DAYS + 2), fill_value=0).cumsum()
    enough = np.flatnonzero(arrived[: LATEST_DAYS + 1] >= IN_TIME * arrived.iloc[-1])
    waits = int(enough[0]) if len(enough) else LATEST_DAYS
    day = pd.to_datetime(rows["day"])
    last = pd.Timestamp(company.as_of) - pd.Timedelta(days=1 + waits)
    days = pd.date_range(day.min(), last, freq="D").as_unit("s")
    if not len(days):
        return None
    seen = rows[(late <= waits).to_numpy() & (day <= last).to_numpy()]
    by_day = seen.groupby(pd.to_datetime(seen["day"]))[["came", "of"]].sum().reindex(days, fill_value=0)
    of = np.ones(len(days)) if flow.kind == "count" else by_day["of"].to_numpy(np.float64)
    quiet = np.isin(days.to_numpy(), closed_days(company).to_numpy())
    return DailyVolume(flow, days, by_day["came"].to_numpy(np.float64), of, quiet, waits)


def closed_days(company: Company) -> pd.DatetimeIndex:
    """Public holidays of the company's country that are looked at; none where its zone does not tell the country."""
    country = next((code for code, zone, _ in COUNTRY_ZONES if zone == company.timezone), None)
    if country is None or country not in holidays.list_supported_countries():
        return pd.DatetimeIndex([]).as_unit("s")
    first = company.as_of - timedelta(days=HISTORY_DAYS + USUAL_USE_DAYS)
    named = holidays.country_holidays(country, years=range(first.year, company.as_of.year + 1))
    return pd.DatetimeIndex(sorted(named)).as_unit("s")


def _counted(facts: ir.Table, day: ir.DateValue, known: ir.DateValue, came: ir.Value, of: ir.Value) -> ir.Table:
    """Facts summed by their day and by how late they became known."""
    rows = facts.select(day=day, known=known, came=came.cast("float64"), of=of.cast("float64"))
    rows = rows.filter(rows.day.notnull())
    late = rows.known.fill_null(rows.day).delta(rows.day, unit="day")
    return rows.mutate(late=late).group_by("day", "late").agg(came=lambda t: t.came.sum(), of=lambda t: t.of.sum())


def _happened(table: str, column: str) -> Callable[[Company, Clock], ir.Table]:
    """Rows of a table by the day of an instant."""

    def daily(company: Company, clock: Clock) -> ir.Table:
        rows = company.tables[table]
        # a column that is filled later than its row is known the moment that it is filled
        first = column in ("created_at", "started_at", "opened_at", "happened_at")
        known = clock.day(rows.known_at) if first else clock.day(rows[column])
        return _counted(rows, clock.day(rows[column]), known, ibis.literal(1), ibis.literal(1))

    return daily


def _orders(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(rows.status != "returned")  # a cancellation may come later than the order: both count
    orders = rows.group_by("order_id").agg(at=rows.ordered_at.min(), known=rows.known_at.min())
    return _counted(orders, clock.day(orders["at"]), clock.day(orders.known), ibis.literal(1), ibis.literal(1))


def _returns(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(rows.status == "returned")
    return _counted(rows, clock.day(rows.ordered_at), clock.day(rows.known_at), ibis.literal(1), ibis.literal(1))


def _amounts(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(rows.status != "returned", rows.amount > 0)
    size = (rows.amount + 1).ln()
    return _counted(rows, clock.day(rows.ordered_at), clock.day(rows.known_at), size, ibis.literal(1))


def _wins(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["opportunities"]
    rows = rows.filter(rows.closed_at.notnull())
    return _counted(rows, clock.day(rows.closed_at), clock.day(rows.closed_at), rows.outcome == "won", ibis.literal(1))


def _satisfaction(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["tickets"]
    rows = rows.filter(rows.closed_at.notnull(), rows.satisfaction.notnull())
    day = clock.day(rows.closed_at)
    return _counted(rows, day, day, rows.satisfaction, ibis.literal(1))


def _answers(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["touches"]
    answered = rows.kind.isin(["clicked", "replied"]) & ~rows.machine.fill_null(False)
    rows = rows.filter(rows.channel == "email", answered | (rows.kind == "sent"))
    day = clock.day(rows.happened_at)
    return _counted(rows, day, clock.day(rows.known_at), rows.kind != "sent", rows.kind == "sent")


def _usage(company: Company, clock: Clock) -> ir.Table:
    """What each account used of each product, of its own usual: neither new accounts nor large ones weigh more."""
    rows = company.tables["usage"]
    users = rows.active_users.fill_null(rows.events)
    closed = [day.date() for day in closed_days(company)]
    usually = ibis.ifelse(rows.day.isin(closed), ibis.null("float64"), users) if closed else users
    rows = rows.select(
        "account_id", "product_id", "day", "known_at", users=users, open=usually, nth=rows.day.epoch_seconds() // 86400
    )
    before = ibis.range_window(
        group_by=["account_id", "product_id"], order_by="nth", preceding=USUAL_USE_DAYS, following=0
    )
    told = rows.mutate(total=rows.open.sum().over(before), days=rows.open.count().over(before))
    told = told.filter(told.days > 1, told.open.notnull())
    told = told.mutate(usual=(told.total - told.users) / (told.days - 1))
    told = told.filter(told.usual > 0)
    weight = told.usual / (1 + told.usual * OWN_SCATTER)
    share = ibis.least(told.users / told.usual, ibis.literal(MOST_USE))
    return _counted(told, told.day, clock.day(told.known_at), share * weight, weight)


FLOWS: tuple[Flow, ...] = (
    Flow("orders", "orders placed", "count", _orders, "the load of orders, then prices, stock and the shop"),
    Flow("order_size", "size of an order line", "mean", _amounts, "prices, discounts and the currency of orders"),
    Flow("returns", "lines sent back", "count", _returns, "deliveries and products sent back"),
    Flow("subscriptions_started", "subscriptions started", "count", _happened("subscriptions", "started_at"),
         "the load of subscriptions, then offers"),
    Flow("subscriptions_ended", "subscriptions ended", "count", _happened("subscriptions", "ended_at"),
         "who left and why; call the customers at risk first"),
    Flow("deals_opened", "deals opened", "count", _happened("opportunities", "created_at"), "where deals come from"),
    Flow("deals_closed", "deals closed", "count", _happened("opportunities", "closed_at"), "how deals are closed"),
    Flow("deals_won", "deals won of those closed", "share", _wins, "what deals are lost to"),
    Flow("tickets", "tickets opened", "count", _happened("tickets", "opened_at"), "what customers complain of"),
    Flow("satisfaction", "satisfaction with support", "mean", _satisfaction, "how support answers"),
    Flow("activities", "activities of the team", "count", _happened("activities", "happened_at"),
         "the load of activities, then whether work is written down"),
    Flow("answers", "answers to mail sent", "share", _answers, "whether mail is delivered"),
    Flow("usage", "use against the usual of the same accounts", "mean", _usage,
         "the load of usage, then whether the product works"),
)  # fmt: skip
