"""Orders: each adopted product once, then again at the account's order rate, the season and the trend."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.adoption import Adoptions
from data.demo.calendar import DAY, History
from data.demo.catalogue import PRICES, PRODUCT_IDS, RECURRING, REORDER_WEIGHTS, sold_until
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.population import Population

CANCELLED_SHARE, RETURNED_SHARE = 0.015, 0.025
SEGMENT_DISCOUNT, PRICE_GROWTH = (0.0, 0.06, 0.14), 1.035
"""Discount of each segment; factor of prices from one year to the next."""
STATUSES = ("placed", "cancelled", "returned")
CHUNK = 100_000


@dataclass(frozen=True)
class _Lines:
    """One entry per order line, in order of time; lines of one account at one instant are one order."""

    account: Ints
    product: Ints
    at: Ints
    first: Bools
    """The line is the first order of the product."""
    order: Ints
    line: Ints


def orders_table(
    population: Population, health: AccountHealth, adoptions: Adoptions, history: History, seed: int
) -> pd.DataFrame:
    """One row per line of an order, returns included."""
    rng = np.random.default_rng([seed, 10])
    adopted_at = np.where(RECURRING, np.iinfo(np.int64).max, adoptions.adopted_at)
    repeats = _repeat_lines(population, health, adopted_at, history, rng)
    lines = _number_lines(_first_lines(adopted_at, history), repeats, history)
    quantity, amount = _quantities_and_amounts(population, lines, history, rng)
    draws = rng.random(len(lines.at))
    cancelled = (draws < CANCELLED_SHARE) & ~lines.first  # what a deal just won stays ordered
    returned = np.flatnonzero((draws > 1 - RETURNED_SHARE) & (PRICES[lines.product] < 1000))
    returned_at = lines.at[returned] + (rng.uniform(2, 30, len(returned)) * DAY).astype(np.int64)
    returned, returned_at = returned[returned_at < history.until], returned_at[returned_at < history.until]
    contact = _buyers(population, lines.account, lines.at)
    placed = pd.DataFrame(
        {
            "order_id": id_column("P", lines.order),
            "line_id": pd.Series(lines.line).astype("str"),
            "account_id": id_column("A", lines.account, 6),
            "contact_id": id_column("C", np.maximum(contact, 0), 6, missing=contact < 0),
            "product_id": category_column(PRODUCT_IDS, lines.product),
            "quantity": quantity,
            "amount": amount,
            "currency": "EUR",
            "ordered_at": timestamp_column(lines.at),
            "status": category_column(STATUSES, cancelled.astype(np.int64)),
        }
    )
    returns = placed.iloc[returned].assign(
        line_id=lambda rows: rows.line_id + "R",
        quantity=-quantity[returned],
        amount=-amount[returned],
        ordered_at=timestamp_column(returned_at).to_numpy(),
        status="returned",
    )
    return pd.concat([placed, returns], ignore_index=True).sort_values(
        ["ordered_at", "order_id", "line_id"], ignore_index=True
    )


def _first_lines(adopted_at: Ints, history: History) -> pd.DataFrame:
    """One row per account and product adopted within the history: ``account, product, at``."""
    account, product = np.nonzero(adopted_at < history.until)
    at = adopted_at[account, product]
    in_history = at > history.start  # products owned from the start were ordered before it
    return pd.DataFrame({"account": account[in_history], "product": product[in_history], "at": at[in_history]})


def _number_lines(first: pd.DataFrame, repeats: pd.DataFrame, history: History) -> _Lines:
    """The distinct lines until the end of the history, numbered by order and line."""
    lines = pd.concat([first.assign(first=True), repeats.assign(first=False)], ignore_index=True)
    lines = lines[lines["at"] < history.until].sort_values(["at", "account", "product"], ignore_index=True)
    lines = lines.drop_duplicates(["at", "account", "product"], ignore_index=True)
    orders = lines.groupby(["at", "account"], sort=True)
    return _Lines(
        account=lines["account"].to_numpy(),
        product=lines["product"].to_numpy(),
        at=lines["at"].to_numpy(),
        first=lines["first"].to_numpy(),
        order=orders.ngroup().to_numpy().astype(np.int64),
        line=orders.cumcount().to_numpy().astype(np.int64) + 1,
    )


def _quantities_and_amounts(
    population: Population, lines: _Lines, history: History, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Quantity and amount (net of discounts, at the prices of the day) of each line."""
    count, price = len(lines.at), PRICES[lines.product]
    scale = np.log(population.employees[lines.account]) - 3.0
    log_quantity = np.where(price < 100, 1.2 + 0.55 * scale, np.where(price < 1000, 0.35 * scale, 0.1 * scale))
    quantity = np.maximum(1, np.round(np.exp(log_quantity + rng.normal(0, 0.45, count))))
    years = (lines.at - history.start) / (365.25 * DAY)
    segment_discount = np.array(SEGMENT_DISCOUNT)[population.segment[lines.account]]
    discount = segment_discount + rng.choice([0, 0.05, 0.1], count, p=[0.8, 0.12, 0.08])
    return quantity, np.round(quantity * price * (1 - discount) * PRICE_GROWTH**years, 2)


