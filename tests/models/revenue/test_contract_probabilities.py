"""Probabilities that the income of a contract ends or grows, its successors included."""

import numpy as np
import pandas as pd
import pytest

from models.revenue.base_rates import BaseRates
from models.revenue.contract_probabilities import (
    constant_rate_curve,
    contract_probabilities,
    cumulative_event_probability_with_succession,
)

SCORED = [30.0, 90.0, 180.0]


def test_a_constant_rate_goes_on_after_the_last_knot() -> None:
    within = constant_rate_curve(0.1, 1).within_all(np.array([0.0, 15.0, 30.0, 90.0, 180.0, 720.0]))[0]
    assert within.tolist() == pytest.approx([0.0, 1 - 0.9**0.5, 0.1, 1 - 0.9**3, 1 - 0.9**6, 1 - 0.9**24])


def test_income_ends_through_successors_when_the_contract_itself_cannot_end_any_more() -> None:
    """Contracts of a month, each replaced by the next but for 5 %: half of the income is gone in a year, though nothing
    happens to a contract after its month."""
    own, days = np.full((2, 3), 0.05), np.array([*SCORED, 365.0])
    probabilities = cumulative_event_probability_with_succession(own, 0.05, 0.95, 1.0, np.array([29.0, np.nan]))
    assert probabilities == pytest.approx(np.tile(1 - 0.95 ** (days / 30), (2, 1)), abs=0.04)


def test_without_replacement_the_scores_stand_and_the_companys_rate_follows() -> None:
    own = np.array([[0.01, 0.03, 0.06]])
    for term in (np.nan, 20.0, 300.0):
        probabilities = cumulative_event_probability_with_succession(own, 0.02, 0.0, 0.0, np.array([term]))[0]
        assert probabilities[:3] == pytest.approx(own[0])
        assert probabilities[3] == pytest.approx(1 - 0.94 * 0.98 ** (185 / 30))
    replaced = cumulative_event_probability_with_succession(own, 0.02, 0.0, 1.0, np.array([20.0]))[0]
    assert replaced[:3] == pytest.approx(1 - (1 - own[0]) * 0.98 ** (np.array([10, 70, 160]) / 30))


def test_scores_are_used_where_there_are_some_and_growth_is_of_contracts_that_stay() -> None:
    now = pd.Timestamp(2024, 7, 1)
    names = ["due", "past its term", "unscored"]
    terms = pd.to_datetime(["2024-07-21", "2024-03-01", None])
    contracts = pd.DataFrame({"subscription_id": names, "term": terms})

    def scores(probability: float) -> pd.DataFrame:
        columns = dict.fromkeys(("within_30", "value", "within_180"), probability)
        return pd.DataFrame({"subscription_id": names[:2], **columns})

    frames = {"subscription_churn": scores(0.2), "expansion": scores(0.4)}
    rates = BaseRates(0.02, 0.03, 0.1, {"": 0.2}, 60.0, 1_000.0, {}, {}, replacement_rate=0.0, replacement_share=1.0)
    churn, expansion = (curve.at_knots for curve in contract_probabilities(contracts, now, frames, rates))
    months = np.array([10, 70, 160]) / 30  # past the term, under another contract
    assert churn[0, :3] == pytest.approx(1 - 0.8 * 0.98**months)
    assert expansion[0, :3] == pytest.approx(1 - (1 - 0.4 / 0.8) * 0.97**months)
    assert churn[1, :3] == pytest.approx([0.2] * 3)
    assert expansion[1, :3] == pytest.approx([0.5] * 3)
    assert churn[2] == pytest.approx(constant_rate_curve(0.02, 1).at_knots[0])
    assert expansion[2] == pytest.approx(constant_rate_curve(0.03, 1).at_knots[0])
