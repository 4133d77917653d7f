"""Which active subscriptions will end, and which will expand: by the end of their term and within half a year."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES
from features.company import Company
from features.frames import to_frame, to_sorted_frame
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS, observe_durations
from features.subscriptions.succession import subscription_end_events
from features.subscriptions.table import (
    SUBSCRIPTION_CATEGORIES,
    SUBSCRIPTION_FEATURES,
    subscription_spine,
    subscription_table,
)
from features.subscriptions.term_dates import terms_are_overwritten
from models.survival.baseline_hazards import Bands
from models.survival.hazard_entry import HazardEntry, RiskSet, Scored
from models.survival.hazard_spec import HazardSpec
from models.training.rows import account_rows, episode_dates

Event = Literal["ends", "expands"]

DAYS_TO_TERM = "contract_days_to_term"


def event_spec(event: Event) -> HazardSpec:
    """The specification of one of the two models."""
    model, outcome, phrase = {
        "ends": ("subscription_churn", "ended", "the subscription ends"),
        "expands": ("expansion", "grew", "the subscription grows"),
    }[event]
    return HazardSpec(
        model=model,
        keys=("subscription_id",),
        outcome=outcome,
        features=(*SUBSCRIPTION_FEATURES, *ACCOUNT_FEATURES),
        categories=(*SUBSCRIPTION_CATEGORIES, *ACCOUNT_CATEGORIES),
        bands=Bands(DAYS_TO_TERM, (30, 90, 180), "Days until the term ends", counts_down=True),
        raises=f"raises the chance that {phrase}",
        lowers=f"lowers the chance that {phrase}",
        terminal=True,
        due=DAYS_TO_TERM,
    )


def subscription_episodes(company: Company, event: Event) -> pd.DataFrame:
    """One row per active subscription and past date: features, ``periods`` observed, ``event``: it ended or grew."""
    dates = episode_dates(company)
    ends = subscription_end_events(company)
    durations = observe_durations(
        subscription_spine(company, dates), ends.filter(ends[event]), ("subscription_id",), company.as_of_at
    )
    labels = to_sorted_frame(durations, "subscription_id")
    return subscription_rows(company, dates).merge(labels, on=["subscription_id", "as_of"])


def active_subscriptions(company: Company) -> RiskSet:
    """Every active subscription as of the company's date."""
    return RiskSet(subscription_rows(company, (company.as_of,)))


def subscription_rows(company: Company, dates: Sequence[date]) -> pd.DataFrame:
    """One row per active subscription and date: its features and its account's."""
    rows = to_frame(subscription_table(company, subscription_spine(company, dates)))
    return rows.merge(account_rows(company, dates), on=["account_id", "as_of"])


def event_by_term(company: Company, scored: Scored) -> dict[str, Floats]:
    """``by_term``, the probability that the event occurs by the end of the period in which the term ends, and
    ``term_days``, the days to that end; both missing where no term ends within half a year.

    The period counts as a whole: nearly all events in it fall on the day on which the term ends.
    """
    days = days_to_period_end(scored.at_risk[DAYS_TO_TERM].to_numpy(dtype=np.float64))
    return {"by_term": scored.curve.within_each(days).round(6), "term_days": days}


def days_to_period_end(days_to_due: Floats) -> Floats:
    """Days to the end of the period of 30 days in which each due date lies; NaN beyond the last period, or overdue."""
    with np.errstate(invalid="ignore"):
        in_range = (days_to_due >= 0) & (days_to_due < PERIOD_DAYS * N_PERIODS)
    return np.where(in_range, PERIOD_DAYS * (np.floor(days_to_due / PERIOD_DAYS) + 1), np.nan)


def term_note(company: Company) -> dict[str, str]:
    """Whether the ends of terms were used in training, for the training log."""
    overwritten = terms_are_overwritten(company)
    used = "not read: the source moves the term of a contract that goes on" if overwritten else "read"
    return {"ends of terms": used}


def _entry(event: Event, question: str) -> HazardEntry:
    return HazardEntry(
        spec=event_spec(event),
        question=question,
        needs=(("accounts",), ("subscriptions",)),
        rows="contracts",
        episodes=partial(subscription_episodes, event=event),
        risk_set=active_subscriptions,
        extra_columns=event_by_term,
        notes=term_note,
    )


SUBSCRIPTION_CHURN = _entry("ends", "Which subscriptions will end, and which be renewed?")
"""The probability that an active subscription ends and nothing replaces it, on a curve over the coming half year."""

EXPANSION = _entry("expands", "Which subscriptions will grow?")
"""The probability that an active subscription grows, on a curve over the coming half year."""