def _repeat_lines(
    population: Population, health: AccountHealth, adopted_at: Ints, history: History, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per line of a later order: ``account, product, at``; the month's orders with some lines each."""
    account, month = np.nonzero(health.orders)
    n_orders = health.orders[account, month]
    account, month = np.repeat(account, n_orders), np.repeat(month, n_orders)
    at = history.random_instants(month, rng)
    started = np.zeros(health.orders.shape, dtype=np.int64)
    started[health.intervals.account, history.month_of(health.intervals.started)] = health.intervals.started
    valid = (at > started[account, month]) & (at < history.until)
    account, at = account[valid], at[valid]
    n_lines = 1 + rng.poisson(1.1, len(account))
    account, product, at = _choose_products(
        population, adopted_at, np.repeat(account, n_lines), np.repeat(at, n_lines), rng
    )
    predecessor, successor = PRODUCT_IDS.index("TABLET-OLD"), PRODUCT_IDS.index("TABLET")
    last_day = sold_until(history.days[0], history.days[-1])[predecessor] or history.days[0]
    withdrawn = history.start + (last_day - history.days[0]).days * DAY
    product = np.where((product == predecessor) & (at >= withdrawn), successor, product)
    return pd.DataFrame({"account": account, "product": product, "at": at})


def _choose_products(
    population: Population, adopted_at: Ints, account: Ints, at: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Account, product and instant of each line; lines without an adopted product to repeat are left out.

    A product is drawn in proportion to its reorder weight and the account's affinity (Gumbel-max trick).
    """
    log_weight = np.log(np.maximum(REORDER_WEIGHTS, 1e-9))
    chosen: list[tuple[Ints, Ints, Ints]] = []
    for start in range(0, len(account), CHUNK):
        accounts, instants = account[start : start + CHUNK], at[start : start + CHUNK]
        noise = rng.gumbel(size=(len(accounts), len(PRODUCT_IDS)))
        score = log_weight + 0.4 * population.affinity[accounts] + noise
        score[(adopted_at[accounts] > instants[:, None]) | (REORDER_WEIGHTS == 0)] = -np.inf
        best = np.argmax(score, axis=1)
        possible = score[np.arange(len(accounts)), best] > -np.inf
        chosen.append((accounts[possible], best[possible], instants[possible]))
    if not chosen:
        return account, np.zeros(0, dtype=np.int64), at
    accounts, products, instants = (np.concatenate(columns) for columns in zip(*chosen, strict=True))
    return accounts, products, instants


def _buyers(population: Population, account: Ints, at: Ints) -> Ints:
    """The first contact of each account, -1 if it was created after the order."""
    first = np.searchsorted(population.contact_account, np.arange(population.count))[account]
    return np.where(population.contact_created[first] <= at, first, -1)
