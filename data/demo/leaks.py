"""Planted leaks of revenue: discounts, promotions, seats, deals, downgrades and leads that nobody looks after.

Each plant draws from a random stream of its own, so that the rest of the company is the same with and without it.
Three more leaks are planted with the defects (``data.demo.data_defects``); ``data.demo.leak_truth`` lists all of them.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data.arrays import Floats, Ints
from data.demo.calendar import DAY, NEVER, History
from data.demo.catalogue import PLATFORM, PRICES, PRODUCT_IDS
from data.demo.column_makers import id_column, id_numbers, timestamp_column, utc_seconds
from data.demo.deals import KINDS, Deals
from data.demo.orders import PRICE_GROWTH, SEGMENT_DISCOUNT
from data.demo.population import Population
from data.demo.subscriptions import Contracts

MAX_OWNER_DISCOUNT = 0.10
"""What an owner may take off on top of the discount of the segment."""
DISCOUNTED, DISCOUNT_DAYS = 0.012, 85
PROMOTED, PROMOTION_DAYS, PARTICIPATION, NEGOTIATED = 0.08, 30, 0.8, 0.04
"""Promotions by running add-on; their length; who takes part; add-ons whose price was simply haggled down by 15 %."""
OUTGROWN, OUTGROWN_DAYS = 0.02, 60
FORGOTTEN = 0.06
UNNOTICED = 0.5
NOTICED_DAYS = 30
UNTOUCHED_LEADS = 8
"""At size 1 (1,200 accounts)."""


@dataclass(frozen=True)
class PlantedDiscounts:
    """Lines of orders sold below what the policy allows: ``at`` are rows of the orders, ``lost`` the money."""

    at: Ints
    lost: Floats


@dataclass(frozen=True)
class PlantedPromotions:
    """Contracts signed at a promotion's price: which, what a month is short of the usual, and when it should end."""

    contract: Ints
    short: Floats
    over_at: Ints


def plant_discounts(
    population: Population, orders: pd.DataFrame, history: History, seed: int
) -> tuple[pd.DataFrame, PlantedDiscounts]:
    """The orders, some lines of the last weeks far below the policy of their segment."""
    rng = np.random.default_rng([seed, 23])
    at = utc_seconds(orders["ordered_at"])
    whole = orders["line_id"] + "|" + orders["order_id"]
    returned = orders.loc[orders["status"] == "returned"]
    back = (returned["line_id"].str.removesuffix("R") + "|" + returned["order_id"]).to_numpy()
    may = (
        (orders["status"] == "placed").to_numpy()
        & (at > history.until - DISCOUNT_DAYS * DAY)
        & (at < history.until - 2 * DAY)
    )
    lines = np.flatnonzero(may & ~whole.isin(back).to_numpy())
    rows = np.sort(rng.choice(lines, min(len(lines), max(3, round(DISCOUNTED * len(lines)))), replace=False))
    some = orders.iloc[rows]
    product = pd.Index(PRODUCT_IDS).get_indexer(pd.Index(some["product_id"]))
    account = id_numbers(some["account_id"])
    full = some["quantity"].to_numpy() * PRICES[product] * PRICE_GROWTH ** ((at[rows] - history.start) / (365.25 * DAY))
    allowed = full * (1 - np.array(SEGMENT_DISCOUNT)[population.segment[account]] - MAX_OWNER_DISCOUNT)
    paid = np.round(allowed - full * rng.uniform(0.12, 0.35, len(rows)), 2)
    amount = orders["amount"].to_numpy(dtype=np.float64).copy()
    amount[rows] = paid
    return orders.assign(amount=amount), PlantedDiscounts(rows, allowed - paid)


