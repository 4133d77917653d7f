"""How each account fares, month by month: its health, what shows of it, and whether it leaves.

Health is hidden, wanders, and sometimes sinks for a few months. Use, orders, tickets, satisfaction and answers to mail
follow it; the hazard of leaving follows *those*, as they stood at the end of the month before. ``docs/demo.md`` states
the formula.
"""

from dataclasses import dataclass

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, NEVER, History
from data.demo.deal_stages import sigmoid
from data.demo.population import Population

MONTHLY_BASE = -4.6
HEALTH, USE_TREND, TICKETS, SATISFACTION, SILENCE = -0.40, -2.60, 0.24, -0.50, 0.18
YOUNG, AUTO_RENEW, AT_TERM = 0.45, -0.45, 6.0
"""Log odds of leaving for the first half year and for automatic renewal; months of hazard that fall on a term's end."""
SEGMENT_RISK = (0.20, 0.0, -0.60)
RETURNS = 0.012
"""Chance a month that an account that left comes back."""
BUYS_BASE, BUYS_HEALTH, BUYS_GROWTH = -3.75, 0.50, 1.40


@dataclass(frozen=True)
class AccountHealth:
    """Account × month, and the intervals in which an account was a customer."""

    active: Bools
    health: Floats
    usage_ratio: Floats
    """Use of the software against the account's usual."""
    orders: Ints
    tickets: Ints
    satisfaction: Floats
    mailed: Bools
    called: Bools
    churn_hazard: Floats
    """Of this month, the terms of the contract regarded; NaN for an account that is no customer."""
    free_churn_hazard: Floats
    """The hazard of leaving this month of an account that is free to."""
    purchase_hazard: Floats
    """Of buying something new without a deal."""
    growth: Floats
    annual: Bools
    auto_renew: Bools
    seat_utilization: Floats
    """Share of its seats that an account uses when all is usual."""
    order_rate: Floats
    account: Ints
    """Of each interval."""
    started: Ints
    ended: Ints
    """Of each interval; ``NEVER`` while it lasts."""
    first_due: Ints
    """Of each interval: the month in which its first yearly term ends."""
    term_offset: Ints
    """Of each interval: seconds from the first of a month to the instant at which its yearly terms end."""
    called_at: tuple[Ints, Ints]
    """Account and instant of the calls before a renewal."""

    def churn_times(self, account: Ints, at: Ints) -> Ints:
        """When each account leaves that is a customer at an instant (``NEVER``: not yet); the instant itself if not."""
        ends = at.copy()
        order = np.lexsort((self.started, self.account))
        owner, started, ended = self.account[order], self.started[order], self.ended[order]
        first = np.searchsorted(owner, account)
        for nth in range(int(np.bincount(owner).max(initial=0))):
            place = np.minimum(first + nth, len(owner) - 1)
            within = (owner[place] == account) & (started[place] <= at) & (at < ended[place])
            ends = np.where(within, ended[place], ends)
        return ends


