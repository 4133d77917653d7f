"""Orders: what is adopted is ordered once, then again in the rhythm of the account, the season and the trend."""

import numpy as np
import pandas as pd

from data.arrays import Ints
from data.demo.account_health import AccountHealth
from data.demo.adoption import Adoptions
from data.demo.calendar import DAY, History
from data.demo.catalogue import PRICES, PRODUCT_IDS, RECURRING, REORDER_WEIGHTS, sold_until
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.population import Population

CANCELLED_SHARE, RETURNED_SHARE = 0.015, 0.025
SEGMENT_DISCOUNT, PRICE_GROWTH = (0.0, 0.06, 0.14), 1.035
"""What each segment gets off, and what prices rise by in a year."""
STATUS = ("placed", "cancelled", "returned")
CHUNK = 100_000


def orders_table(
    population: Population, health: AccountHealth, adoptions: Adoptions, history: History, seed: int
) -> pd.DataFrame:
    """One row per line of an order, returns included, as the contract has it."""
    rng = np.random.default_rng([seed, 10])
    adopted = np.where(RECURRING, np.iinfo(np.int64).max, adoptions.adopted_at)
    account, product = np.nonzero(adopted < history.until)
    at = adopted[account, product]
    in_history = at > history.start  # what was had before the history was ordered before it
    account, product, at = account[in_history], product[in_history], at[in_history]
    first = pd.DataFrame({"account": account, "product": product, "at": at})
    again = _again(population, health, adopted, history, rng)
    lines = pd.concat([first.assign(first=True), again.assign(first=False)], ignore_index=True)
    lines = lines[lines["at"] < history.until].sort_values(["at", "account", "product"], ignore_index=True)
    lines = lines.drop_duplicates(["at", "account", "product"], ignore_index=True)
    order: Ints = lines.groupby(["at", "account"], sort=True).ngroup().to_numpy().astype(np.int64)
    line = lines.groupby(["at", "account"]).cumcount().to_numpy() + 1
    account, product, at = lines["account"].to_numpy(), lines["product"].to_numpy(), lines["at"].to_numpy()
    scale = np.log(population.employees[account]) - 3.0
    bulk = np.where(
        PRICES[product] < 100, 1.2 + 0.55 * scale, np.where(PRICES[product] < 1000, 0.35 * scale, 0.1 * scale)
    )
    quantity = np.maximum(1, np.round(np.exp(bulk + rng.normal(0, 0.45, len(lines)))))
    years = (at - history.start) / (365.25 * DAY)
    discount = np.array(SEGMENT_DISCOUNT)[population.segment[account]] + rng.choice(
        [0, 0.05, 0.1], len(lines), p=[0.8, 0.12, 0.08]
    )
    amount = np.round(quantity * PRICES[product] * (1 - discount) * PRICE_GROWTH**years, 2)
    draws = rng.random(len(lines))
    status = np.where((draws < CANCELLED_SHARE) & ~lines["first"].to_numpy(), 1, 0)  # what was just won is kept
    back = np.flatnonzero((draws > 1 - RETURNED_SHARE) & (PRICES[product] < 1000))
    back_at = at[back] + (rng.uniform(2, 30, len(back)) * DAY).astype(np.int64)
    back, back_at = back[back_at < history.until], back_at[back_at < history.until]
    contact = _buyer(population, account, at)
    placed = pd.DataFrame(
        {
            "order_id": id_column("P", order),
            "line_id": pd.Series(line).astype("str"),
            "account_id": id_column("A", account, 6),
            "contact_id": id_column("C", np.maximum(contact, 0), 6, missing=contact < 0),
            "product_id": category_column(PRODUCT_IDS, product),
            "quantity": quantity,
            "amount": amount,
            "currency": "EUR",
            "ordered_at": timestamp_column(at),
            "status": category_column(STATUS, status),
        }
    )
    returned = placed.iloc[back].assign(
        line_id=lambda t: t.line_id + "R",
        quantity=-quantity[back],
        amount=-amount[back],
        ordered_at=timestamp_column(back_at).to_numpy(),
        status="returned",
    )
    return pd.concat([placed, returned], ignore_index=True).sort_values(
        ["ordered_at", "order_id", "line_id"], ignore_index=True
    )


def _again(
    population: Population, health: AccountHealth, adopted: Ints, history: History, rng: np.random.Generator
) -> pd.DataFrame:
    account, month = np.nonzero(health.orders)
    times = health.orders[account, month]
    account, month = np.repeat(account, times), np.repeat(month, times)
    at = history.random_instants(month, rng)
    begins = np.zeros(health.orders.shape, dtype=np.int64)
    begins[health.intervals.account, history.month_of(health.intervals.started)] = health.intervals.started
    keep = (at > begins[account, month]) & (at < history.until)
    account, at = account[keep], at[keep]
    lines = 1 + rng.poisson(1.1, len(account))
    account, at = np.repeat(account, lines), np.repeat(at, lines)
    taste = np.log(np.maximum(REORDER_WEIGHTS, 1e-9))
    parts = []
    for start in range(0, len(account), CHUNK):
        who, when = account[start : start + CHUNK], at[start : start + CHUNK]
        score = taste + 0.4 * population.affinity[who] + rng.gumbel(size=(len(who), len(PRODUCT_IDS)))
        score[(adopted[who] > when[:, None]) | (REORDER_WEIGHTS == 0)] = -np.inf
        best = np.argmax(score, axis=1)
        some = score[np.arange(len(who)), best] > -np.inf
        parts.append((who[some], best[some], when[some]))
    product = np.concatenate([p for _, p, _ in parts]) if parts else np.zeros(0, dtype=np.int64)
    at = np.concatenate([t for _, _, t in parts]) if parts else at
    account = np.concatenate([w for w, _, _ in parts]) if parts else account
    ends = [None if d is None else (d - history.days[0]).days for d in sold_until(history.days[0], history.days[-1])]
    old, new = PRODUCT_IDS.index("TABLET-OLD"), PRODUCT_IDS.index("TABLET")
    withdrawn = history.start + (ends[old] or 0) * DAY
    product = np.where((product == old) & (at >= withdrawn), new, product)
    return pd.DataFrame({"account": account, "product": product, "at": at})


def _buyer(population: Population, account: Ints, at: Ints) -> Ints:
    """The first contact of the account who was there by then, -1 where none was."""
    first = np.searchsorted(population.contact_account, np.arange(population.count))[account]
    return np.where(population.contact_created[first] <= at, first, -1)