def plant_promotions(
    contracts: Contracts, history: History, seed: int
) -> tuple[Contracts, pd.DataFrame, PlantedPromotions]:
    """The contracts, those of add-ons that began in a promotion at its price for good; the promotions, one row each,
    as campaigns; and who pays too little since. The last promotion still runs."""
    rng = np.random.default_rng([seed, 24])
    add_on = np.flatnonzero(contracts.product >= PLATFORM)
    started = contracts.started[add_on]
    known = (started > history.start + 40 * DAY) & (contracts.ended[add_on] == NEVER)
    running = add_on[known & (started < history.until - 120 * DAY)]
    count = min(len(running), max(2, round(PROMOTED * len(running))))
    first = rng.choice(running, count, replace=False) if count else running
    begins = np.append(contracts.started[first] - rng.integers(1, 20, len(first)) * DAY, history.until - 12 * DAY)
    product = np.append(contracts.product[first], PLATFORM)
    off = rng.choice([0.2, 0.25, 0.3], len(begins))
    mrr: Floats = contracts.mrr
    short: Floats = np.zeros(len(mrr))
    over = np.full(len(mrr), NEVER)
    takes = rng.random((len(begins), len(mrr))) < PARTICIPATION
    takes[np.arange(len(first)), first] = True
    for n, begun in enumerate(begins):
        inside = (contracts.started >= begun) & (contracts.started < begun + PROMOTION_DAYS * DAY)
        who = (contracts.product == product[n]) & inside & takes[n] & (short == 0)
        short[who] = np.round(contracts.mrr[who] * off[n], 2)
        over[who] = begun + PROMOTION_DAYS * DAY
    haggled = (contracts.product >= PLATFORM) & (short == 0) & (rng.random(len(mrr)) < NEGOTIATED)
    mrr = np.asarray(np.round(np.where(haggled, mrr * 0.85, mrr - short), 2), dtype=np.float64)
    promotions = pd.DataFrame(
        {
            "campaign_id": id_column("KP", np.arange(len(begins)), 3),
            "name": [
                f"{PRODUCT_IDS[p].title()} at {1 - o:.0%} of its price" for p, o in zip(product, off, strict=True)
            ],
            "channel": "web",
            "purpose": "marketing",
            "product_id": [PRODUCT_IDS[p] for p in product],
            "cost": 0.0,
            "started_at": timestamp_column(begins),
            "ended_at": timestamp_column(begins + PROMOTION_DAYS * DAY),
        }
    )
    who = np.flatnonzero(short > 0)
    return replace(contracts, mrr=mrr), promotions, PlantedPromotions(who, short[who], over[who])


def plant_forgotten_deals(population: Population, deals: Deals, history: History, seed: int) -> Deals:
    """The deals, some open ones in their stage for months longer: all that was known of them is dated back."""
    rng = np.random.default_rng([seed, 25])
    j = deals.stage_times
    open_ = (j.created < history.until) & (j.closed >= history.until) & (deals.kind != KINDS.index("renewal"))
    back = rng.integers(60, 140, len(j.created)) * DAY
    may = np.flatnonzero(open_ & (j.created - back > np.maximum(population.created[deals.account], history.start)))
    some = rng.choice(may, min(len(may), max(1, round(FORGOTTEN * int(open_.sum())))), replace=False)
    created, entered = j.created.copy(), j.entered.copy()
    created[some] -= back[some]
    entered[some] -= np.where(entered[some] < history.until, back[some][:, None], 0)
    return replace(deals, stage_times=replace(j, created=created, entered=entered))


def plant_outgrown_seats(usage: pd.DataFrame, contracts: Contracts, history: History, seed: int) -> pd.DataFrame:
    """The use, on working days of the last weeks by far more people than there are seats for some contracts."""
    rng = np.random.default_rng([seed, 26])
    steady = np.flatnonzero((contracts.ended == NEVER) & (contracts.started < history.until - 75 * DAY))
    some = rng.choice(steady, min(len(steady), max(2, round(OUTGROWN * len(steady)))), replace=False)
    wanted = pd.DataFrame(
        {
            "account_id": id_column("A", contracts.account[some], 6),
            "product_id": [PRODUCT_IDS[p] for p in contracts.product[some]],
            "seats": contracts.seats[some],
            "times": rng.uniform(1.25, 1.7, len(some)),
        }
    ).drop_duplicates(["account_id", "product_id"])
    day = usage["day"].astype("datetime64[s]")
    place = np.searchsorted(np.array(history.days, dtype="datetime64[s]"), day.to_numpy())
    late = (day > pd.Timestamp(history.until - OUTGROWN_DAYS * DAY, unit="s")).to_numpy() & (
        history.day_weight[place] > 0.5
    )
    rows = usage.loc[late, ["account_id", "product_id"]].reset_index().merge(wanted, on=["account_id", "product_id"])
    rows = rows.sort_values("index", ignore_index=True)
    seats = rows["seats"].to_numpy()
    many = np.maximum(seats + 1, np.round(seats * rows["times"].to_numpy() * rng.uniform(0.95, 1.05, len(rows))))
    users, events = (usage[name].to_numpy(dtype=np.float64).copy() for name in ("active_users", "events"))
    users[rows["index"]], events[rows["index"]] = many, many * 14
    return usage.assign(active_users=users, events=events)


