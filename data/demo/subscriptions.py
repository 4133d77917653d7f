"""Contracts: the platform, with its terms, tiers and seats, and the add-ons; and the use made of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.adoption import Adoptions
from data.demo.calendar import DAY, NEVER, History
from data.demo.catalogue import PLATFORM, PRICES, PRODUCT_IDS, RECURRING
from data.demo.column_makers import category_column, days, id_column, timestamp_column
from data.demo.population import Population

PRICE_RISE = 1.03
"""At each renewal of a yearly term."""
SEATS_CHANGE, ADD_ON_ENDS, ADD_ON_SHARE = 0.02, 0.010, 0.6
SAMPLED_EVERY = 4
"""Days from one sample of use to the next."""
START, UPGRADE, SEATS, RENEW = range(4)
REASONS = ("", "upgraded", "seats changed", "renewed", "cancelled", "add-on cancelled", None)
CANCELLED, ADD_ON_CANCELLED, RUNNING = 4, 5, 6


@dataclass(frozen=True)
class Contracts:
    """One entry per subscription."""

    account: Ints
    product: Ints
    seats: Floats
    mrr: Floats
    started: Ints
    ended: Ints
    term_ends: Ints
    reason: Ints


@dataclass(frozen=True)
class Terms:
    """One entry per end of a yearly term that is past or near."""

    account: Ints
    ends: Ints
    renewed: Bools
    mrr: Floats
    product: Ints


def simulate_contracts(
    population: Population, health: AccountHealth, adoptions: Adoptions, history: History, seed: int
) -> tuple[Contracts, Terms]:
    """All subscriptions until now, and the ends of yearly terms for which somebody will have tried to renew."""
    rng = np.random.default_rng([seed, 8])
    platform, terms = _platform(population, health, adoptions, history, rng)
    return _joined(platform, _add_ons(population, health, adoptions, platform, history, rng)), terms


def _platform(
    population: Population, health: AccountHealth, adoptions: Adoptions, history: History, rng: np.random.Generator
) -> tuple[Contracts, Terms]:
    held = np.flatnonzero(population.subscribes[health.intervals.account])
    account, started, ended = (
        health.intervals.account[held],
        health.intervals.started[held],
        health.intervals.ended[held],
    )
    seats = np.maximum(2, np.round(population.employees[account] * rng.uniform(0.12, 0.4, len(held))))
    month = rng.random((len(held), len(history.months))) < SEATS_CHANGE
    which, m = np.nonzero(month)
    account_health = health.health[account[which], m]
    factor = np.exp(
        np.where(rng.random(len(which)) < 1 / (1 + np.exp(-0.9 * account_health)), 1, -1)
        * rng.uniform(0.08, 0.3, len(which))
    )
    years = np.arange(len(history.months) // 12 + 2)
    due = health.intervals.first_due[held][:, None] + 12 * years
    yearly = health.annual[account][:, None] & (due < len(history.months) + 3)
    term, year = np.nonzero(yearly)
    term_at = _month_starts(history)[due[term, year]] + health.intervals.term_offset[held][term]
    up = _interval_of(adoptions.upgrade_account, adoptions.upgrade_at, account, started, ended)
    event = np.concatenate([np.arange(len(held)), up[up >= 0], which, term])
    at = np.concatenate([started, adoptions.upgrade_at[up >= 0], history.random_instants(m, rng), term_at])
    kind = np.repeat([START, UPGRADE, SEATS, RENEW], [len(held), int((up >= 0).sum()), len(which), len(term)])
    grows = np.concatenate([np.zeros(len(event) - len(which) - len(term)), np.log(factor), np.zeros(len(term))])
    keep = ((kind == START) & (at < history.until)) | (
        (at > started[event] + DAY) & (at < np.minimum(ended[event], history.until))
    )
    event, at, kind, grows = event[keep], at[keep], kind[keep], grows[keep]
    order = np.lexsort((at, event))
    event, at, kind, grows = event[order], at[order], kind[order], grows[order]
    begins = kind == START
    tier = np.minimum(adoptions.first_tier[account[event]] + _since_start(kind == UPGRADE, begins), PLATFORM - 1)
    seats_now = np.maximum(1, np.round(seats[event] * np.exp(_since_start(grows, begins))))
    price = PRICE_RISE ** _since_start(kind == RENEW, begins)
    discount = 1 - 0.06 * np.log10(np.maximum(seats_now, 1))
    mrr = np.round(seats_now * PRICES[tier] * discount * price, 2)
    last = np.concatenate([event[1:] != event[:-1], [True]]) if len(event) else np.zeros(0, dtype=bool)
    next_at = np.where(last, ended[event], np.concatenate([at[1:], [NEVER]]))
    next_kind = np.where(
        last, np.where(ended[event] < NEVER, CANCELLED, RUNNING), np.concatenate([kind[1:], [RUNNING]])
    )
    contracts = Contracts(
        account[event],
        tier,
        seats_now,
        mrr,
        at,
        next_at,
        _term_end(health, held, event, account, at, history),
        next_kind,
    )
    order_key = event * (1 << 33) + at
    return contracts, _due_terms(contracts, (account, started, ended), (term, term_at), order_key, history.until)


def _due_terms(
    contracts: Contracts, customers: tuple[Ints, Ints, Ints], terms: tuple[Ints, Ints], order_key: Ints, until: int
) -> Terms:
    """One entry per term that ends while its account is a customer, and whether it was renewed by ``until``.

    ``customers`` are the account, start and end of each interval, ``terms`` the interval and end of each term;
    ``order_key`` orders the contracts by interval and start.
    """
    (account, started, ended), (interval, term_at) = customers, terms
    due = (term_at > started[interval] + DAY) & (term_at <= ended[interval])
    due &= term_at - 90 * DAY < until
    interval, ends = interval[due], term_at[due]
    row = np.searchsorted(order_key, interval * (1 << 33) + ends) - 1
    renewed = (ends < ended[interval]) & (ends < until)
    return Terms(account[interval], ends, renewed, contracts.mrr[row], contracts.product[row])


def _term_end(health: AccountHealth, held: Ints, event: Ints, account: Ints, at: Ints, history: History) -> Ints:
    """When the running yearly term ends, as it is known from the contract's first day; ``NEVER`` for monthly ones."""
    month = np.maximum(history.month_of(at), 0)
    offset, first = health.intervals.term_offset[held][event], health.intervals.first_due[held][event]
    due = first + 12 * np.maximum(0, -((first - month) // 12))
    starts = _month_starts(history)
    due = np.where(starts[due] + offset <= at, due + 12, due)
    return np.where(health.annual[account[event]], starts[due] + offset, NEVER)


def _month_starts(history: History) -> Ints:
    """First instants of the months of the history and of two years after it, those by their usual length."""
    after = history.month_starts[-1] + np.round(np.arange(1, 25) * 30.4375).astype(np.int64) * DAY
    return np.concatenate([history.month_starts, after])


def _add_ons(
    population: Population,
    health: AccountHealth,
    adoptions: Adoptions,
    platform: Contracts,
    history: History,
    rng: np.random.Generator,
) -> Contracts:
    adopted = np.where(RECURRING, adoptions.adopted_at, NEVER)
    account, product = np.nonzero(adopted < history.until)
    at = adopted[account, product]
    order = np.lexsort((platform.started, platform.account))
    row = (
        np.searchsorted(
            platform.account[order] * (1 << 33) + platform.started[order], account * (1 << 33) + at, side="right"
        )
        - 1
    )
    row = order[row]
    interval = _interval_of(account, at, health.intervals.account, health.intervals.started, health.intervals.ended)
    keep = (platform.account[row] == account) & (interval >= 0)
    account, product, at, row, interval = account[keep], product[keep], at[keep], row[keep], interval[keep]
    seats = np.maximum(1, np.round(platform.seats[row] * ADD_ON_SHARE))
    own_end = at + (rng.exponential(1 / ADD_ON_ENDS, len(account)) * 30 * DAY).astype(np.int64)
    left = health.intervals.ended[interval]
    ended = np.minimum(own_end, left)
    ended = np.where(ended < history.until, ended, NEVER)
    reason = np.where(ended == NEVER, RUNNING, np.where(own_end < left, ADD_ON_CANCELLED, CANCELLED))
    mrr = np.round(seats * PRICES[product] * 0.95, 2)
    return Contracts(account, product, seats, mrr, at, ended, np.full(len(account), NEVER), reason)


def _interval_of(account: Ints, at: Ints, of: Ints, started: Ints, ended: Ints) -> Ints:
    """The index of the interval that covers each event, -1 where none does."""
    order = np.lexsort((started, of))
    place = np.searchsorted(of[order] * (1 << 33) + started[order], account * (1 << 33) + at, side="right") - 1
    place = order[np.maximum(place, 0)]
    inside = (of[place] == account) & (started[place] <= at) & (at < ended[place])
    return np.where(inside, place, -1)


def _since_start(values: Floats | Bools, begins: Bools) -> Floats:
    """Running sum that starts anew at each beginning."""
    total = np.cumsum(values)
    base = np.where(begins, total, 0)
    return np.asarray(total - base[np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))])


