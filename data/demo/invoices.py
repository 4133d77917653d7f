"""Invoices and their payment, what the teams cost, and what people answered to proposed actions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, id_numbers, timestamp_column, utc_seconds
from data.demo.population import Population
from data.demo.subscriptions import Contracts

UNPAID = 0.006
TEAMS = {"sales": 34.0, "marketing": 16.0, "success": 11.0}
"""Spend a month per hundred accounts, in hundreds."""
TO_PAY_DAYS = 30
ACTIONS = ("renewal_call", "upsell_offer", "cross_sell_email", "win_back_email", "advance_deal")


@dataclass(frozen=True)
class Payments:
    """One entry per invoice: whether it is never paid, and seconds from its last day to its payment where it is."""

    never: Bools
    late: Ints


def invoices_table(
    population: Population,
    health: AccountHealth,
    contracts: Contracts,
    orders: pd.DataFrame,
    history: History,
    seed: int,
) -> tuple[pd.DataFrame, Payments]:
    """One row per invoice: each month or year of a subscription, and each order, 30 days to pay; and what is not to be
    seen of their payment."""
    rng = np.random.default_rng([seed, 17])
    yearly = contracts.term_ends < NEVER
    until = np.minimum(contracts.ended, history.until)
    length = np.where(yearly, 365.25, 30.4375)
    times = np.ceil(np.maximum(until - contracts.started, 1) / (length * DAY)).astype(np.int64)
    row = np.repeat(np.arange(len(times)), times)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    issued = contracts.started[row] + (nth * length[row] * DAY).astype(np.int64)
    covered = np.where(yearly[row], np.minimum(contracts.term_ends[row] - issued, 365.25 * DAY), 30.4375 * DAY)
    amount = np.round(contracts.mrr[row] * covered / (30.4375 * DAY), 2)
    bought = orders[orders["status"] == "placed"].groupby("order_id", sort=True)
    per_order = bought.agg(account_id=("account_id", "first"), amount=("amount", "sum"), at=("ordered_at", "min"))
    order_issued = utc_seconds(per_order["at"]) + DAY
    order_account = id_numbers(per_order["account_id"])
    account = np.concatenate([contracts.account[row], order_account])
    at = np.concatenate([issued, order_issued])
    money = np.concatenate([amount, np.round(per_order["amount"].to_numpy(), 2)])
    of = np.concatenate([row, np.full(len(order_issued), -1)])
    keep = np.flatnonzero((at < history.until) & (money > 0))
    order = keep[np.lexsort((of[keep], account[keep], at[keep]))]
    account, at, money, of = account[order], at[order], money[order], of[order]
    will_pay, never = _paid(health, account, at, history, rng)
    paid = np.where(~never & (will_pay < history.until), will_pay, NEVER)
    frame = pd.DataFrame(
        {
            "invoice_id": id_column("I", np.arange(len(account))),
            "account_id": id_column("A", account, 6),
            "subscription_id": id_column("S", np.maximum(of, 0), missing=of < 0),
            "amount": money,
            "currency": "EUR",
            "issued_at": timestamp_column(at),
            "due_at": timestamp_column(at + TO_PAY_DAYS * DAY),
            "paid_at": timestamp_column(paid),
        }
    )
    return frame, Payments(never, will_pay - at - TO_PAY_DAYS * DAY)


def _paid(
    health: AccountHealth, account: Ints, issued: Ints, history: History, rng: np.random.Generator
) -> tuple[Ints, Bools]:
    """When each invoice is paid, be it after the end, and which ones never are."""
    month = np.clip(history.month_of(issued), 0, len(history.months) - 1)
    slow = np.where(health.health[account, month] < -1, 1.5, 1.0)
    paid = issued + (np.exp(rng.normal(3.05, 0.45, len(account))) * slow * DAY).astype(np.int64)
    return paid, rng.random(len(account)) <= UNPAID * slow**3


def costs_table(population: Population, history: History, seed: int) -> pd.DataFrame:
    """One row per complete month and team, dated by the month's last day."""
    rng = np.random.default_rng([seed, 18])
    rows = []
    for month, first in enumerate(history.months[:-1]):
        last = history.months[month + 1].toordinal() - 1
        for team, spend in TEAMS.items():
            amount = spend * population.count * (1 + 0.004 * month) * rng.uniform(0.92, 1.08)
            known = history.month_starts[month + 1] - 1
            rows.append((type(first).fromordinal(last), team, round(float(amount), 2), known))
    frame = pd.DataFrame(rows, columns=["month", "team", "amount", "known_at"])
    return frame.assign(known_at=timestamp_column(frame["known_at"].to_numpy(dtype=np.int64)))


def responses_table(population: Population, health: AccountHealth, history: History, seed: int) -> pd.DataFrame:
    """A few answers of the last weeks to proposed actions, some of which keep an action away until a later day."""
    rng = np.random.default_rng([seed, 19])
    count = max(3, round(population.count / 60))
    account = np.sort(rng.choice(population.count, count, replace=False))
    ago = rng.integers(2, 40, count)
    day = len(history.days) - 1 - (np.array(history.day_starts)[::-1] <= history.until).argmax() - ago
    action = rng.integers(0, len(ACTIONS), count)
    answer = rng.choice(4, count, p=(0.35, 0.25, 0.2, 0.2))
    at = history.day_starts[day] + 10 * 3600 + rng.integers(0, 6 * 3600, count)
    until = np.where(answer == 3, at + rng.integers(20, 120, count) * DAY, NEVER)
    return pd.DataFrame(
        {
            "action_id": [
                f"{history.days[d]}:A{a:06d}:{ACTIONS[c]}" for d, a, c in zip(day, account, action, strict=True)
            ],
            "responded_at": timestamp_column(at),
            "actor": id_column("O", population.owner[account], 4),
            "response": category_column(("accepted", "done", "dismissed", "overridden"), answer),
            "reason": category_column((None, None, "not now", "in talks already"), answer),
            "until": timestamp_column(until),
        }
    )
