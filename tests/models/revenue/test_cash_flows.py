"""Expected revenue of contracts and deals by sub-period."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.revenue.cash_flows import contract_cash_flows, deal_cash_flows
from models.revenue.contract_probabilities import constant_rate_curve
from models.revenue.period_grid import PeriodGrid
from models.survival.curves import SurvivalCurve

GRID = PeriodGrid.from_date(date(2024, 7, 1))


def test_a_contract_that_stays_brings_its_mrr_and_one_that_may_churn_less() -> None:
    items = pd.DataFrame({"mrr": [100.0, 100.0]})
    curves = [constant_rate_curve(rate, 1).incidence for rate in (0.0, 0.1)]
    churn = SurvivalCurve(constant_rate_curve(0.0, 1).knots, np.vstack(curves), "constant_hazard").extended()
    flows = contract_cash_flows(items, churn, constant_rate_curve(0.0, 2), 0.2, GRID)
    months = GRID.sum_by_month(flows.recurring)
    assert months[0].tolist() == pytest.approx([100.0] * 12)
    assert months[1, 11] == pytest.approx(100 * 0.9**11.6, rel=0.01)
    assert not flows.expansion.any()


def test_expansion_is_the_uplift_of_contracts_that_stay_and_have_grown() -> None:
    flows = contract_cash_flows(
        pd.DataFrame({"mrr": [100.0]}), constant_rate_curve(0.1, 1), constant_rate_curve(0.2, 1), 0.5, GRID
    )
    expected = 100 * 0.9**6.5 * (1 - 0.8**6.5) * 0.5
    assert GRID.sum_by_month(flows.expansion)[0, 6] == pytest.approx(expected, rel=0.02)


def test_a_deal_brings_its_one_off_share_when_won_and_its_recurring_share_from_then_on() -> None:
    items = pd.DataFrame({"amount": [1_000.0], "one_off_yield": [0.4], "recurring_yield": [0.1]})
    certain = SurvivalCurve.from_incidence((15, 30, 90), np.ones((1, 3)))
    flows = deal_cash_flows(items, certain, GRID)
    months = GRID.sum_by_month(flows.open_deals)[0]
    assert months.sum() == pytest.approx(400 + 100 * 11.75, rel=0.01)  # won within fifteen days
    assert months[5] == pytest.approx(100.0)
    half = deal_cash_flows(items, SurvivalCurve.from_incidence((15, 30, 90), np.full((1, 3), 0.5)), GRID)
    assert half.open_deals.sum() == pytest.approx(flows.open_deals.sum() / 2)
    assert half.potential.sum() == pytest.approx(flows.open_deals.sum())
