"""The month-by-month simulation of account health, churn and return.

The order of the random draws is part of the format: a changed order changes every table of the demo company.
"""

from dataclasses import dataclass, field

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.account_health import AccountHealth, CustomerIntervals
from data.demo.calendar import DAY, NEVER, History
from data.demo.deal_stages import sigmoid
from data.demo.health_formulas import (
    RETURN_PROBABILITY,
    TYPICAL_SATISFACTION,
    ChurnDrivers,
    churn_log_odds,
    contract_hazard,
    purchase_hazard,
)
from data.demo.population import Population

LAST_TERM_OFFSET = 27 * DAY
"""Terms end in the first four weeks of a month, so that every month has the instant."""
CALL_DAYS_BEFORE = 12
SERIES = (
    "health",
    "usage_ratio",
    "satisfaction",
    "churn_hazard",
    "free_churn_hazard",
    "purchase_hazard",
    "usage_trend",
)


def simulate_health(population: Population, joined: Ints, mailed: Bools, history: History, seed: int) -> AccountHealth:
    """The course of all accounts over the history, with one value per account and month.

    ``joined`` is the instant at which each account first becomes a customer (``NEVER``: not yet); ``mailed`` is
    account × month.
    """
    rng = np.random.default_rng([seed, 3])
    traits = _draw_traits(population, rng)
    simulation = _Simulation(population, history, rng, traits, _initial_state(population, joined, history, rng), mailed)
    for month in range(len(history.months)):
        simulation.run_month(month)
    return simulation.result()


@dataclass(frozen=True)
class _Traits:
    """What stays the same for an account: one value per account."""

    annual: Bools
    auto_renew: Bools
    seat_utilization: Floats
    order_rate: Floats
    ticket_rate: Floats


@dataclass
class _State:
    """What changes from month to month: one value per account."""

    joined: Ints
    joined_month: Ints
    health: Floats
    decline_months: Ints
    """Months that an episode of falling health still lasts."""
    term_month: Ints
    """Calendar month of yearly terms, counted from the first month of the history."""
    term_offset: Ints
    since: Ints
    """Month in which the present interval began."""
    active: Bools
    interval: Ints
    """Index of the present or last interval; -1 before the first."""
    months_gone: Ints
    inactive_months: Floats
    satisfaction: Floats
    recent_tickets: Floats
    """3 × account."""
    recent_usage: Floats
    """6 × account."""


def _draw_traits(population: Population, rng: np.random.Generator) -> _Traits:
    n = population.count
    annual = population.subscribes & (rng.random(n) < np.array([0.3, 0.5, 0.8])[population.segment])
    auto_renew = rng.random(n) < 0.6
    seat_utilization = rng.beta(5, 3, n)
    order_rate = np.where(population.subscribes, 0.75, 1.9) * rng.gamma(2.5, 1 / 2.5, n) + np.where(
        population.subscribes, 0, 0.25
    )
    return _Traits(annual, auto_renew, seat_utilization, order_rate, rng.gamma(2.0, 0.22, n))


def _initial_state(population: Population, joined: Ints, history: History, rng: np.random.Generator) -> _State:
    n, months = population.count, len(history.months)
    health = rng.normal(0, 0.95, n)
    joined_month = np.where(joined == NEVER, months + 1, history.month_of(np.minimum(joined, history.until)))
    existing = population.existing
    month_start = history.month_starts[np.clip(joined_month, 0, months - 1)]
    return _State(
        joined=joined,
        joined_month=joined_month,
        health=health,
        decline_months=np.zeros(n, dtype=np.int64),
        term_month=np.where(existing, rng.integers(0, 12, n), joined_month % 12),
        term_offset=np.where(
            existing, rng.integers(0, 27, n) * DAY, np.clip(joined - month_start, 0, LAST_TERM_OFFSET)
        ),
        since=np.where(existing, -rng.integers(6, 30, n), joined_month),
        active=np.zeros(n, dtype=bool),
        interval=np.full(n, -1, dtype=np.int64),
        months_gone=np.zeros(n, dtype=np.int64),
        inactive_months=np.zeros(n),
        satisfaction=np.full(n, TYPICAL_SATISFACTION),
        recent_tickets=np.zeros((3, n)),
        recent_usage=np.ones((6, n)),
    )


