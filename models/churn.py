"""Which accounts will churn within 30, 90 and 180 days, by the company's ``ChurnDefinition``."""

import pandas as pd

from features.accounts.lifecycle import (
    MIN_INACTIVITY_DAYS,
    account_status,
    current_inactivity_days,
    fix_inactivity_days,
)
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.feature import Feature
from features.frames import to_frame, to_sorted_frame
from features.labels.churn import churn_events
from features.labels.time_to_event import observe_durations
from features.spine import account_spine
from models.survival.baseline_hazards import Bands
from models.survival.hazard_entry import HazardEntry, RiskSet
from models.survival.hazard_spec import HazardSpec
from models.training.rows import account_rows, episode_dates, training_spine

DAYS_LEFT = Feature("days_left", "churn", "days until it counts as churned unless it renews or orders", "days")
"""To the end of a subscriber's term; of an account that only orders, until it counts as inactive."""

CHURN_SPEC = HazardSpec(
    model="churn",
    keys=("account_id",),
    outcome="left",
    features=(*ACCOUNT_FEATURES, DAYS_LEFT),
    categories=ACCOUNT_CATEGORIES,
    bands=Bands("days_since_order", (30, 60, 90, 180), "Days since the last order"),
    raises="raises the risk of leaving",
    lowers="lowers the risk of leaving",
    terminal=True,
    due=DAYS_LEFT.name,
)

NOT_AT_RISK = "no active subscription and no recent order: it has left already"


def churn_episodes(company: Company) -> pd.DataFrame:
    """One row per active account and past date: features, ``periods`` observed, ``event``: it churned."""
    company, dates = fix_inactivity_days(company), episode_dates(company)
    spine = training_spine(company, dates)
    status = account_status(company, spine, MIN_INACTIVITY_DAYS)
    active = status.filter(status.active)
    durations = observe_durations(
        active.select("account_id", "as_of", "as_of_at"),
        churn_events(company, spine),
        ("account_id",),
        company.as_of_at,
    )
    labels = durations.join(active.select("account_id", "as_of", "relation"), ["account_id", "as_of"])
    rows = account_rows(company, dates).merge(to_sorted_frame(labels, "account_id"), on=["account_id", "as_of"])
    return _with_days_left(rows, current_inactivity_days(company))


def churn_risk_set(company: Company) -> RiskSet:
    """The active accounts as of the company's date; the others have churned already."""
    company = fix_inactivity_days(company)
    spine = account_spine(company, (company.as_of,))
    status = to_frame(account_status(company, spine, MIN_INACTIVITY_DAYS))
    rows = account_rows(company, (company.as_of,)).merge(status[["account_id", "relation", "active"]])
    active = rows["active"].astype(bool)
    churned = pd.DataFrame({"account_id": rows.loc[~active, "account_id"], "abstained": NOT_AT_RISK})
    return RiskSet(_with_days_left(rows[active], current_inactivity_days(company)), churned)


def _with_days_left(rows: pd.DataFrame, inactivity_days: int) -> pd.DataFrame:
    """Rows of features and ``relation`` with ``days_left``."""
    until_inactive = (inactivity_days - rows["days_since_order"]).where(rows["relation"] == "orders")
    return rows.assign(days_left=rows["days_to_term_end"].fillna(until_inactive)).drop(columns="relation")


CHURN = HazardEntry(
    spec=CHURN_SPEC,
    question="Who will leave within 30, 90 and 180 days?",
    needs=(("accounts",), ("orders", "subscriptions")),
    rows="accounts",
    episodes=churn_episodes,
    risk_set=churn_risk_set,
)
"""The probability that an account churns, on a curve over the coming half year."""
