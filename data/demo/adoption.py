"""Adoption of products: at the start of an account, without a deal, and through deals that are won.

Each account ranks the products once, in proportion to its affinities without replacement (the Plackett–Luce model),
lower tiers before higher ones. The n-th product that it adopts is the n-th of its ranking.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.catalogue import LADDERS, PLATFORM, PRODUCT_IDS, RECURRING, REORDER_WEIGHTS, sold_from, sold_until
from data.demo.deal_stages import sigmoid
from data.demo.deals import Deals
from data.demo.population import Population

AFFINITY = 1.3
"""Weight of the affinities against Gumbel noise in the ranking of products."""
UPGRADE_SHARE, UPGRADE_BASE = 0.35, -4.6
"""Share of expansion deals for a higher tier of the platform; log odds per month of an upgrade without a deal."""


@dataclass(frozen=True)
class Adoptions:
    """When each account adopted each product (``NEVER``: not yet), and when it moved up a tier of the platform."""

    adopted_at: Ints
    """Account × product."""
    first_tier: Ints
    upgrade_account: Ints
    upgrade_at: Ints


@dataclass(frozen=True)
class _Purchases:
    """One entry per purchase of a new product, in order of account and time."""

    product: Ints
    deal: Ints
    """Index of the deal, -1 without one."""
    delivered: Bools
    """The purchase takes place: the deal is won and the product on sale."""
    adopted_at: Ints
    """Account × product, ``NEVER`` where not adopted."""


@dataclass(frozen=True)
class _Upgrades:
    """One entry per tier upgrade, in order of account and time."""

    account: Ints
    at: Ints
    deal: Ints
    """Index of the deal, -1 without one."""


def simulate_adoption(
    population: Population, health: AccountHealth, deals: Deals, history: History, seed: int
) -> tuple[Adoptions, Deals]:
    """The adoptions, and the expansion deals with the product of each.

    A deal is lost if its product could not be sold: withdrawn, or the highest tier was reached before.
    """
    rng = np.random.default_rng([seed, 7])
    ranking = _rankings(population, rng)
    first_tier = np.minimum(rng.binomial(2, np.array([0.12, 0.35, 0.6])[population.segment]), 2)
    times, count = deals.stage_times, len(deals.account)
    is_upgrade = population.subscribes[deals.account] & (rng.random(count) < UPGRADE_SHARE)
    churns = health.intervals.churn_times(deals.account, times.closed)
    won = times.won & (times.closed < history.until) & (churns > times.closed)
    purchases = _purchases(population, health, ranking, _deal_purchases(deals, ~is_upgrade, won), history, rng)
    upgrades = _upgrades(population, health, deals, is_upgrade & won, history, rng)
    tier = first_tier[upgrades.account] + _running(np.ones(len(upgrades.account), dtype=bool), upgrades.account)
    possible = tier < PLATFORM - 1
    upgrades = _Upgrades(upgrades.account[possible], upgrades.at[possible], upgrades.deal[possible])

    product = np.full(count, -1, dtype=np.int64)
    delivered = np.zeros(count, dtype=bool)
    by_deal = purchases.deal >= 0
    product[purchases.deal[by_deal]] = purchases.product[by_deal]
    delivered[purchases.deal[by_deal]] = purchases.delivered[by_deal]
    delivered[upgrades.deal[upgrades.deal >= 0]] = True
    index = np.flatnonzero(is_upgrade)
    account = deals.account[index]
    current_tier = first_tier[account] + _before(upgrades.account, upgrades.at, account, times.created[index])
    product[index] = np.minimum(current_tier + 1, PLATFORM - 1)
    times = replace(times, won=times.won & (delivered | (times.closed >= history.until)))
    return (
        Adoptions(purchases.adopted_at, first_tier, upgrades.account, upgrades.at),
        replace(deals, product=product, stage_times=times),
    )


@dataclass(frozen=True)
class _Attempts:
    """One entry per attempt to buy a new product."""

    account: Ints
    at: Ints
    successful: Bools
    deal: Ints


def _deal_purchases(deals: Deals, for_products: Bools, won: Bools) -> _Attempts:
    """The attempts by deals for products: at closing if won, else at creation."""
    index = np.flatnonzero(for_products)
    times = deals.stage_times
    at = np.where(won[index], times.closed[index], times.created[index])
    return _Attempts(deals.account[index], at, won[index], index)


def _purchases(
    population: Population,
    health: AccountHealth,
    ranking: Ints,
    by_deal: _Attempts,
    history: History,
    rng: np.random.Generator,
) -> _Purchases:
    """Purchases at the start of each account, without a deal, and by deals: the n-th is the n-th of the ranking."""
    accounts, first = np.unique(health.intervals.account, return_index=True)
    n_first = 1 + rng.poisson(np.where(population.subscribes[accounts], 1.3, 2.2))
    start_account, start_at = np.repeat(accounts, n_first), np.repeat(health.intervals.started[first], n_first)
    own_account, own_at = _without_deal(health, health.purchase_hazard, history, rng)
    n_own = len(start_account) + len(own_account)
    account = np.concatenate([start_account, own_account, by_deal.account])
    at = np.concatenate([start_at, own_at, by_deal.at])
    successful = np.concatenate([np.ones(n_own, dtype=bool), by_deal.successful])
    deal = np.concatenate([np.full(n_own, -1), by_deal.deal])
    order = np.lexsort((deal, at, account))
    account, at, successful, deal = account[order], at[order], successful[order], deal[order]
    rank = _running(successful, account)
    product = ranking[account, np.minimum(rank, ranking.shape[1] - 1)]
    on_sale = (at >= _sale_times(history, sold_from)[product]) & (at < _sale_times(history, sold_until)[product])
    delivered = successful & on_sale & (rank < ranking.shape[1])
    adopted_at = np.full((population.count, len(PRODUCT_IDS)), NEVER, dtype=np.int64)
    np.minimum.at(adopted_at, (account[delivered], product[delivered]), at[delivered])
    return _Purchases(product, deal, delivered, adopted_at)


def _upgrades(
    population: Population,
    health: AccountHealth,
    deals: Deals,
    won: Bools,
    history: History,
    rng: np.random.Generator,
) -> _Upgrades:
    """Tier upgrades without a deal and by the deals for upgrades that were ``won``."""
    log_odds = (
        UPGRADE_BASE
        + 0.35 * health.health
        + 1.0 * np.clip(health.usage_trend, -0.6, 0.6)
        + 2.0 * (health.seat_utilization[:, None] - 0.62)
    )
    hazard = np.where(population.subscribes[:, None], sigmoid(log_odds + 0.5 * population.appetite[:, None]), 0)
    own_account, own_at = _without_deal(health, hazard, history, rng)
    index = np.flatnonzero(won)
    account = np.concatenate([own_account, deals.account[index]])
    deal = np.concatenate([np.full(len(own_at), -1), index])
    at = np.concatenate([own_at, deals.stage_times.closed[index]])
    order = np.lexsort((at, account))
    return _Upgrades(account[order], at[order], deal[order])


def _rankings(population: Population, rng: np.random.Generator) -> Ints:
    """Account × rank: indices of products."""
    score = AFFINITY * population.affinity + rng.gumbel(size=population.affinity.shape)
    score[:, :PLATFORM] = -np.inf
    score[:, PRODUCT_IDS.index("FAX-KIT")] = -np.inf
    score[np.ix_(~population.subscribes, RECURRING)] = -np.inf
    # a lower tier comes before a higher one: the scores of a ladder are assigned in order
    for ladder in LADDERS:
        columns = list(ladder)
        score[:, columns] = -np.sort(-score[:, columns], axis=1)
    # every account reorders something: its best product among those often reordered comes first
    often = np.flatnonzero(REORDER_WEIGHTS >= 1)
    best = often[np.argmax(score[:, often], axis=1)]
    score[np.arange(population.count), best] = np.inf
    wanted = int((score > -np.inf).sum(axis=1).min())
    return np.argsort(-score, axis=1, kind="stable")[:, :wanted]


def _without_deal(
    health: AccountHealth, hazard: Floats, history: History, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Account and instant of events drawn with a monthly hazard (account × month), while the account is a customer."""
    account, month = np.nonzero(rng.random(hazard.shape) < np.where(health.active, hazard, 0))
    at = history.random_instants(month, rng)
    valid = (at < history.until) & (health.intervals.churn_times(account, at) > at)
    return account[valid], at[valid]


