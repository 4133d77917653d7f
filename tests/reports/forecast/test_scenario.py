"""A scenario changes the components that it names, by arithmetic, and nothing else."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data.outputs.score_tables import REVENUE_COMPONENTS
from models.revenue.assembly import RevenueForecast
from reports.forecast.scenario import Changes, scenario
from tests.features.company_builder import build_company
from tests.reports.forecast.forecasts import forecast_of

AS_OF = date(2024, 6, 5)


@pytest.fixture(scope="module")
def forecast() -> RevenueForecast:
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
    return forecast_of(company, churn_rate=0.05, expansion_rate=0.02, expansion_uplift=0.5)


def changed(forecast: RevenueForecast, **changes: float) -> pd.DataFrame:
    rows = scenario(forecast.line_items, forecast.drivers, Changes(**changes), AS_OF).set_index("month")
    assert (rows["changed"] - rows["point"]).to_numpy() == pytest.approx(
        rows[list(REVENUE_COMPONENTS)].sum(axis=1).to_numpy(), abs=0.02
    )
    return rows


def test_nothing_changed_changes_nothing(forecast: RevenueForecast) -> None:
    rows = changed(forecast)
    assert (rows["changed"] == rows["point"]).all()
    total = forecast.forecast[(forecast.forecast["node"] == "total") & (forecast.forecast["grain"] == "month")]
    assert rows["point"].to_numpy() == pytest.approx(total["point"].to_numpy())


def test_higher_churn_reduces_recurring_revenue_by_the_higher_hazard(forecast: RevenueForecast) -> None:
    rows = changed(forecast, churn=10)
    contracts = forecast.line_items[forecast.line_items["kind"] == "contract"].set_index(["key", "month"])
    may = contracts.xs(pd.Timestamp("2025-05-01"), level="month")
    expected = (may["potential"] * (may["recurring"] / may["potential"]) ** 1.1 - may["recurring"]).sum()
    assert rows.loc["2025-05-01", "recurring"] == pytest.approx(expected, abs=0.01)
    assert expected < -5
    grown = (may["expansion"] * ((may["recurring"] / may["potential"]) ** 0.1 - 1)).sum()
    assert rows.loc["2025-05-01", "expansion"] == pytest.approx(grown, abs=0.01)
    assert grown < -0.1
    assert (rows[["open_deals", "new_deals", "repeat_orders"]] == 0).to_numpy().all()
    assert (changed(forecast, churn=-100)["recurring"] >= 0).all()  # then nobody leaves


def test_a_higher_win_rate_raises_open_and_new_deals_and_no_deal_is_more_than_certain(
    forecast: RevenueForecast,
) -> None:
    rows, certain = changed(forecast, win=10), changed(forecast, win=900)
    deal = forecast.line_items[forecast.line_items["kind"] == "deal"].set_index("month")
    assert rows["open_deals"].to_numpy() == pytest.approx(0.1 * deal["open_deals"].to_numpy(), abs=0.01)
    assert certain["open_deals"].to_numpy() == pytest.approx(
        (deal["potential"] - deal["open_deals"]).to_numpy(), abs=0.01
    )
    assert (rows["new_deals"] > 0).all()
    assert (rows[["recurring", "expansion", "repeat_orders"]] == 0).to_numpy().all()


def test_a_price_change_reaches_a_contract_at_its_term_end(forecast: RevenueForecast) -> None:
    rows = changed(forecast, price=10)
    contracts = forecast.line_items[forecast.line_items["kind"] == "contract"].set_index(["key", "month"])["recurring"]
    assert rows.loc["2024-06-01", "recurring"] == 0
    for month, renewed in (("2024-07-01", ["S"]), ("2024-08-01", ["S", "U"]), ("2024-09-01", ["S", "U"]),
                           ("2024-10-01", ["S", "T", "U"])):  # fmt: skip
        brings = contracts.xs(pd.Timestamp(month), level="month")[renewed].sum()
        assert rows.loc[month, "recurring"] == pytest.approx(0.1 * brings, abs=0.01)
    expansion = forecast.line_items.groupby("month")["expansion"].sum()
    assert rows["expansion"].to_numpy() == pytest.approx(0.1 * expansion.to_numpy(), abs=0.01)
    assert (expansion > 0).all()
    assert (rows[["open_deals", "new_deals", "repeat_orders"]] > 0).to_numpy().all()


def test_hiring_brings_nothing_before_one_sales_cycle(forecast: RevenueForecast) -> None:
    rows = changed(forecast, hiring=20)
    assert rows["new_deals"].iloc[:2].tolist() == [0, 0]  # a cycle is 60 days
    grown = np.diff(rows["new_deals"].iloc[1:6])
    assert (grown > -1e-9).all()
    assert rows["new_deals"].iloc[-1] > 0
    assert (rows[["recurring", "expansion", "open_deals", "repeat_orders"]] == 0).to_numpy().all()


def test_a_change_below_minus_100_percent_is_refused() -> None:
    with pytest.raises(ValueError, match="churn -120 %: a change lies between -100 and 1000 %"):
        Changes(churn=-120)
