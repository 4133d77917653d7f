"""Daily volumes of orders, tickets, usage and others, without the facts of a day that became known late.

The latest days lack such facts too. So a day's volume never changes afterwards, and is the same for every night.
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
from features.order_lines import is_returned
from features.responses import CLICKS_AND_REPLIES, is_human_response

HISTORY_DAYS = 1120
"""Three years, so that the last one has the season of two before it."""
MAX_DELAY_DAYS, KNOWN_SHARE = 7, 0.9
"""A day is complete once this share of its facts is typically known, after ``MAX_DELAY_DAYS`` at the latest."""
TYPICAL_USAGE_DAYS = 56
"""Days whose mean usage is the typical usage of an account."""
MAX_USAGE_RATIO = 3.0
"""Cap of an account's usage over its typical usage."""
OVERDISPERSION = 0.06
"""Variance of an account's usage ratio beyond Poisson's; it limits the weight of large accounts."""


@dataclass(frozen=True)
class DailyMetric:
    """One kind of daily volume.

    ``daily`` returns one row per day and delay: ``day, delay`` (days until known), ``observed`` and ``exposure``,
    to which it is proportional (not used for a *count*).
    """

    name: str
    description: str
    kind: Literal["count", "share", "mean"]
    daily: Callable[[Company, Clock], ir.Table]
    look_at: str
    """What to check when it is outside its limits."""


@dataclass(frozen=True)
class DailyVolume:
    """One value per day, oldest first and without a gap, with its exposure; ``holiday`` marks public holidays."""

    metric: DailyMetric
    days: pd.DatetimeIndex
    observed: Floats
    exposure: Floats
    holiday: npt.NDArray[np.bool_]
    delay_days: int
    """Nights after a day until it is complete; 0 where its facts are known at its end."""


def daily_volumes(company: Company) -> list[DailyVolume]:
    """One volume per metric with facts, by the company's days up to the last complete one."""
    clock = Clock(company.timezone, company.as_of_at - timedelta(days=HISTORY_DAYS + 2), company.as_of_at)
    volumes = (_volume(metric, metric.daily(company, clock), company) for metric in DAILY_METRICS)
    return [volume for volume in volumes if volume is not None]


def _volume(metric: DailyMetric, facts: ir.Table, company: Company) -> DailyVolume | None:
    """The volume of a metric; ``None`` without a complete day."""
    since = company.as_of - timedelta(days=HISTORY_DAYS)
    rows = facts.filter(facts.day >= ibis.literal(since), facts.day < ibis.literal(company.as_of)).execute()
    if rows.empty:
        return None
    delay = rows["delay"].clip(0, MAX_DELAY_DAYS + 1)
    known = rows.groupby(delay)["observed"].sum().reindex(range(MAX_DELAY_DAYS + 2), fill_value=0).cumsum()
    enough = np.flatnonzero(known[: MAX_DELAY_DAYS + 1] >= KNOWN_SHARE * known.iloc[-1])
    delay_days = int(enough[0]) if len(enough) else MAX_DELAY_DAYS
    day = pd.to_datetime(rows["day"])
    last = pd.Timestamp(company.as_of) - pd.Timedelta(days=1 + delay_days)
    days = pd.date_range(day.min(), last, freq="D").as_unit("s")
    if not len(days):
        return None
    in_time = rows[(delay <= delay_days).to_numpy() & (day <= last).to_numpy()]
    by_day = in_time.groupby(pd.to_datetime(in_time["day"]))[["observed", "exposure"]].sum().reindex(days, fill_value=0)
    exposure = np.ones(len(days)) if metric.kind == "count" else by_day["exposure"].to_numpy(np.float64)
    holiday = np.isin(days.to_numpy(), public_holidays(company).to_numpy())
    return DailyVolume(metric, days, by_day["observed"].to_numpy(np.float64), exposure, holiday, delay_days)


def public_holidays(company: Company) -> pd.DatetimeIndex:
    """Public holidays of the company's country; empty if its time zone has no single country."""
    country = next((code for code, zone, _ in COUNTRY_ZONES if zone == company.timezone), None)
    if country is None or country not in holidays.list_supported_countries():
        return pd.DatetimeIndex([]).as_unit("s")
    first = company.as_of - timedelta(days=HISTORY_DAYS + TYPICAL_USAGE_DAYS)
    named = holidays.country_holidays(country, years=range(first.year, company.as_of.year + 1))
    return pd.DatetimeIndex(sorted(named)).as_unit("s")


def _by_day(
    facts: ir.Table, day: ir.DateValue, known: ir.DateValue, observed: ir.Value, exposure: ir.Value
) -> ir.Table:
    """Facts summed by their day and by the delay until they were known."""
    rows = facts.select(day=day, known=known, observed=observed.cast("float64"), exposure=exposure.cast("float64"))
    rows = rows.filter(rows.day.notnull())
    delay = rows.known.fill_null(rows.day).delta(rows.day, unit="day")
    grouped = rows.mutate(delay=delay).group_by("day", "delay")
    return grouped.agg(observed=lambda t: t.observed.sum(), exposure=lambda t: t.exposure.sum())


