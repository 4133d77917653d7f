"""Hazards of the demo company: log odds of churn in a month, and the probability of buying something new.

Both depend on the state at the end of the month before. ``docs/demo.md`` states the formulas.
"""

from dataclasses import dataclass

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.deal_stages import sigmoid
from data.demo.population import Population

MONTHLY_BASE = -4.6
HEALTH, USAGE_TREND, TICKETS, SATISFACTION, INACTIVITY = -0.40, -2.60, 0.24, -0.50, 0.18
FIRST_HALF_YEAR, AUTO_RENEW = 0.45, -0.45
"""Log odds of churn added during the first half year and under automatic renewal."""
SEGMENT_RISK = (0.20, 0.0, -0.60)
TERM_MONTHS, MID_TERM_SHARE = 6.0, 0.04
"""Months of hazard that fall on the end of a yearly term, and share of the hazard in other months."""
RETURN_PROBABILITY = 0.012
"""Probability per month that a churned account returns."""
TYPICAL_SATISFACTION = 3.7
PURCHASE_BASE, PURCHASE_HEALTH, PURCHASE_TREND = -3.75, 0.50, 1.40


@dataclass(frozen=True)
class ChurnDrivers:
    """What the churn hazard of a month depends on: one value per account."""

    health: Floats
    usage_trend: Floats
    """Log of mean use in the last two months over the four before."""
    tickets: Floats
    """Tickets of the last three months."""
    satisfaction: Floats
    inactive_months: Floats
    """Months without an order."""
    tenure_months: Ints
    auto_renew: Bools
    mailed: Bools
    """In a campaign of the month before."""
    called: Bools
    """Called before the renewal."""


def churn_log_odds(population: Population, drivers: ChurnDrivers) -> Floats:
    """The log odds of churn within the month, one per account, as if its contract could end at any time."""
    return np.asarray(
        MONTHLY_BASE
        + HEALTH * drivers.health
        + USAGE_TREND * np.where(population.subscribes, drivers.usage_trend, 0)
        + TICKETS * np.minimum(drivers.tickets, 6)
        + SATISFACTION * (drivers.satisfaction - TYPICAL_SATISFACTION)
        + INACTIVITY * np.minimum(drivers.inactive_months, 4)
        + FIRST_HALF_YEAR * (drivers.tenure_months < 6)
        + AUTO_RENEW * (drivers.auto_renew & population.subscribes)
        + np.array(SEGMENT_RISK)[population.segment]
        + population.frailty
        + population.mail_harm * drivers.mailed
        + population.call_effect * drivers.called
    )


def contract_hazard(monthly: Floats, annual: Bools, due: Bools) -> Floats:
    """The churn probability of the month with the contract's terms: one per account.

    ``monthly`` is the probability without terms. A yearly contract mostly ends in the month in which it is ``due``.
    """
    at_term = 1 - (1 - monthly) ** TERM_MONTHS
    return np.where(annual, np.where(due, at_term, MID_TERM_SHARE * monthly), monthly)


def purchase_hazard(
    population: Population, drivers: ChurnDrivers, health: Floats, seat_utilization: Floats, demand: float
) -> Floats:
    """The probability per account of buying something new within the month without a deal.

    ``health`` is that of the month itself, ``demand`` its level of season and trend.
    """
    odds = (
        PURCHASE_BASE
        + PURCHASE_HEALTH * health
        + PURCHASE_TREND * np.clip(drivers.usage_trend, -0.6, 0.6)
        + 1.2 * (seat_utilization - 0.62)
        + population.appetite
        + population.mail_effect * drivers.mailed
        + np.log(demand)
    )
    return sigmoid(odds)