def _running(counted: Bools, group: Ints) -> Ints:
    """How many entries of the same group were counted before each entry. Groups are contiguous."""
    total: Ints = np.cumsum(counted) - counted
    starts = np.concatenate([[True], group[1:] != group[:-1]]) if len(group) else np.zeros(0, dtype=bool)
    base = np.maximum.accumulate(np.where(starts, total, 0)) if len(group) else total
    return np.asarray(total - base, dtype=np.int64)


def _before(account: Ints, at: Ints, of: Ints, until: Ints) -> Ints:
    """How many of the events (sorted by account and instant) each account had before an instant."""
    joint = np.lexsort((np.concatenate([at, until]), np.concatenate([account, of])))
    is_event = joint < len(account)
    groups = np.concatenate([account, of])[joint]
    running = _running(is_event, groups)
    result = np.zeros(len(of), dtype=np.int64)
    result[joint[~is_event] - len(account)] = running[~is_event]
    return result


def _sale_times(history: History, days: Callable[[date, date], Sequence[date | None]]) -> Ints:
    """The instant of the day that ``days`` gives for each product, ``NEVER`` where it gives none."""
    dates = days(history.days[0], history.days[-1])
    return np.array(
        [NEVER if d is None else history.start + (d - history.days[0]).days * DAY for d in dates], dtype=np.int64
    )
