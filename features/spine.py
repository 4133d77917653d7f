"""Spines: the (entity, date) pairs for which features or labels are wanted."""

from collections.abc import Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from data.calendar import first_instant, local_day
from data.contract import CONTACTS, OPPORTUNITIES
from data.point_in_time import cut_as_of
from features.company import Company
from features.order_lines import placed_order_lines
from features.point_in_time import first_known_at

MIN_HISTORY_DAYS = 90
"""A past date is used for training once the company has this much history before it."""


def account_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """One row per customer and date: ``account_id, as_of, as_of_at``.

    A customer of a date is an account known before it, with an order or a subscription that was known before it.
    Raises ``ValueError`` for dates after the company's own.
    """
    days = spine_days(company, dates)
    orders, subscriptions = company.tables["orders"], company.tables["subscriptions"]
    first_sale = (
        ibis.union(
            placed_order_lines(orders).select("account_id", "known_at"),
            subscriptions.select("account_id", "known_at"),
        )
        .group_by("account_id")
        .agg(first_sale_known_at=lambda t: t.known_at.min())
    )
    accounts = company.tables["accounts"].select("account_id", "known_at")
    customers = accounts.join(first_sale, "account_id").cross_join(days)
    known = customers.filter(
        customers.known_at.isnull() | (customers.known_at < customers.as_of_at),
        customers.first_sale_known_at < customers.as_of_at,
    )
    return known.select("account_id", "as_of", "as_of_at").order_by("as_of", "account_id").cache()


def opportunity_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """One row per open deal and date: ``opportunity_id, account_id, owner_id, as_of, as_of_at``.

    A deal is open at a date when it was known before it and not closed before it.
    """
    deals = company.tables["opportunities"].cross_join(spine_days(company, dates))
    known = cut_as_of(deals, OPPORTUNITIES, deals.as_of_at)
    open_deals = known.filter(known.created_at < known.as_of_at, known.closed_at.isnull())
    return (
        open_deals.select("opportunity_id", "account_id", "owner_id", "as_of", "as_of_at")
        .order_by("as_of", "opportunity_id")
        .cache()
    )


def contact_spine(company: Company, dates: Sequence[date]) -> ir.Table:
    """One row per contact known before each date: ``contact_id, account_id, as_of, as_of_at``."""
    people = company.tables["contacts"].cross_join(spine_days(company, dates))
    known = cut_as_of(people, CONTACTS, people.as_of_at)
    return known.select("contact_id", "account_id", "as_of", "as_of_at").order_by("as_of", "contact_id").cache()


def past_dates(company: Company, horizon_days: int, every_days: int = 30, max_dates: int = 12) -> tuple[date, ...]:
    """Past dates to train on, oldest first: their windows of ``horizon_days`` have closed by the company's date.

    The latest lies exactly one horizon back, the others ``every_days`` apart before it, at most ``max_dates``, none in
    the company's first ``MIN_HISTORY_DAYS``. Empty when the company is too young.
    """
    if horizon_days < 1 or every_days < 1 or max_dates < 1:
        raise ValueError(
            f"horizon_days, every_days and max_dates must be at least 1, not {horizon_days}, {every_days}, {max_dates}"
        )
    first = _first_sale_day(company)
    if first is None:
        return ()
    latest = company.as_of - timedelta(days=horizon_days)
    candidates = (latest - timedelta(days=every_days * step) for step in range(max_dates))
    return tuple(sorted(day for day in candidates if day >= first + timedelta(days=MIN_HISTORY_DAYS)))


def _first_sale_day(company: Company) -> date | None:
    """The company's day on which its first sale became known."""
    firsts = [first_known_at(company, table) for table in ("orders", "subscriptions")]
    known = [first for first in firsts if first is not None]
    return local_day(min(known), company.timezone) if known else None


def spine_days(company: Company, dates: Sequence[date]) -> ir.Table:
    """One row per distinct date, with its first instant: ``as_of, as_of_at``."""
    later = sorted(day for day in set(dates) if day > company.as_of)
    if later:
        raise ValueError(
            f"the company is known as of {company.as_of}; features as of {_listed(later)} would need later data:"
            " ask for earlier dates, or run with a later as_of"
        )
    days = sorted(set(dates))
    return ibis.memtable(
        pa.table(
            {
                "as_of": pa.array(days, pa.date32()),
                "as_of_at": pa.array([first_instant(day, company.timezone) for day in days], pa.timestamp("us")),
            }
        )
    )


def _listed(days: Sequence[date], most: int = 5) -> str:
    """The first days, and how many more there are, for a message."""
    return ", ".join(map(str, days[:most])) + (f" and {len(days) - most} more" if len(days) > most else "")
