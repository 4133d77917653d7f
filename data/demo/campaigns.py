"""Marketing campaigns: their targets, drawn by lot with a known propensity, and when people open mail.

Accounts and hours of sending are randomized, so that the effects of mail and of hours can be estimated without bias.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, History
from data.demo.catalogue import PLATFORM, PRODUCT_IDS
from data.demo.column_makers import category_column, id_column, timestamp_column
from data.demo.population import Population

PER_MONTH = 3
REACH = (0.42, 0.36, 0.30)
"""Mean probability that an account is in a campaign, by segment."""


@dataclass(frozen=True)
class Campaigns:
    """One entry per campaign."""

    month: Ints
    started: Ints
    product: Ints
    propensity: Floats
    """Campaign × segment: probability that an account is targeted."""
    targets: Bools
    """Campaign × account."""


def plan_campaigns(population: Population, history: History, seed: int) -> Campaigns:
    """The marketing campaigns of every month, with the accounts drawn into each."""
    rng = np.random.default_rng([seed, 13])
    month = np.repeat(np.arange(len(history.months)), PER_MONTH)
    started = history.month_starts[month] + rng.integers(1, 20, len(month)) * DAY
    month, started = month[started < history.until], started[started < history.until]
    product = rng.integers(PLATFORM, len(PRODUCT_IDS) - 1, len(month))
    propensity = np.array(REACH) * rng.uniform(0.6, 1.4, (len(month), 1))
    targets = rng.random((len(month), population.count)) < propensity[:, population.segment]
    targets &= population.created[None, :] < started[:, None]
    return Campaigns(month, started, product, propensity, targets)


def mailed_accounts(population: Population, campaigns: Campaigns, reachable: Bools, months: int) -> Bools:
    """Whether a campaign of the month reached the account, account × month.

    ``reachable`` says of each contact whether it can be sent marketing mail at all.
    """
    account_reachable = np.zeros(population.count, dtype=bool)
    account_reachable[population.contact_account[reachable]] = True
    mailed = np.zeros((population.count, months), dtype=bool)
    for nth, month in enumerate(campaigns.month):
        mailed[:, month] |= campaigns.targets[nth] & account_reachable
    return mailed


def hourly_log_odds(archetype: str) -> Floats:
    """Log odds that each local hour of the week adds to an open of mail sent then: 168 values, Monday 00:00 first."""
    hour, weekday = np.arange(168) % 24, np.arange(168) // 24
    peak_hour, width = {
        "office": (10, 2.5),
        "early": (7, 1.8),
        "evening": (20, 2.2),
        "weekend": (11, 3.0),
        "flat": (14, 20),
    }[archetype]
    peak = np.exp(-0.5 * ((hour - peak_hour) / width) ** 2)
    lunch = 0.45 * np.exp(-0.5 * ((hour - 13.5) / 0.9) ** 2) if archetype == "office" else 0.0
    preferred_day = (weekday < 5) if archetype != "weekend" else (weekday >= 5)
    day_weight = np.array([0.75, 1.0, 1.0, 0.9, 0.7, 0.95, 0.85])[weekday]
    if archetype == "flat":
        return np.zeros(168)
    return np.asarray(-0.9 + 2.1 * (peak + lunch) * day_weight * np.where(preferred_day, 1.0, 0.25))


def campaigns_table(campaigns: Campaigns, history: History, seed: int) -> pd.DataFrame:
    """One row per marketing campaign."""
    rng = np.random.default_rng([seed, 15])
    count = len(campaigns.month)
    return pd.DataFrame(
        {
            "campaign_id": id_column("K", np.arange(count), 4),
            "name": [
                f"{PRODUCT_IDS[p].title()} {history.months[m]:%b %Y}"
                for p, m in zip(campaigns.product, campaigns.month, strict=True)
            ],
            "channel": "email",
            "purpose": "marketing",
            "product_id": category_column(PRODUCT_IDS, campaigns.product),
            "cost": np.round(rng.uniform(200, 900, count), 2),
            "started_at": timestamp_column(campaigns.started),
            "ended_at": timestamp_column(campaigns.started + 14 * DAY),
        }
    )