def _joined(one: Contracts, two: Contracts) -> Contracts:
    columns = {n: np.concatenate([getattr(one, n), getattr(two, n)]) for n in Contracts.__dataclass_fields__}
    order = np.lexsort((columns["product"], columns["account"], columns["started"]))
    return Contracts(**{name: values[order] for name, values in columns.items()})


def subscriptions_table(health: AccountHealth, contracts: Contracts) -> pd.DataFrame:
    """One row per subscription, as the contract has it."""
    return pd.DataFrame(
        {
            "subscription_id": id_column("S", np.arange(len(contracts.account))),
            "account_id": id_column("A", contracts.account, 6),
            "product_id": category_column(PRODUCT_IDS, contracts.product),
            "seats": contracts.seats,
            "mrr": contracts.mrr,
            "started_at": timestamp_column(contracts.started),
            "term_ends_at": timestamp_column(contracts.term_ends),
            "ended_at": timestamp_column(contracts.ended),
            "end_reason": category_column(REASONS, np.where(contracts.ended < NEVER, contracts.reason, RUNNING)),
            "auto_renew": health.auto_renew[contracts.account],
        }
    )


def usage_table(health: AccountHealth, contracts: Contracts, history: History, seed: int) -> pd.DataFrame:
    """One row per account, product and sampled day of use: every fourth day, so each weekday once in four weeks.

    A day without use has no row. Days are the company's; the day that is not over has none.
    """
    rng = np.random.default_rng([seed, 9])
    phase = rng.integers(0, SAMPLED_EVERY, int(health.annual.shape[0]))[contracts.account]
    first = np.searchsorted(history.day_starts, contracts.started, side="right")
    last = np.searchsorted(history.day_starts, np.minimum(contracts.ended, history.until), side="right") - 1
    last = np.where(
        contracts.ended < history.until, last + 1, last
    )  # the day it ended is the row's, not the next one's
    last = np.minimum(last, np.searchsorted(history.day_starts, history.until, side="right") - 1)  # today is not over
    first = first + (phase - first) % SAMPLED_EVERY
    times = np.maximum(0, (last - first + SAMPLED_EVERY - 1) // SAMPLED_EVERY)
    row = np.repeat(np.arange(len(times)), times)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times)
    day = first[row] + SAMPLED_EVERY * nth
    account = contracts.account[row]
    month = history.month_of(history.day_starts[day])
    rhythm = np.clip(history.day_weight[day], 0.1, 1.1)
    usual = contracts.seats[row] * health.seat_utilization[account] * health.usage_ratio[account, month]
    most = np.ceil(contracts.seats[row] * 1.2).astype(np.int64)
    users = rng.binomial(most, np.minimum(usual * rhythm / most, 0.98))
    events = rng.poisson(users * 14.0)
    keep = users > 0
    since_1970 = np.array([d.toordinal() - 719_163 for d in history.days], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "account_id": id_column("A", account[keep], 6),
            "product_id": category_column(PRODUCT_IDS, contracts.product[row][keep]),
            "day": days(since_1970[day[keep]] * DAY),
            "active_users": users[keep].astype(float),
            "events": events[keep].astype(float),
        }
    )
    return frame.assign(known_at=timestamp_column(history.day_starts[day[keep] + 1] - 1))
