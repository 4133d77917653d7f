"""A scenario moves the parts that it names, by what arithmetic says, and nothing else."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.outputs.score_tables import NUMBER_PARTS
from models.revenue.assembly import Number
from reports.forecast.scenario import Changes, scenario
from tests.features.company_builder import build_company
from tests.reports.forecast.forecasts import number_of

AS_OF = date(2024, 6, 5)


@pytest.fixture(scope="module")
def told() -> Number:
    """Contracts without a term, with one that ends in September and with one that ends as August begins, one open
    deal, and orders; contracts grow."""
    company = build_company(
        AS_OF,
        accounts=[{"account_id": "a"}],
        orders=[{"order_id": "o", "line_id": "1", "account_id": "a", "product_id": "q", "amount": 1_200.0,
                 "ordered_at": "2024-01-08", "status": "placed"}],
        subscriptions=[
            {"subscription_id": "S", "account_id": "a", "mrr": 100.0, "started_at": "2024-01-01"},
            {"subscription_id": "T", "account_id": "a", "mrr": 100.0, "started_at": "2024-01-01",
             "term_ends_at": "2024-09-15"},
            {"subscription_id": "U", "account_id": "a", "mrr": 100.0, "started_at": "2024-01-01",
             "term_ends_at": "2024-08-01"},
        ],
        opportunities=[{"opportunity_id": "D", "account_id": "a", "kind": "new", "created_at": "2024-05-01"}],
        opportunity_changes=[{"opportunity_id": "D", "changed_at": "2024-05-01", "field": name, "new_value": value}
                             for name, value in (("stage", "early"), ("amount", "10000"))],
    )  # fmt: skip
    return number_of(company, ends=0.05, grows=0.02, uplift=0.5)


def parts(told: Number, **changes: float) -> pd.DataFrame:
    rows = scenario(told.atoms, told.grounds, Changes(**changes), AS_OF).set_index("month")
    assert (rows["changed"] - rows["point"]).to_numpy() == pytest.approx(
        rows[list(NUMBER_PARTS)].sum(axis=1).to_numpy(), abs=0.02
    )
    return rows


def test_nothing_changed_changes_nothing(told: Number) -> None:
    rows = parts(told)
    assert (rows["changed"] == rows["point"]).all()
    total = told.forecast[(told.forecast["node"] == "total") & (told.forecast["grain"] == "month")]
    assert rows["point"].to_numpy() == pytest.approx(total["point"].to_numpy())


def test_more_churn_takes_from_recurring_what_higher_hazards_take(told: Number) -> None:
    rows = parts(told, churn=10)
    held = told.atoms[told.atoms["kind"] == "contract"].set_index(["key", "month"])
    may = held.xs(pd.Timestamp("2025-05-01"), level="month")
    expected = (may["full"] * (may["recurring"] / may["full"]) ** 1.1 - may["recurring"]).sum()
    assert rows.loc["2025-05-01", "recurring"] == pytest.approx(expected, abs=0.01)
    assert expected < -5
    grown = (may["expansion"] * ((may["recurring"] / may["full"]) ** 0.1 - 1)).sum()
    assert rows.loc["2025-05-01", "expansion"] == pytest.approx(grown, abs=0.01)
    assert grown < -0.1
    assert (rows[["open_deals", "new_deals", "repeat_orders"]] == 0).to_numpy().all()
    assert (parts(told, churn=-100)["recurring"] >= 0).all()  # then nobody leaves


def test_a_better_win_rate_helps_open_deals_and_those_to_come_and_nothing_is_won_more_than_surely(told: Number) -> None:
    rows, most = parts(told, win=10), parts(told, win=900)
    deal = told.atoms[told.atoms["kind"] == "deal"].set_index("month")
    assert rows["open_deals"].to_numpy() == pytest.approx(0.1 * deal["open_deals"].to_numpy(), abs=0.01)
    assert most["open_deals"].to_numpy() == pytest.approx((deal["full"] - deal["open_deals"]).to_numpy(), abs=0.01)
    assert (rows["new_deals"] > 0).all()
    assert (rows[["recurring", "expansion", "repeat_orders"]] == 0).to_numpy().all()


def test_a_price_reaches_a_contract_when_its_term_is_over(told: Number) -> None:
    rows = parts(told, price=10)
    held = told.atoms[told.atoms["kind"] == "contract"].set_index(["key", "month"])["recurring"]
    assert rows.loc["2024-06-01", "recurring"] == 0
    for month, renewed in (("2024-07-01", ["S"]), ("2024-08-01", ["S", "U"]), ("2024-09-01", ["S", "U"]),
                           ("2024-10-01", ["S", "T", "U"])):  # fmt: skip
        brings = held.xs(pd.Timestamp(month), level="month")[renewed].sum()
        assert rows.loc[month, "recurring"] == pytest.approx(0.1 * brings, abs=0.01)
    more = told.atoms.groupby("month")["expansion"].sum()
    assert rows["expansion"].to_numpy() == pytest.approx(0.1 * more.to_numpy(), abs=0.01)
    assert (more > 0).all()
    assert (rows[["open_deals", "new_deals", "repeat_orders"]] > 0).to_numpy().all()


def test_new_people_bring_nothing_before_a_sales_cycle_has_passed(told: Number) -> None:
    rows = parts(told, hiring=20)
    assert rows["new_deals"].iloc[:2].tolist() == [0, 0]  # a cycle is 60 days
    grown = np.diff(rows["new_deals"].iloc[1:6])
    assert (grown > -1e-9).all()
    assert rows["new_deals"].iloc[-1] > 0
    assert (rows[["recurring", "expansion", "open_deals", "repeat_orders"]] == 0).to_numpy().all()


def test_a_change_of_more_than_all_is_refused() -> None:
    with pytest.raises(ValueError, match="churn -120 %: a change lies between -100 and 1000 %"):
        Changes(churn=-120)