def _rows(table: str, column: str) -> Callable[[Company, Clock], ir.Table]:
    """Counts of the rows of a table, by the day of an instant."""

    def daily(company: Company, clock: Clock) -> ir.Table:
        rows = company.tables[table]
        # a column that is filled later than its row is known from the instant in it
        first = column in ("created_at", "started_at", "opened_at", "happened_at")
        known = clock.day(rows.known_at) if first else clock.day(rows[column])
        return _by_day(rows, clock.day(rows[column]), known, ibis.literal(1), ibis.literal(1))

    return daily


def _orders(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(~is_returned(rows))  # a cancellation may become known after the order: both count
    orders = rows.group_by("order_id").agg(at=rows.ordered_at.min(), known=rows.known_at.min())
    return _by_day(orders, clock.day(orders["at"]), clock.day(orders.known), ibis.literal(1), ibis.literal(1))


def _returns(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(is_returned(rows))
    return _by_day(rows, clock.day(rows.ordered_at), clock.day(rows.known_at), ibis.literal(1), ibis.literal(1))


def _amounts(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["orders"]
    rows = rows.filter(~is_returned(rows), rows.amount > 0)
    size = (rows.amount + 1).ln()
    return _by_day(rows, clock.day(rows.ordered_at), clock.day(rows.known_at), size, ibis.literal(1))


def _wins(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["opportunities"]
    rows = rows.filter(rows.closed_at.notnull())
    return _by_day(rows, clock.day(rows.closed_at), clock.day(rows.closed_at), rows.outcome == "won", ibis.literal(1))


def _satisfaction(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["tickets"]
    rows = rows.filter(rows.closed_at.notnull(), rows.satisfaction.notnull())
    day = clock.day(rows.closed_at)
    return _by_day(rows, day, day, rows.satisfaction, ibis.literal(1))


def _answers(company: Company, clock: Clock) -> ir.Table:
    rows = company.tables["touches"]
    answered = is_human_response(rows, CLICKS_AND_REPLIES)
    rows = rows.filter(rows.channel == "email", answered | (rows.kind == "sent"))
    day = clock.day(rows.happened_at)
    return _by_day(rows, day, clock.day(rows.known_at), rows.kind != "sent", rows.kind == "sent")


def _usage(company: Company, clock: Clock) -> ir.Table:
    """Usage of each account and product over its own typical usage, so that neither new nor large accounts dominate."""
    rows = company.tables["usage"]
    users = rows.active_users.fill_null(rows.events)
    holidays_of_country = [day.date() for day in public_holidays(company)]
    on_open_days = (
        ibis.ifelse(rows.day.isin(holidays_of_country), ibis.null("float64"), users) if holidays_of_country else users
    )
    rows = rows.select(
        "account_id",
        "product_id",
        "day",
        "known_at",
        users=users,
        open_users=on_open_days,
        day_number=rows.day.epoch_seconds() // 86400,
    )
    before = ibis.range_window(
        group_by=["account_id", "product_id"], order_by="day_number", preceding=TYPICAL_USAGE_DAYS, following=0
    )
    sums = rows.mutate(total=rows.open_users.sum().over(before), days=rows.open_users.count().over(before))
    sums = sums.filter(sums.days > 1, sums.open_users.notnull())
    usage = sums.mutate(typical=(sums.total - sums.users) / (sums.days - 1))
    usage = usage.filter(usage.typical > 0)
    weight = usage.typical / (1 + usage.typical * OVERDISPERSION)
    ratio = ibis.least(usage.users / usage.typical, ibis.literal(MAX_USAGE_RATIO))
    return _by_day(usage, usage.day, clock.day(usage.known_at), ratio * weight, weight)


DAILY_METRICS: tuple[DailyMetric, ...] = (
    DailyMetric("orders", "orders placed", "count", _orders, "the load of orders, then prices, stock and the shop"),
    DailyMetric("order_size", "size of an order line", "mean", _amounts,
                "prices, discounts and the currency of orders"),
    DailyMetric("returns", "lines sent back", "count", _returns, "deliveries and products sent back"),
    DailyMetric("subscriptions_started", "subscriptions started", "count", _rows("subscriptions", "started_at"),
                "the load of subscriptions, then offers"),
    DailyMetric("subscriptions_ended", "subscriptions ended", "count", _rows("subscriptions", "ended_at"),
                "who left and why; call the customers at risk first"),
    DailyMetric("deals_opened", "deals opened", "count", _rows("opportunities", "created_at"), "where deals come from"),
    DailyMetric("deals_closed", "deals closed", "count", _rows("opportunities", "closed_at"), "how deals are closed"),
    DailyMetric("deals_won", "deals won of those closed", "share", _wins, "what deals are lost to"),
    DailyMetric("tickets", "tickets opened", "count", _rows("tickets", "opened_at"), "what customers complain of"),
    DailyMetric("satisfaction", "satisfaction with support", "mean", _satisfaction, "how support answers"),
    DailyMetric("activities", "activities of the team", "count", _rows("activities", "happened_at"),
                "the load of activities, then whether work is written down"),
    DailyMetric("answers", "answers to mail sent", "share", _answers, "whether mail is delivered"),
    DailyMetric("usage", "usage against the typical usage of the same accounts", "mean", _usage,
                "the load of usage, then whether the product works"),
)  # fmt: skip