def simulate_health(world: Population, joined: Ints, mailed: Bools, span: History, seed: int) -> AccountHealth:
    """The health of all accounts, given when each first became a customer (``NEVER``: not yet)."""
    rng = np.random.default_rng([seed, 3])
    n, months = world.count, len(span.months)
    annual = world.subscribes & (rng.random(n) < np.array([0.3, 0.5, 0.8])[world.segment])
    auto_renew = rng.random(n) < 0.6
    fullness = rng.beta(5, 3, n)
    order_rate = np.where(world.subscribes, 0.75, 1.9) * rng.gamma(2.5, 1 / 2.5, n) + np.where(
        world.subscribes, 0, 0.25
    )
    ticket_rate = rng.gamma(2.0, 0.22, n)
    health = rng.normal(0, 0.95, n)
    sinking = np.zeros(n, dtype=np.int64)
    joined_month = np.where(joined == NEVER, months + 1, span.month_of(np.minimum(joined, span.until)))
    term_month = np.where(world.already, rng.integers(0, 12, n), joined_month % 12)
    term_offset = np.where(world.already, rng.integers(0, 27, n) * DAY, _into_month(joined, joined_month, span))
    since = np.where(world.already, -rng.integers(6, 30, n), joined_month)
    active = np.zeros(n, dtype=bool)
    current, gone_for = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
    silence, mood = np.zeros(n), np.full(n, 3.7)
    recent_tickets = np.zeros((3, n))
    recent_use = np.ones((6, n))
    intervals: list[tuple[Ints, Ints, Ints, Ints]] = []
    ended: Ints = np.zeros(0, dtype=np.int64)
    calls: list[tuple[Ints, Ints]] = []
    out = {
        name: np.zeros((n, months)) for name in ("health", "use", "satisfaction", "churn", "pressure", "buys", "growth")
    }
    flags = {name: np.zeros((n, months), dtype=bool) for name in ("active", "called")}
    orders, tickets = np.zeros((n, months), dtype=np.int64), np.zeros((n, months), dtype=np.int64)

    for m in range(months):
        trend = np.log(recent_use[-2:].mean(axis=0) / recent_use[:-2].mean(axis=0))
        mail = mailed[:, m - 1] if m else np.zeros(n, dtype=bool)
        due = annual & (term_month == m % 12) & (m - since >= 6)
        called = active & due & (rng.random(n) < 0.5)
        odds = (
            MONTHLY_BASE
            + HEALTH * health
            + USE_TREND * np.where(world.subscribes, trend, 0)
            + TICKETS * np.minimum(recent_tickets.sum(axis=0), 6)
            + SATISFACTION * (mood - 3.7)
            + SILENCE * np.minimum(silence, 4)
            + YOUNG * ((m - since) < 6)
            + AUTO_RENEW * (auto_renew & world.subscribes)
            + np.array(SEGMENT_RISK)[world.segment]
            + world.frailty
            + world.mail_harm * mail
            + world.call_effect * called
        )
        month_hazard = sigmoid(odds)
        at_term = 1 - (1 - month_hazard) ** AT_TERM
        hazard = np.where(annual, np.where(due, at_term, 0.04 * month_hazard), month_hazard)
        leaves = active & (rng.random(n) < hazard)
        out["churn"][:, m], out["pressure"][:, m] = np.where(active, hazard, np.nan), month_hazard
        who = np.flatnonzero(leaves)
        at = np.where(due[who], span.month_starts[m] + term_offset[who], span.within(np.full(len(who), m), rng))
        at = np.maximum(at, np.concatenate([at for _, at, _, _ in intervals])[current[who]] + DAY) if m else at
        ended[current[who]] = at
        active[who], gone_for[who] = False, 0

        starts = (joined_month == m) | ((m == 0) & world.already)
        back = (
            ~active
            & ~starts
            & (gone_for >= 2)
            & (joined_month < m)
            & (rng.random(n) < RETURNS * np.exp(world.mail_effect * mail))
        )
        who = np.flatnonzero(starts | back)
        first = np.where(world.already[who] & starts[who], span.start, joined[who])
        at = np.where(back[who], span.within(np.full(len(who), m), rng), first)
        current[who] = len(ended) + np.arange(len(who))
        since[who[back[who]]], term_month[who[back[who]]] = m, m % 12
        term_offset[who[back[who]]] = np.minimum(at[back[who]] - span.month_starts[m], 27 * DAY)
        first_due = np.where((since[who] < 0) & (term_month[who] > m), term_month[who], m + 12)
        intervals.append((who, at, first_due, term_offset[who]))
        ended = np.concatenate([ended, np.full(len(who), NEVER, dtype=np.int64)])
        health[who[back[who]]] = rng.normal(0.4, 0.8, int(back.sum()))
        active[who], silence[who], mood[who] = True, 0, 3.7
        gone_for += ~active

        sinking = np.where(sinking > 0, sinking - 1, np.where(rng.random(n) < 0.02, 4, 0))
        health = 0.90 * health + rng.normal(0, 0.40, n) - 0.40 * (sinking > 0)
        use = np.exp(0.45 * health + rng.normal(0, 0.08, n))
        month_tickets = rng.poisson(ticket_rate * np.exp(-0.45 * health) * np.where((m - since) < 3, 1.6, 1.0)) * active
        month_mood = np.clip(3.7 + 0.55 * health + rng.normal(0, 0.4, n), 1, 5)
        bought = rng.poisson(order_rate * span.level[m] * np.exp(0.40 * health)) * active
        out["health"][:, m], out["use"][:, m], out["satisfaction"][:, m] = health, use, month_mood
        out["growth"][:, m] = trend
        orders[:, m], tickets[:, m] = bought, month_tickets
        flags["active"][:, m], flags["called"][:, m] = active, called
        out["buys"][:, m] = _purchase_hazard(world, health, trend, fullness, mail, span.level[m])
        calls.append((np.flatnonzero(called), np.full(int(called.sum()), span.month_starts[m] - 12 * DAY)))
        recent_use = np.vstack([recent_use[1:], use])
        recent_tickets = np.vstack([recent_tickets[1:], month_tickets])
        mood = np.where(month_tickets > 0, 0.5 * mood + 0.5 * month_mood, mood)
        silence = np.where(bought > 0, 0, silence + active)

    return AccountHealth(
        active=flags["active"],
        health=out["health"],
        usage_ratio=out["use"],
        orders=orders,
        tickets=tickets,
        satisfaction=out["satisfaction"],
        mailed=mailed,
        called=flags["called"],
        churn_hazard=out["churn"],
        free_churn_hazard=out["pressure"],
        purchase_hazard=out["buys"],
        growth=out["growth"],
        annual=annual,
        auto_renew=auto_renew,
        seat_utilization=fullness,
        order_rate=order_rate,
        account=np.concatenate([who for who, _, _, _ in intervals]),
        started=np.concatenate([at for _, at, _, _ in intervals]),
        ended=np.where(ended < span.until, ended, NEVER),
        first_due=np.concatenate([due for _, _, due, _ in intervals]),
        term_offset=np.concatenate([offset for _, _, _, offset in intervals]),
        called_at=(np.concatenate([who for who, _ in calls]), np.concatenate([at for _, at in calls])),
    )


def _into_month(at: Ints, month: Ints, span: History) -> Ints:
    starts = span.month_starts[np.clip(month, 0, len(span.months) - 1)]
    return np.asarray(np.clip(at - starts, 0, 27 * DAY), dtype=np.int64)


def _purchase_hazard(
    world: Population, health: Floats, growth: Floats, fullness: Floats, mailed: Bools, level: float
) -> Floats:
    odds = (
        BUYS_BASE
        + BUYS_HEALTH * health
        + BUYS_GROWTH * np.clip(growth, -0.6, 0.6)
        + 1.2 * (fullness - 0.62)
        + world.appetite
        + world.mail_effect * mailed
        + np.log(level)
    )
    return sigmoid(odds)
