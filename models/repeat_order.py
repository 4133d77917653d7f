"""Which accounts will order again within 30, 90 and 180 days, and when the next order is expected."""

from datetime import timedelta

import numpy as np
import pandas as pd

from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.frames import to_sorted_frame
from features.labels.time_to_event import observe_durations
from features.products.purchases import order_events
from models.survival.baseline_hazards import Bands
from models.survival.hazard_entry import HazardEntry, RiskSet, Scored
from models.survival.hazard_spec import HazardSpec
from models.training.rows import account_rows, episode_dates, training_spine

NEVER_ORDERED = "it has never ordered"
NEXT_ORDER_QUANTILES = {"next_order": 0.5, "next_order_low": 0.1, "next_order_high": 0.9}

REPEAT_ORDER_SPEC = HazardSpec(
    model="repeat",
    keys=("account_id",),
    outcome="ordered again",
    features=ACCOUNT_FEATURES,
    categories=ACCOUNT_CATEGORIES,
    bands=Bands("days_since_order", (7, 14, 30, 60, 90, 180, 365), "Days since the last order"),
    raises="raises the chance to order soon",
    lowers="lowers the chance to order soon",
)


def repeat_order_episodes(company: Company) -> pd.DataFrame:
    """One row per account with an order and past date: features, ``periods`` observed, ``event``: it ordered again."""
    dates = episode_dates(company)
    durations = observe_durations(
        training_spine(company, dates), order_events(company), ("account_id",), company.as_of_at
    )
    labels = to_sorted_frame(durations, "account_id")
    rows = account_rows(company, dates).merge(labels, on=["account_id", "as_of"])
    return rows[rows["days_since_order"].notna()].reset_index(drop=True)


def repeat_order_risk_set(company: Company) -> RiskSet:
    """The accounts with an order as of the company's date; the others have never ordered."""
    rows = account_rows(company, (company.as_of,))
    ordered = rows["days_since_order"].notna()
    never = pd.DataFrame({"account_id": rows.loc[~ordered, "account_id"], "abstained": NEVER_ORDERED})
    return RiskSet(rows[ordered], never)


def next_order_dates(company: Company, scored: Scored) -> dict[str, list[object]]:
    """``next_order``, the day by which each account has ordered with a probability of one half, and the days between
    which 8 of 10 orders fall; missing beyond half a year."""
    return {
        name: [None if np.isnan(days) else company.as_of + timedelta(days=int(days)) for days in quantiles]
        for name, quantiles in (
            (name, scored.curve.quantile(probability)) for name, probability in NEXT_ORDER_QUANTILES.items()
        )
    }


REPEAT_ORDER = HazardEntry(
    spec=REPEAT_ORDER_SPEC,
    question="Who will order again, and when?",
    needs=(("accounts",), ("orders",)),
    rows="accounts",
    episodes=repeat_order_episodes,
    risk_set=repeat_order_risk_set,
    extra_columns=next_order_dates,
)
"""The probability that an account orders again, on a curve over the coming half year."""
