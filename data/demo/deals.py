"""The deals: new business that makes an account a customer, expansions, and renewals of yearly contracts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.demo.columns import chosen, ids, instants
from data.demo.journey import STAGES, Journeys, travel
from data.demo.lives import Lives
from data.demo.rhythm import DAY, NEVER, Bools, Floats, Ints, Span
from data.demo.world import World

ATTEMPTS = 4
"""Deals of new business that are tried with one account at most."""
KINDS, SOURCES = ("new", "expansion", "renewal"), ("inbound", "outbound", "partner", "event", "referral")
SOURCE_HELPS = (0.15, -0.30, 0.10, -0.05, 0.45)
LOST_REASONS = ("price", "competitor", "no decision", "missing feature", "timing")
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


def new_business(world: World, span: Span, seed: int) -> tuple[Deals, Ints]:
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
        next_at[lost] = journeys.closed[~journeys.won] + rng.exponential(170 * DAY, len(lost)).astype(np.int64)
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


def expansions(world: World, lives: Lives, span: Span, seed: int) -> Deals:
    """Deals for more with customers: more often, and better, where use grows. Their product is settled later."""
    rng = np.random.default_rng([seed, 4])
    rate = EXPANSION_RATE * np.exp(
        0.35 * lives.health + 0.8 * np.clip(lives.growth, -1, 1) + 0.6 * world.appetite[:, None]
    )
    account, month = np.nonzero(rng.random(rate.shape) < np.where(lives.active, rate, 0))
    created = span.within(month, rng)
    keep = created < span.until
    account, month, created = account[keep], month[keep], created[keep]
    source = rng.choice(len(SOURCES), len(account), p=(0.35, 0.45, 0.06, 0.06, 0.08))
    quality = _quality(world, account, source, rng) + 0.20 + 0.25 * lives.health[account, month]
    journeys = travel(created, quality, rng.normal(0, 1, len(account)), rng)
    return Deals(
        account,
        np.ones(len(account), dtype=np.int64),
        source,
        journeys,
        _size(world, account, rng) * 4,
        -np.ones_like(account),
    )


def renewals(account: Ints, ends: Ints, renewed: Bools, mrr: Floats, product: Ints, seed: int) -> Deals:
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


def together(parts: list[Deals], until: int) -> Deals:
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


def _quality(world: World, who: Ints, source: Ints, rng: np.random.Generator) -> Floats:
    owner = world.skill[world.owner[who]]
    return np.array(SOURCE_HELPS)[source] + owner + 0.3 * world.appetite[who] + rng.normal(0, 0.35, len(who))


def _size(world: World, who: Ints, rng: np.random.Generator) -> Floats:
    """Money a month that an account of its size is worth."""
    return np.round(np.exp(1.6 + 0.78 * np.log(world.employees[who]) + rng.normal(0, 0.35, len(who))) * 10, 0)


def _joined(parts: list[Journeys]) -> Journeys:
    return Journeys(
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in Journeys.__dataclass_fields__}
    )


def deal_tables(
    world: World, deals: Deals, names: tuple[str, ...], span: Span, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """``opportunities`` in their last known state and ``opportunity_changes``, as they stand at ``span.until``."""
    rng = np.random.default_rng([seed, 6])
    j, count = deals.journeys, len(deals.account)
    over = j.closed < span.until
    number = np.arange(count)
    reached = np.where(j.entered < np.minimum(j.closed, span.until)[:, None], np.arange(len(STAGES)), -1).max(axis=1)
    first_stage = np.argmin(j.entered, axis=1)
    usual = np.where(deals.kind == 2, 80.0, 75.0)
    expected = j.created + (np.clip(usual + rng.normal(0, 18, count), 20, None) * DAY).astype(np.int64)
    changes: list[tuple[Ints, Ints, str, pd.Series, pd.Series]] = []
    none = pd.Series(pd.array([None] * count, dtype="str"))
    stages = (*STAGES, "closed_won", "closed_lost")
    last = first_stage
    for stage in range(len(STAGES)):
        at = j.entered[:, stage]
        now = (at < j.closed) & (at < span.until)
        old = none if stage == 0 else chosen(stages, last).mask(pd.Series(first_stage >= stage))
        changes.append((np.where(now, at, NEVER), number, "stage", old, chosen(stages, np.full(count, stage))))
        last = np.where(now, stage, last)
    ends = len(STAGES) + (~j.won)
    changes.append((np.where(over, j.closed, NEVER), number, "stage", chosen(stages, last), chosen(stages, ends)))
    # money: told at creation, revised with the proposal, and rewritten once all is over
    amount = np.round(deals.amount, 2)
    changes.append((j.created, number, "amount", none, _money(amount)))
    revised = np.round(amount * np.exp(rng.normal(0, 0.2, count)), 2)
    at = np.where((rng.random(count) < 0.5) & (j.entered[:, 2] > j.created), j.entered[:, 2] + DAY, NEVER)
    at = np.where((at < j.closed) & (at < span.until), at, NEVER)
    changes.append((at, number, "amount", _money(amount), _money(revised)))
    told = np.where(at < NEVER, revised, amount)
    final = np.round(
        np.where(j.won, told * rng.uniform(0.85, 1.0, count), np.where(rng.random(count) < 0.3, 0.0, told)), 2
    )
    changes.append((np.where(over, j.closed, NEVER), number, "amount", _money(told), _money(final)))
    amount = np.where(over, final, told)
    # the expected day: pushed out when it is near and the deal is not, and set to the day it closed
    changes.append((j.created, number, "expected_close_at", none, _stamps(expected)))
    for _ in range(3):
        at = expected - rng.integers(1, 10, count) * DAY
        late = (at < np.minimum(j.closed, span.until)) & (at > j.created) & (rng.random(count) < 0.9)
        pushed = expected + (rng.uniform(20, 50, count) * DAY).astype(np.int64)
        changes.append((np.where(late, at, NEVER), number, "expected_close_at", _stamps(expected), _stamps(pushed)))
        expected = np.where(late, pushed, expected)
    changes.append(
        (np.where(over, j.closed + 1, NEVER), number, "expected_close_at", _stamps(expected), _stamps(j.closed))
    )
    expected = np.where(over, j.closed, expected)
    reason = chosen(
        (*LOST_REASONS, None), np.where(over & ~j.won, rng.integers(0, len(LOST_REASONS), count), len(LOST_REASONS))
    )
    opportunities = pd.DataFrame(
        {
            "opportunity_id": ids("D", number),
            "account_id": ids("A", deals.account, 6),
            "owner_id": ids("O", world.owner[deals.account], 4),
            "product_id": chosen((*names, None), np.where(deals.product < 0, len(names), deals.product)),
            "kind": chosen(KINDS, deals.kind),
            "source": chosen((*SOURCES, "contract"), np.where(deals.kind == 2, len(SOURCES), deals.source)),
            "stage": chosen(stages, np.where(over, ends, reached)),
            "amount": amount,
            "created_at": instants(j.created),
            "expected_close_at": instants(expected),
            "closed_at": instants(np.where(over, j.closed, NEVER)),
            "outcome": chosen(("won", "lost", None), np.where(over, 1 - j.won, 2)),
            "lost_reason": reason,
        }
    )
    return opportunities, _changes(changes)


def _money(amount: Floats) -> pd.Series:
    return pd.Series(amount).map("{:.2f}".format).astype("str")


def _stamps(at: Ints) -> pd.Series:
    return pd.Series(at.astype("datetime64[s]")).dt.strftime("%Y-%m-%d %H:%M:%S").astype("str")


def _changes(parts: list[tuple[Ints, Ints, str, pd.Series, pd.Series]]) -> pd.DataFrame:
    frames = []
    for at, number, field, old, new in parts:
        keep = (at < NEVER) & ~(old == new).fillna(False).to_numpy(dtype=bool)
        frames.append(
            pd.DataFrame(
                {
                    "opportunity_id": ids("D", number[keep]),
                    "changed_at": instants(at[keep]),
                    "field": field,
                    "old_value": old[keep].to_numpy(),
                    "new_value": new[keep].to_numpy(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True).sort_values(
        ["opportunity_id", "changed_at", "field"], ignore_index=True
    )
