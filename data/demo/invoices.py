"""Invoices and their payment: each month or year of a subscription, and each order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import id_column, id_numbers, timestamp_column, utc_seconds
from data.demo.subscriptions import Contracts

UNPAID_SHARE = 0.006
PAYMENT_TERM = 30 * DAY
MONTH_DAYS, YEAR_DAYS = 30.4375, 365.25


@dataclass(frozen=True)
class Payments:
    """One entry per invoice, with what the CRM does not hold."""

    unpaid: Bools
    """The invoice will never be paid."""
    seconds_late: Ints
    """From the due date to the payment; negative if paid early, without meaning if never paid."""


@dataclass(frozen=True)
class _Bills:
    """One entry per invoice."""

    account: Ints
    issued: Ints
    amount: Floats
    contract: Ints
    """Index of the subscription, -1 for an order."""


def invoices_table(
    health: AccountHealth, contracts: Contracts, orders: pd.DataFrame, history: History, seed: int
) -> tuple[pd.DataFrame, Payments]:
    """One row per invoice, with a term of 30 days; and how each is paid."""
    rng = np.random.default_rng([seed, 17])
    bills = _merge(_subscription_bills(contracts, history), _order_bills(orders), history.until)
    will_pay, unpaid = _payment_times(health, bills, history, rng)
    paid = np.where(~unpaid & (will_pay < history.until), will_pay, NEVER)
    due = bills.issued + PAYMENT_TERM
    rows = pd.DataFrame(
        {
            "invoice_id": id_column("I", np.arange(len(due))),
            "account_id": id_column("A", bills.account, 6),
            "subscription_id": id_column("S", np.maximum(bills.contract, 0), missing=bills.contract < 0),
            "amount": bills.amount,
            "currency": "EUR",
            "issued_at": timestamp_column(bills.issued),
            "due_at": timestamp_column(due),
            "paid_at": timestamp_column(paid),
        }
    )
    return rows, Payments(unpaid, will_pay - due)


def _subscription_bills(contracts: Contracts, history: History) -> _Bills:
    """One bill per month or year of each subscription; the last year is billed to the end of the term."""
    yearly = contracts.term_ends < NEVER
    until = np.minimum(contracts.ended, history.until)
    period_days = np.where(yearly, YEAR_DAYS, MONTH_DAYS)
    periods = np.ceil(np.maximum(until - contracts.started, 1) / (period_days * DAY)).astype(np.int64)
    row = np.repeat(np.arange(len(periods)), periods)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(periods) - periods, periods)
    issued = contracts.started[row] + (nth * period_days[row] * DAY).astype(np.int64)
    to_term_end = np.minimum(contracts.term_ends[row] - issued, YEAR_DAYS * DAY)
    billed_seconds = np.where(yearly[row], to_term_end, MONTH_DAYS * DAY)
    amount = np.round(contracts.mrr[row] * billed_seconds / (MONTH_DAYS * DAY), 2)
    return _Bills(contracts.account[row], issued, amount, row)


def _order_bills(orders: pd.DataFrame) -> _Bills:
    """One bill per order, a day after it was placed."""
    placed = orders[orders["status"] == "placed"].groupby("order_id", sort=True)
    totals = placed.agg(account_id=("account_id", "first"), amount=("amount", "sum"), at=("ordered_at", "min"))
    amount = np.round(totals["amount"].to_numpy(), 2)
    return _Bills(id_numbers(totals["account_id"]), utc_seconds(totals["at"]) + DAY, amount, np.full(len(totals), -1))


def _merge(subscriptions: _Bills, orders: _Bills, until: int) -> _Bills:
    """The bills with an amount that were issued before ``until``, in order of time."""
    account = np.concatenate([subscriptions.account, orders.account])
    issued = np.concatenate([subscriptions.issued, orders.issued])
    amount = np.concatenate([subscriptions.amount, orders.amount])
    contract = np.concatenate([subscriptions.contract, orders.contract])
    billed = np.flatnonzero((issued < until) & (amount > 0))
    order = billed[np.lexsort((contract[billed], account[billed], issued[billed]))]
    return _Bills(account[order], issued[order], amount[order], contract[order])


def _payment_times(
    health: AccountHealth, bills: _Bills, history: History, rng: np.random.Generator
) -> tuple[Ints, Bools]:
    """The instant of each payment, be it after the history, and whether the invoice is never paid."""
    month = np.clip(history.month_of(bills.issued), 0, len(history.months) - 1)
    slowness = np.where(health.health[bills.account, month] < -1, 1.5, 1.0)
    count = len(bills.account)
    paid = bills.issued + (np.exp(rng.normal(3.05, 0.45, count)) * slowness * DAY).astype(np.int64)
    return paid, rng.random(count) <= UNPAID_SHARE * slowness**3