def contractions(contracts: Contracts) -> pd.DataFrame:
    """One row per instant at which an account's contracts fall to less, but not to nothing: ``account, at, fall``."""
    over = contracts.ended < NEVER
    begins = contracts.started[over] >= contracts.ended[over]
    moves = pd.DataFrame(
        {
            "account": np.concatenate([contracts.account, contracts.account[over]]),
            "at": np.concatenate([contracts.started, contracts.ended[over]]),
            "moved": np.concatenate([contracts.mrr, -contracts.mrr[over]]),
            "ends": np.concatenate([np.zeros(len(contracts.mrr), dtype=bool), ~begins]),
        }
    )
    by = moves.groupby(["account", "at"], as_index=False, sort=True).agg(moved=("moved", "sum"), ends=("ends", "any"))
    left = by.groupby("account")["moved"].cumsum().round(2)
    contracted = by["ends"] & (by["moved"].round(2) < 0) & (left > 0)
    return (
        by.loc[contracted, ["account", "at"]].assign(fall=-by.loc[contracted, "moved"].round(2)).reset_index(drop=True)
    )


def plant_unnoticed_downgrades(
    tables: dict[str, pd.DataFrame], contracts: Contracts, history: History, seed: int
) -> None:
    """Files what owners did in the weeks after some contractions under another account, in place."""
    rng = np.random.default_rng([seed, 27])
    contracted = contractions(contracts)
    recent = contracted[(contracted["at"] > history.until - 118 * DAY) & (contracted["at"] < history.until - 33 * DAY)]
    some = recent.iloc[np.sort(rng.choice(len(recent), round(UNNOTICED * len(recent)), replace=False))]
    done = tables["activities"]
    at = utc_seconds(done["happened_at"])
    account = id_numbers(done["account_id"])
    moved = np.zeros(len(done), dtype=bool)
    for who, when in zip(some["account"], some["at"], strict=True):
        moved |= (account == who) & (at >= when - DAY) & (at < when + (NOTICED_DAYS + 2) * DAY)
    steady = np.setdiff1d(np.unique(account), contracted["account"])
    if not len(steady):
        return
    elsewhere = id_column("A", rng.choice(steady, len(done)), 6)
    tables["activities"] = done.assign(
        account_id=done["account_id"].mask(pd.Series(moved), elsewhere),
        contact_id=done["contact_id"].mask(pd.Series(moved)),
    )


def plant_untouched_leads(
    population: Population, tables: dict[str, pd.DataFrame], joined: Ints, history: History, seed: int
) -> pd.DataFrame:
    """One row per form that a person of an account which never bought filled in, after which nobody did anything:
    touches that are to be added."""
    rng = np.random.default_rng([seed, 28])
    prospects = np.flatnonzero((joined >= history.until) & ~population.existing)
    form_at = history.until - rng.integers(18, 150, population.count) * DAY + rng.integers(0, DAY, population.count)
    last = np.maximum(_last(tables["activities"], "happened_at", population.count), population.created)
    deals = tables["opportunities"]
    last = np.maximum(last, _last(deals, "created_at", population.count))
    busy = np.zeros(population.count, dtype=bool)
    busy[id_numbers(deals.loc[deals["closed_at"].isna(), "account_id"])] = True
    first = np.searchsorted(population.contact_account, prospects)
    there = (last[prospects] < form_at[prospects] - DAY) & (population.contact_created[first] < form_at[prospects])
    may = prospects[there & ~busy[prospects]]
    some = np.sort(
        rng.choice(may, min(len(may), max(2, round(UNTOUCHED_LEADS * population.count / 1200))), replace=False)
    )
    contact = np.searchsorted(population.contact_account, some)
    return pd.DataFrame(
        {
            "touch_id": id_column("MF", np.arange(len(some)), 5),
            "contact_id": id_column("C", contact, 6),
            "campaign_id": pd.array([None] * len(some), dtype="str"),
            "channel": "web",
            "kind": "form_submitted",
            "machine": False,
            "happened_at": timestamp_column(form_at[some]),
            "propensity": np.nan,
        }
    )


def _last(rows: pd.DataFrame, column: str, count: int) -> Ints:
    """The last instant at which each account has a row, 0 where it has none."""
    last = np.zeros(count, dtype=np.int64)
    at = utc_seconds(rows[column])
    np.maximum.at(last, id_numbers(rows["account_id"]), at)
    return last
