"""What each account comes to use, and when: at the start, of its own accord, and through deals that are won.

Each account has its own order of products, drawn once from its affinities without replacement (Plackett and Luce's
model), in which tiers are climbed. The n-th thing it adopts is the n-th of that order.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.catalogue import LADDERS, PLATFORM, PRODUCT_IDS, RECURRING, REORDER_WEIGHTS, sold_from, sold_until
from data.demo.deal_stages import sigmoid
from data.demo.deals import Deals
from data.demo.population import Population

AFFINITY = 1.3
"""How sharply affinities decide the order of products; chance does the rest."""
UPGRADE_SHARE, UPGRADE_BASE = 0.35, -4.6
"""Expansion deals that are about a higher tier of the platform; log odds a month of an upgrade without a deal."""


@dataclass(frozen=True)
class Adoptions:
    """When each account adopted each product (``NEVER``: not yet), and when it moved up a tier of the platform."""

    adopted_at: Ints
    """Account × product."""
    first_tier: Ints
    upgrade_account: Ints
    upgrade_at: Ints
    ranking: Ints


def simulate_adoption(
    population: Population, health: AccountHealth, deals: Deals, history: History, seed: int
) -> tuple[Adoptions, Deals]:
    """The adoptions, and the expansion deals with the product that each is about.

    A deal about what could not be sold (withdrawn, or the highest tier was reached meanwhile) is lost.
    """
    rng = np.random.default_rng([seed, 7])
    ranking = _rankings(population, rng)
    first_tier = np.minimum(rng.binomial(2, np.array([0.12, 0.35, 0.6])[population.segment]), 2)
    j = deals.stage_times
    upgrade = population.subscribes[deals.account] & (rng.random(len(deals.account)) < UPGRADE_SHARE)
    happens = j.won & (j.closed < history.until) & (health.intervals.churn_times(deals.account, j.closed) > j.closed)

    first = np.unique(health.intervals.account, return_index=True)
    k0 = 1 + rng.poisson(np.where(population.subscribes[first[0]], 1.3, 2.2))
    start_account, start_at = np.repeat(first[0], k0), np.repeat(health.intervals.started[first[1]], k0)
    own_account, own_at = _of_own_accord(health, health.purchase_hazard, history, rng)
    by_deal = np.flatnonzero(~upgrade)
    account = np.concatenate([start_account, own_account, deals.account[by_deal]])
    at = np.concatenate([start_at, own_at, np.where(happens[by_deal], j.closed[by_deal], j.created[by_deal])])
    counts = np.concatenate([np.ones(len(start_account) + len(own_account), dtype=bool), happens[by_deal]])
    deal = np.concatenate([np.full(len(start_account) + len(own_account), -1), by_deal])
    order = np.lexsort((deal, at, account))
    account, at, counts, deal = account[order], at[order], counts[order], deal[order]
    before = _running(counts, account)
    product = ranking[account, np.minimum(before, ranking.shape[1] - 1)]
    sold = (at >= _at(history, sold_from)[product]) & (at < _at(history, sold_until)[product])
    works = counts & sold & (before < ranking.shape[1])
    adopted = np.full((population.count, len(PRODUCT_IDS)), NEVER, dtype=np.int64)
    np.minimum.at(adopted, (account[works], product[works]), at[works])
    about = np.full(len(deals.account), -1, dtype=np.int64)
    about[deal[deal >= 0]] = product[deal >= 0]
    delivered = np.zeros(len(deals.account), dtype=bool)
    delivered[deal[deal >= 0]] = works[deal >= 0]

    odds = (
        UPGRADE_BASE
        + 0.35 * health.health
        + 1.0 * np.clip(health.usage_trend, -0.6, 0.6)
        + 2.0 * (health.seat_utilization[:, None] - 0.62)
    )
    hazard = np.where(population.subscribes[:, None], sigmoid(odds + 0.5 * population.appetite[:, None]), 0)
    up_account, up_at = _of_own_accord(health, hazard, history, rng)
    upgrades = np.flatnonzero(upgrade)
    won = upgrades[happens[upgrades]]
    up_account = np.concatenate([up_account, deals.account[won]])
    up_deal = np.concatenate([np.full(len(up_at), -1), won])
    up_at = np.concatenate([up_at, j.closed[won]])
    order = np.lexsort((up_at, up_account))
    up_account, up_at, up_deal = up_account[order], up_at[order], up_deal[order]
    keep = first_tier[up_account] + _running(np.ones(len(up_account), dtype=bool), up_account) < PLATFORM - 1
    up_account, up_at, up_deal = up_account[keep], up_at[keep], up_deal[keep]
    delivered[up_deal[up_deal >= 0]] = True
    tier = first_tier[deals.account[upgrades]] + _before(
        up_account, up_at, deals.account[upgrades], j.created[upgrades]
    )
    about[upgrades] = np.minimum(tier + 1, PLATFORM - 1)
    stage_times = replace(j, won=j.won & (delivered | (j.closed >= history.until)))
    return Adoptions(adopted, first_tier, up_account, up_at, ranking), replace(
        deals, product=about, stage_times=stage_times
    )


def _rankings(population: Population, rng: np.random.Generator) -> Ints:
    """Account × rank: indices of products."""
    score = AFFINITY * population.affinity + rng.gumbel(size=population.affinity.shape)
    score[:, :PLATFORM] = -np.inf
    score[:, PRODUCT_IDS.index("FAX-KIT")] = -np.inf
    score[np.ix_(~population.subscribes, RECURRING)] = -np.inf
    # a lower tier comes before a higher one: the scores of a ladder are dealt out in order
    for ladder in LADDERS:
        columns = list(ladder)
        score[:, columns] = -np.sort(-score[:, columns], axis=1)
    # everybody orders something: what is best of what is ordered again and again comes first
    often = np.flatnonzero(REORDER_WEIGHTS >= 1)
    best = often[np.argmax(score[:, often], axis=1)]
    score[np.arange(population.count), best] = np.inf
    wanted = int((score > -np.inf).sum(axis=1).min())
    return np.argsort(-score, axis=1, kind="stable")[:, :wanted]


def _of_own_accord(
    health: AccountHealth, hazard: Floats, history: History, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    account, month = np.nonzero(rng.random(hazard.shape) < np.where(health.active, hazard, 0))
    at = history.random_instants(month, rng)
    keep = (at < history.until) & (health.intervals.churn_times(account, at) > at)
    return account[keep], at[keep]


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


def _at(history: History, sold: object) -> Ints:
    days = sold(history.days[0], history.days[-1])  # type: ignore[operator]
    return np.array(
        [NEVER if d is None else history.start + (d - history.days[0]).days * DAY for d in days], dtype=np.int64
    )
