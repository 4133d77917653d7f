"""The health of accounts: account × month arrays, and the intervals in which each account was a customer.

Health is hidden and wanders. Usage, orders, tickets, satisfaction and answers to mail follow it; the churn hazard
follows those, as they stood at the end of the month before (``data.demo.health_simulation``).
"""

from dataclasses import dataclass

import numpy as np

from data.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class CustomerIntervals:
    """One entry per interval in which an account was a customer. An account that returns has more than one."""

    account: Ints
    started: Ints
    ended: Ints
    """``NEVER`` while the interval lasts."""
    first_due: Ints
    """Index of the month in which the first yearly term ends."""
    term_offset: Ints
    """Seconds from the first instant of a month to the instant at which yearly terms end."""

    def churn_times(self, account: Ints, at: Ints) -> Ints:
        """The instant at which each account churns that is a customer ``at`` an instant; ``NEVER`` if it has not.

        For an account that is no customer then, the instant itself.
        """
        ends = at.copy()
        order = np.lexsort((self.started, self.account))
        sorted_account, started, ended = self.account[order], self.started[order], self.ended[order]
        first = np.searchsorted(sorted_account, account)
        for nth in range(int(np.bincount(sorted_account).max(initial=0))):
            index = np.minimum(first + nth, len(sorted_account) - 1)
            covers = (sorted_account[index] == account) & (started[index] <= at) & (at < ended[index])
            ends = np.where(covers, ended[index], ends)
        return ends


@dataclass(frozen=True)
class AccountHealth:
    """The simulated course of all accounts: arrays are account × month where not stated otherwise."""

    active: Bools
    health: Floats
    usage_ratio: Floats
    """Usage relative to the account's typical usage."""
    orders: Ints
    tickets: Ints
    satisfaction: Floats
    mailed: Bools
    called: Bools
    churn_hazard: Floats
    """Probability of churn within the month under the contract's terms; NaN for accounts that are no customers."""
    free_churn_hazard: Floats
    """Probability of churn within the month for an account without a contract term."""
    purchase_hazard: Floats
    """Probability of buying something new within the month without a deal."""
    usage_trend: Floats
    annual: Bools
    """Per account: yearly contract."""
    auto_renew: Bools
    """Per account."""
    seat_utilization: Floats
    """Per account: share of its seats in use at typical usage."""
    order_rate: Floats
    """Per account: orders per month at average health and demand."""
    intervals: CustomerIntervals
    renewal_calls: tuple[Ints, Ints]
    """Account and instant of the calls before a renewal."""
