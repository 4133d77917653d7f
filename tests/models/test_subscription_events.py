"""The chance that a contract ends with its term, from the curve of the coming months."""

from datetime import date

import numpy as np
import pytest

from models.subscription_events import Kind, SubscriptionEvents, by_period, due_periods
from tests.features.company_builder import build_company

CURVE = np.array([[0.01, 0.02, 0.30, 0.31, 0.32, 0.33]])


def test_the_month_of_the_term_counts_whole_since_what_ends_in_it_ends_with_the_term() -> None:
    days = np.array([0.0, 29.0, 30.0, 60.0, 89.0, 90.0, 179.0])
    periods = due_periods(days)
    assert periods.tolist() == [1, 1, 2, 3, 3, 4, 6]
    curve = np.repeat(CURVE, len(days), axis=0)
    assert by_period(curve, periods).tolist() == [0.01, 0.01, 0.02, 0.30, 0.30, 0.31, 0.33]


def test_a_term_beyond_the_curve_or_none_has_no_chance() -> None:
    periods = due_periods(np.array([np.nan, 180.0, 400.0, -3.0]))
    assert np.isnan(periods).all()
    assert np.isnan(by_period(np.repeat(CURVE, 4, axis=0), periods)).all()
    assert by_period(np.zeros((0, 6)), np.zeros(0)).size == 0


@pytest.mark.parametrize(("kind", "comes_to"), [("ends", {"left"}), ("expands", {"grown"})])
def test_the_event_comes_to_those_that_leave_or_grow_and_not_to_those_that_are_renewed(
    kind: Kind, comes_to: set[str]
) -> None:
    held = []
    for name, mrr in (("left", None), ("renewed", 100.0), ("grown", 150.0)):
        own = {"account_id": name, "subscription_id": name, "product_id": "P", "mrr": 100.0, "started_at": "2023-01-10"}
        held.append({**own, "ended_at": "2024-03-10"})
        if mrr:
            held.append({**own, "subscription_id": f"{name} on", "mrr": mrr, "started_at": "2024-03-10"})
    names = ("left", "renewed", "grown")
    company = build_company(date(2024, 9, 1), accounts=[{"account_id": name} for name in names], subscriptions=held)
    lives = SubscriptionEvents(kind)._lives(company)
    assert set(lives.loc[lives["event"], "subscription_id"]) == comes_to
    assert set(lives["subscription_id"]) >= set(names)
