"""The deals: new business that makes an account a customer, expansions, and renewals of yearly contracts."""

from dataclasses import dataclass

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.deal_stages import STAGES, StageTimes, lose_open_deals, simulate_stages
from data.demo.population import Population

MAX_ATTEMPTS = 4
"""Deals of new business that are tried with one account at most."""
KINDS, SOURCES = ("new", "expansion", "renewal"), ("inbound", "outbound", "partner", "event", "referral")
SOURCE_EFFECTS = (0.20, -0.40, 0.15, -0.10, 0.60)
EXPANSION_RATE = 0.11
"""Deals a month of an average customer."""


@dataclass(frozen=True)
class Deals:
    """One entry per deal."""

    account: Ints
    kind: Ints
    source: Ints
    stage_times: StageTimes
    amount: Floats
    """When it was created."""
    product: Ints
    """Index of the product, -1 where none is named."""


def new_business_deals(population: Population, history: History, seed: int) -> tuple[Deals, Ints]:
    """The deals with accounts that are no customers yet, and when each account became one (``NEVER``: not yet).

    Accounts that only order often begin by simply ordering.
    """
    rng = np.random.default_rng([seed, 2])
    joined = np.where(population.existing, history.start, NEVER)
    simply = ~population.existing & ~population.subscribes & (rng.random(population.count) < 0.5)
    joined[simply] = population.created[simply] + rng.exponential(25 * DAY, int(simply.sum())).astype(np.int64)
    next_at = population.created + rng.exponential(10 * DAY, population.count).astype(np.int64)
    trying = ~population.existing & ~simply
    parts: list[tuple[Ints, Ints, StageTimes]] = []
    for attempt in range(MAX_ATTEMPTS):
        who = np.flatnonzero(trying & (next_at < history.until))
        source = rng.choice(len(SOURCES), len(who), p=(0.30, 0.34, 0.14, 0.14, 0.08))
        care = rng.normal(0, 1, len(who))
        quality = _quality(population, who, source, rng) + 0.15 * attempt
        stage_times = simulate_stages(next_at[who], quality, care, rng)
        parts.append((who, source, stage_times))
        won = who[stage_times.won]
        joined[won] = stage_times.closed[stage_times.won]
        trying[won] = False
        lost = who[~stage_times.won]
        next_at[lost] = stage_times.closed[~stage_times.won] + rng.exponential(120 * DAY, len(lost)).astype(np.int64)
    account = np.concatenate([who for who, _, _ in parts])
    amount = _size(population, account, rng) * np.where(population.subscribes[account], 12.0, 1.0)
    deals = Deals(
        account,
        np.zeros(len(account), dtype=np.int64),
        np.concatenate([source for _, source, _ in parts]),
        _joined([stage_times for _, _, stage_times in parts]),
        amount,
        np.full(len(account), -1, dtype=np.int64),
    )
    return deals, np.where(joined >= history.until, NEVER, joined)


def expansion_deals(population: Population, health: AccountHealth, history: History, seed: int) -> Deals:
    """Deals for more with customers: more often, and better, where use grows. Their product is settled later.

    A deal that is open when its account leaves is lost on that day.
    """
    rng = np.random.default_rng([seed, 4])
    rate = EXPANSION_RATE * np.exp(
        0.35 * health.health + 0.8 * np.clip(health.usage_trend, -1, 1) + 0.6 * population.appetite[:, None]
    )
    account, month = np.nonzero(rng.random(rate.shape) < np.where(health.active, rate, 0))
    created = history.random_instants(month, rng)
    left = health.intervals.churn_times(account, created)
    keep = (created < history.until) & (created < left)
    left = left[keep]
    account, month, created = account[keep], month[keep], created[keep]
    source = rng.choice(len(SOURCES), len(account), p=(0.35, 0.45, 0.06, 0.06, 0.08))
    quality = _quality(population, account, source, rng) + 0.20 + 0.25 * health.health[account, month]
    stage_times = lose_open_deals(simulate_stages(created, quality, rng.normal(0, 1, len(account)), rng), left)
    return Deals(
        account,
        np.ones(len(account), dtype=np.int64),
        source,
        stage_times,
        _size(population, account, rng) * 4,
        -np.ones_like(account),
    )


def renewal_deals(account: Ints, ends: Ints, renewed: Bools, mrr: Floats, product: Ints, seed: int) -> Deals:
    """One deal for each end of a yearly term that is near or past: won where the contract went on."""
    rng = np.random.default_rng([seed, 5])
    count = len(ends)
    created = ends - (rng.normal(80, 8, count) * DAY).astype(np.int64)
    first, last = STAGES.index("proposal"), STAGES.index("negotiation")
    entered = np.full((count, len(STAGES)), NEVER, dtype=np.int64)
    entered[:, first] = created
    entered[:, last] = created + (rng.uniform(15, 45, count) * DAY).astype(np.int64)
    early = (rng.exponential(8, count).clip(0, 25) * DAY).astype(np.int64)
    closed = np.where(renewed, ends - early, ends)
    quality = np.where(renewed, 0.5, -0.5)
    stage_times = StageTimes(
        created, entered, closed, renewed, quality, rng.normal(0, 1, count), np.full(count, np.nan)
    )
    return Deals(account, np.full(count, 2), np.zeros(count, dtype=np.int64), stage_times, mrr * 12, product)


def merge_deals(parts: list[Deals], until: int) -> Deals:
    """All deals that were created before an instant as one, in order of creation."""
    stage_times = _joined([part.stage_times for part in parts])
    order = np.argsort(stage_times.created, kind="stable")
    order = order[stage_times.created[order] < until]
    stage_times = StageTimes(**{name: getattr(stage_times, name)[order] for name in StageTimes.__dataclass_fields__})
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("account", "kind", "source", "amount", "product")
    }
    return Deals(stage_times=stage_times, **columns)


def _quality(population: Population, who: Ints, source: Ints, rng: np.random.Generator) -> Floats:
    owner = population.skill[population.owner[who]]
    return np.array(SOURCE_EFFECTS)[source] + owner + 0.2 * population.appetite[who] + rng.normal(0, 0.3, len(who))


def _size(population: Population, who: Ints, rng: np.random.Generator) -> Floats:
    """Money a month that an account of its size is worth."""
    return np.round(np.exp(1.6 + 0.78 * np.log(population.employees[who]) + rng.normal(0, 0.35, len(who))) * 10, 0)


def _joined(parts: list[StageTimes]) -> StageTimes:
    return StageTimes(
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in StageTimes.__dataclass_fields__}
    )
