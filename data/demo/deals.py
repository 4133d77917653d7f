"""The deals: new business that makes an account a customer, expansions, and renewals of yearly contracts."""

from dataclasses import dataclass

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.deal_stages import STAGES, Journeys, cut_short, travel
from data.demo.population import Population

ATTEMPTS = 4
"""Deals of new business that are tried with one account at most."""
KINDS, SOURCES = ("new", "expansion", "renewal"), ("inbound", "outbound", "partner", "event", "referral")
SOURCE_HELPS = (0.20, -0.40, 0.15, -0.10, 0.60)
EXPANSION_RATE = 0.11
"""Deals a month of an average customer."""


@dataclass(frozen=True)
class Deals:
    """One entry per deal."""

    account: Ints
    kind: Ints
    source: Ints
    journeys: Journeys
    amount: Floats
    """When it was created."""
    product: Ints
    """Index of the product, -1 where none is named."""


def new_business_deals(world: Population, span: History, seed: int) -> tuple[Deals, Ints]:
    """The deals with accounts that are no customers yet, and when each account became one (``NEVER``: not yet).

    Accounts that only order often begin by simply ordering.
    """
    rng = np.random.default_rng([seed, 2])
    joined = np.where(world.already, span.start, NEVER)
    simply = ~world.already & ~world.subscribes & (rng.random(world.count) < 0.5)
    joined[simply] = world.created[simply] + rng.exponential(25 * DAY, int(simply.sum())).astype(np.int64)
    next_at = world.created + rng.exponential(10 * DAY, world.count).astype(np.int64)
    trying = ~world.already & ~simply
    parts: list[tuple[Ints, Ints, Journeys]] = []
    for attempt in range(ATTEMPTS):
        who = np.flatnonzero(trying & (next_at < span.until))
        source = rng.choice(len(SOURCES), len(who), p=(0.30, 0.34, 0.14, 0.14, 0.08))
        care = rng.normal(0, 1, len(who))
        quality = _quality(world, who, source, rng) + 0.15 * attempt
        journeys = travel(next_at[who], quality, care, rng)
        parts.append((who, source, journeys))
        won = who[journeys.won]
        joined[won] = journeys.closed[journeys.won]
        trying[won] = False
        lost = who[~journeys.won]
        next_at[lost] = journeys.closed[~journeys.won] + rng.exponential(120 * DAY, len(lost)).astype(np.int64)
    account = np.concatenate([who for who, _, _ in parts])
    amount = _size(world, account, rng) * np.where(world.subscribes[account], 12.0, 1.0)
    deals = Deals(
        account,
        np.zeros(len(account), dtype=np.int64),
        np.concatenate([source for _, source, _ in parts]),
        _joined([journeys for _, _, journeys in parts]),
        amount,
        np.full(len(account), -1, dtype=np.int64),
    )
    return deals, np.where(joined >= span.until, NEVER, joined)


def expansion_deals(world: Population, health: AccountHealth, span: History, seed: int) -> Deals:
    """Deals for more with customers: more often, and better, where use grows. Their product is settled later.

    A deal that is open when its account leaves is lost on that day.
    """
    rng = np.random.default_rng([seed, 4])
    rate = EXPANSION_RATE * np.exp(
        0.35 * health.health + 0.8 * np.clip(health.growth, -1, 1) + 0.6 * world.appetite[:, None]
    )
    account, month = np.nonzero(rng.random(rate.shape) < np.where(health.active, rate, 0))
    created = span.within(month, rng)
    left = health.churn_times(account, created)
    keep = (created < span.until) & (created < left)
    left = left[keep]
    account, month, created = account[keep], month[keep], created[keep]
    source = rng.choice(len(SOURCES), len(account), p=(0.35, 0.45, 0.06, 0.06, 0.08))
    quality = _quality(world, account, source, rng) + 0.20 + 0.25 * health.health[account, month]
    journeys = cut_short(travel(created, quality, rng.normal(0, 1, len(account)), rng), left)
    return Deals(
        account,
        np.ones(len(account), dtype=np.int64),
        source,
        journeys,
        _size(world, account, rng) * 4,
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
    journeys = Journeys(created, entered, closed, renewed, quality, rng.normal(0, 1, count), np.full(count, np.nan))
    return Deals(account, np.full(count, 2), np.zeros(count, dtype=np.int64), journeys, mrr * 12, product)


def merge_deals(parts: list[Deals], until: int) -> Deals:
    """All deals that were created before an instant as one, in order of creation."""
    journeys = _joined([part.journeys for part in parts])
    order = np.argsort(journeys.created, kind="stable")
    order = order[journeys.created[order] < until]
    journeys = Journeys(**{name: getattr(journeys, name)[order] for name in Journeys.__dataclass_fields__})
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in ("account", "kind", "source", "amount", "product")
    }
    return Deals(journeys=journeys, **columns)


def _quality(world: Population, who: Ints, source: Ints, rng: np.random.Generator) -> Floats:
    owner = world.skill[world.owner[who]]
    return np.array(SOURCE_HELPS)[source] + owner + 0.2 * world.appetite[who] + rng.normal(0, 0.3, len(who))


def _size(world: Population, who: Ints, rng: np.random.Generator) -> Floats:
    """Money a month that an account of its size is worth."""
    return np.round(np.exp(1.6 + 0.78 * np.log(world.employees[who]) + rng.normal(0, 0.35, len(who))) * 10, 0)


def _joined(parts: list[Journeys]) -> Journeys:
    return Journeys(
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in Journeys.__dataclass_fields__}
    )