@dataclass
class _Intervals:
    """The customer intervals begun so far."""

    account: list[Ints] = field(default_factory=list)
    first_due: list[Ints] = field(default_factory=list)
    term_offset: list[Ints] = field(default_factory=list)
    started: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ended: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def begin(self, account: Ints, started: Ints, first_due: Ints, term_offset: Ints) -> Ints:
        """The indices of the new intervals."""
        index = len(self.ended) + np.arange(len(account))
        self.account.append(account)
        self.first_due.append(first_due)
        self.term_offset.append(term_offset)
        self.started = np.concatenate([self.started, started])
        self.ended = np.concatenate([self.ended, np.full(len(account), NEVER, dtype=np.int64)])
        return index

    def result(self, until: int) -> CustomerIntervals:
        """All intervals; one that ends at ``until`` or later still lasts."""
        return CustomerIntervals(
            account=np.concatenate(self.account),
            started=self.started,
            ended=np.where(self.ended < until, self.ended, NEVER),
            first_due=np.concatenate(self.first_due),
            term_offset=np.concatenate(self.term_offset),
        )


class _Simulation:
    """The state of all accounts, and the months recorded so far."""

    def __init__(
        self,
        population: Population,
        history: History,
        rng: np.random.Generator,
        traits: _Traits,
        state: _State,
        mailed: Bools,
    ) -> None:
        self.population, self.history, self.rng = population, history, rng
        self.traits, self.state, self.mailed = traits, state, mailed
        shape = (population.count, len(history.months))
        self.series = {name: np.zeros(shape) for name in SERIES}
        self.orders, self.tickets = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        self.active, self.called = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self.intervals = _Intervals()
        self.calls: list[tuple[Ints, Ints]] = []

    def run_month(self, month: int) -> None:
        """Simulate one month: churn, then arrivals and returns, then health and what follows from it."""
        due = self.traits.annual & (self.state.term_month == month % 12) & (month - self.state.since >= 6)
        drivers = self._drivers(month, due)
        self._churn(month, due, drivers)
        self._start_intervals(month, drivers.mailed)
        self._live(month, drivers)

    def _drivers(self, month: int, due: Bools) -> ChurnDrivers:
        """The drivers of the churn hazard, with half of the accounts that are due called by lot."""
        state, n = self.state, self.population.count
        usage = state.recent_usage
        return ChurnDrivers(
            health=state.health,
            usage_trend=np.log(usage[-2:].mean(axis=0) / usage[:-2].mean(axis=0)),
            tickets=state.recent_tickets.sum(axis=0),
            satisfaction=state.satisfaction,
            inactive_months=state.inactive_months,
            tenure_months=month - state.since,
            auto_renew=self.traits.auto_renew,
            mailed=self.mailed[:, month - 1] if month else np.zeros(n, dtype=bool),
            called=state.active & due & (self.rng.random(n) < 0.5),
        )

    def _churn(self, month: int, due: Bools, drivers: ChurnDrivers) -> None:
        """Draw the accounts that churn, and end their intervals: at the term's end where one is due."""
        state, rng = self.state, self.rng
        free = sigmoid(churn_log_odds(self.population, drivers))
        hazard = contract_hazard(free, self.traits.annual, due)
        self.series["churn_hazard"][:, month] = np.where(state.active, hazard, np.nan)
        self.series["free_churn_hazard"][:, month] = free
        churned = np.flatnonzero(state.active & (rng.random(self.population.count) < hazard))
        term_end = self.history.month_starts[month] + state.term_offset[churned]
        at = np.where(due[churned], term_end, self._instants(month, len(churned)))
        interval = state.interval[churned]
        self.intervals.ended[interval] = np.maximum(at, self.intervals.started[interval] + DAY)
        state.active[churned], state.months_gone[churned] = False, 0

    def _start_intervals(self, month: int, mailed: Bools) -> None:
        """Begin the intervals of accounts that become customers, and of churned accounts that return."""
        state, population, rng = self.state, self.population, self.rng
        arriving = (state.joined_month == month) | ((month == 0) & population.existing)
        returning = (
            ~state.active
            & ~arriving
            & (state.months_gone >= 2)
            & (state.joined_month < month)
            & (rng.random(population.count) < RETURN_PROBABILITY * np.exp(population.mail_effect * mailed))
        )
        account = np.flatnonzero(arriving | returning)
        again = returning[account]
        first = np.where(population.existing[account] & arriving[account], self.history.start, state.joined[account])
        at = np.where(again, self._instants(month, len(account)), first)
        returned = account[again]
        state.since[returned], state.term_month[returned] = month, month % 12
        state.term_offset[returned] = np.minimum(at[again] - self.history.month_starts[month], LAST_TERM_OFFSET)
        term_month = state.term_month[account]
        first_due = np.where((state.since[account] < 0) & (term_month > month), term_month, month + 12)
        state.interval[account] = self.intervals.begin(account, at, first_due, state.term_offset[account])
        state.health[returned] = rng.normal(0.4, 0.8, len(returned))
        state.active[account], state.inactive_months[account] = True, 0
        state.satisfaction[account] = TYPICAL_SATISFACTION
        state.months_gone += ~state.active

    def _live(self, month: int, drivers: ChurnDrivers) -> None:
        """Draw health, usage, tickets, satisfaction and orders of the month, and record them."""
        state, traits, rng, n = self.state, self.traits, self.rng, self.population.count
        decline = state.decline_months
        state.decline_months = np.where(decline > 0, decline - 1, np.where(rng.random(n) < 0.02, 4, 0))
        state.health = 0.90 * state.health + rng.normal(0, 0.40, n) - 0.40 * (state.decline_months > 0)
        usage = np.exp(0.45 * state.health + rng.normal(0, 0.08, n))
        onboarding = np.where((month - state.since) < 3, 1.6, 1.0)
        tickets = rng.poisson(traits.ticket_rate * np.exp(-0.45 * state.health) * onboarding) * state.active
        satisfaction = np.clip(TYPICAL_SATISFACTION + 0.55 * state.health + rng.normal(0, 0.4, n), 1, 5)
        demand = self.history.demand[month]
        orders = rng.poisson(traits.order_rate * demand * np.exp(0.40 * state.health)) * state.active
        self.series["health"][:, month], self.series["usage_ratio"][:, month] = state.health, usage
        self.series["satisfaction"][:, month], self.series["usage_trend"][:, month] = satisfaction, drivers.usage_trend
        self.series["purchase_hazard"][:, month] = purchase_hazard(
            self.population, drivers, state.health, traits.seat_utilization, demand
        )
        self.orders[:, month], self.tickets[:, month] = orders, tickets
        self.active[:, month], self.called[:, month] = state.active, drivers.called
        called = np.flatnonzero(drivers.called)
        self.calls.append((called, np.full(len(called), self.history.month_starts[month] - CALL_DAYS_BEFORE * DAY)))
        state.recent_usage = np.vstack([state.recent_usage[1:], usage])
        state.recent_tickets = np.vstack([state.recent_tickets[1:], tickets])
        state.satisfaction = np.where(tickets > 0, 0.5 * state.satisfaction + 0.5 * satisfaction, state.satisfaction)
        state.inactive_months = np.where(orders > 0, 0, state.inactive_months + state.active)

    def _instants(self, month: int, count: int) -> Ints:
        return self.history.random_instants(np.full(count, month), self.rng)

    def result(self) -> AccountHealth:
        """Everything recorded."""
        traits = self.traits
        return AccountHealth(
            active=self.active,
            orders=self.orders,
            tickets=self.tickets,
            mailed=self.mailed,
            called=self.called,
            annual=traits.annual,
            auto_renew=traits.auto_renew,
            seat_utilization=traits.seat_utilization,
            order_rate=traits.order_rate,
            intervals=self.intervals.result(self.history.until),
            renewal_calls=(
                np.concatenate([account for account, _ in self.calls]),
                np.concatenate([at for _, at in self.calls]),
            ),
            **self.series,
        )
