"""Ends and expansions of subscriptions: whose event it is, and its probability by the end of the term."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.subscription_events import DAYS_TO_TERM, Event, days_to_period_end, event_by_term, subscription_episodes
from models.survival.censoring import PERIOD_ENDS
from models.survival.curves import SurvivalCurve
from models.survival.hazard_entry import Scored
from tests.features.company_builder import build_company

INCIDENCE = [0.01, 0.02, 0.30, 0.31, 0.32, 0.33]


def scored(days_to_term: list[float]) -> Scored:
    rows = pd.DataFrame({DAYS_TO_TERM: np.array(days_to_term, dtype=np.float64)})
    incidence = np.repeat([INCIDENCE], len(rows), axis=0)
    return Scored(rows, SurvivalCurve.from_incidence(PERIOD_ENDS, incidence), pd.DataFrame(index=rows.index))


def test_the_period_of_the_term_counts_as_a_whole() -> None:
    columns = event_by_term(build_company(date(2024, 9, 1)), scored([0.0, 29.0, 30.0, 60.0, 89.0, 90.0, 179.0]))
    assert columns["term_days"].tolist() == [30, 30, 60, 90, 90, 120, 180]
    assert columns["by_term"].tolist() == [0.01, 0.01, 0.02, 0.30, 0.30, 0.31, 0.33]


def test_an_overdue_or_missing_term_or_one_beyond_the_curve_has_no_probability() -> None:
    days = [np.nan, 180.0, 400.0, -3.0]
    assert np.isnan(days_to_period_end(np.array(days))).all()
    assert np.isnan(event_by_term(build_company(date(2024, 9, 1)), scored(days))["by_term"]).all()
    assert event_by_term(build_company(date(2024, 9, 1)), scored([]))["by_term"].size == 0


@pytest.mark.parametrize(("event", "subscriptions"), [("ends", {"ended"}), ("expands", {"grown"})])
def test_subscriptions_that_end_or_grow_have_the_event_and_renewed_ones_do_not(
    event: Event, subscriptions: set[str]
) -> None:
    rows = []
    for name, next_mrr in (("ended", None), ("renewed", 100.0), ("grown", 150.0)):
        row = {"account_id": name, "subscription_id": name, "product_id": "P", "mrr": 100.0, "started_at": "2023-01-10"}
        rows.append({**row, "ended_at": "2024-03-10"})
        if next_mrr:
            rows.append({**row, "subscription_id": f"{name} next", "mrr": next_mrr, "started_at": "2024-03-10"})
    names = ("ended", "renewed", "grown")
    company = build_company(date(2024, 9, 1), accounts=[{"account_id": name} for name in names], subscriptions=rows)
    episodes = subscription_episodes(company, event)
    assert set(episodes.loc[episodes["event"], "subscription_id"]) == subscriptions
    assert set(episodes["subscription_id"]) >= set(names)
