"""What passes between people: support tickets, and what owners do with accounts and deals."""

import numpy as np
import pandas as pd

from data.arrays import Ints
from data.demo.account_health import AccountHealth
from data.demo.calendar import DAY, NEVER, History
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.deals import Deals
from data.demo.population import Population

PRIORITIES, PRIORITY_SHARES = ("low", "normal", "high", "urgent"), (0.25, 0.5, 0.2, 0.05)
RATED_SHARE = 0.7
"""Share of closed tickets whose satisfaction is recorded, from 1 to 5."""
KINDS = ("call", "meeting", "email", "note")
CARE_PER_MONTH = 0.45


def tickets_table(population: Population, health: AccountHealth, history: History, seed: int) -> pd.DataFrame:
    """One row per support ticket, as the contract has it."""
    rng = np.random.default_rng([seed, 11])
    account, month = np.nonzero(health.tickets)
    times = health.tickets[account, month]
    account, month = np.repeat(account, times), np.repeat(month, times)
    opened = history.random_instants(month, rng)
    order = np.argsort(opened, kind="stable")
    keep = order[opened[order] < history.until]
    account, month, opened = account[keep], month[keep], opened[keep]
    count = len(account)
    mood = health.satisfaction[account, month]
    closed = opened + (np.exp(rng.normal(0.3 - 0.25 * (mood - 3.7), 0.9, count)) * DAY).astype(np.int64) + 600
    closed = np.where(closed < history.until, closed, NEVER)
    rated = (rng.random(count) < RATED_SHARE) & (closed < NEVER)
    satisfaction = np.where(rated, np.clip(np.round(mood + rng.normal(0, 0.7, count)), 1, 5), np.nan)
    contact = _someone(population, account, rng)
    late = population.contact_created[contact] > opened
    return pd.DataFrame(
        {
            "ticket_id": id_column("T", np.arange(count)),
            "account_id": id_column("A", account, 6),
            "contact_id": id_column("C", contact, 6, missing=late),
            "priority": category_column(PRIORITIES, rng.choice(len(PRIORITIES), count, p=PRIORITY_SHARES)),
            "opened_at": timestamp_column(opened),
            "closed_at": timestamp_column(closed),
            "satisfaction": satisfaction,
            "escalated": rng.random(count) < 0.03 + 0.05 * (mood < 3.2),
        }
    )


def activities_table(
    population: Population, health: AccountHealth, deals: Deals, history: History, seed: int
) -> pd.DataFrame:
    """One row per call, meeting, e-mail or note of an owner: routine, around deals, and calls before renewals."""
    rng = np.random.default_rng([seed, 12])
    times = rng.poisson(np.where(health.active, CARE_PER_MONTH, 0))
    account, month = np.nonzero(times)
    repeats = times[account, month]
    routine_account, routine_at = np.repeat(account, repeats), history.random_instants(np.repeat(month, repeats), rng)
    j = deals.stage_times
    open_days = (np.minimum(j.closed, history.until) - j.created) / DAY
    often = rng.poisson(np.clip(open_days, 0, 200) / 11 * np.exp(0.55 * j.care))
    deal = np.repeat(np.arange(len(often)), often)
    deal_at = j.created[deal] + (rng.random(len(deal)) * open_days[deal] * DAY).astype(np.int64)
    called, called_at = health.renewal_calls
    account = np.concatenate([routine_account, deals.account[deal], called])
    at = np.concatenate([routine_at, deal_at, called_at])
    kind = np.concatenate(
        [
            rng.choice(len(KINDS), len(routine_at), p=(0.25, 0.1, 0.4, 0.25)),
            rng.choice(len(KINDS), len(deal), p=(0.35, 0.25, 0.35, 0.05)),
            np.zeros(len(called), dtype=np.int64),
        ]
    )
    keep = np.flatnonzero((at >= history.start) & (at < history.until) & (at >= population.created[account]))
    order = keep[np.argsort(at[keep], kind="stable")]
    account, at, kind = account[order], at[order], kind[order]
    contact = _someone(population, account, rng)
    return pd.DataFrame(
        {
            "activity_id": id_column("V", np.arange(len(account))),
            "account_id": id_column("A", account, 6),
            "contact_id": id_column("C", contact, 6, missing=(population.contact_created[contact] > at) | (kind == 3)),
            "owner_id": id_column("O", population.owner[account], 4),
            "kind": category_column(KINDS, kind),
            "happened_at": timestamp_column(at),
        }
    )


def _someone(population: Population, account: Ints, rng: np.random.Generator) -> Ints:
    """A contact of each account, at random."""
    first = np.searchsorted(population.contact_account, np.arange(population.count + 1))
    return np.asarray(rng.integers(first[account], first[account + 1]), dtype=np.int64)
