"""How right published forecasts were, of a company whose months are known by construction."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from reports.monitoring.forecast_accuracy import forecasts_to_keep, measure_accuracy
from tests.features.company_builder import build_company
from tests.reports.forecast.forecasts import forecast_of

NIGHT, AS_OF = date(2024, 4, 10), date(2024, 7, 1)
MONTHLY_ORDERS = {"2023": 1_000.0, "2024": 1_200.0}


def company(as_of: date, **more: Any) -> Company:
    """An order on the fifth of every month: 1,000 a month in 2023, 1,200 in 2024."""
    days = list(pd.date_range("2022-12-01", "2024-06-01", freq="MS") + pd.Timedelta(days=4))
    orders = [{"order_id": f"o{i}", "line_id": "1", "account_id": "a", "product_id": "q", "status": "placed",
               "amount": MONTHLY_ORDERS.get(str(day.year), 900.0), "ordered_at": f"{day:%Y-%m-%d} 09:00"}
              for i, day in enumerate(days) if day.date() < as_of]  # fmt: skip
    return build_company(as_of, accounts=[{"account_id": "a"}], orders=orders, **more)


def past_forecasts(points: dict[str, float], night: date = NIGHT, half: float = 150.0, **other: float) -> pd.DataFrame:
    rows = pd.DataFrame({"period": [date.fromisoformat(day) for day in points], "point": list(points.values())})
    bounds = {f"{side}_{width}": rows["point"] + sign * half * width / 80
              for width in (50, 80, 95) for side, sign in (("low", -1), ("high", 1))}  # fmt: skip
    rows = rows.assign(run_id="r", as_of=night, node="total", level="total", grain="month", naive=1_000.0, **bounds)
    return rows.assign(pipeline=other.get("pipeline", np.nan))


def figures(rows: pd.DataFrame, split: str, part: str) -> pd.Series:
    return rows[(rows["breakdown"] == split) & (rows["bucket"] == part)].iloc[0]


def test_forecasts_are_compared_with_actuals() -> None:
    forecasts = past_forecasts({"2024-04-01": 1_320.0, "2024-05-01": 1_080.0, "2024-06-01": 960.0}, pipeline=600.0)
    rows = measure_accuracy(company(AS_OF), forecasts)
    overall = figures(rows, "all", "all")
    assert overall["matched"] == 3
    assert overall["wape"] == pytest.approx((120 + 120 + 240) / 3_600)
    assert overall["bias"] == pytest.approx((120 - 120 - 240) / 3_600)
    assert overall["naive_wape"] == pytest.approx(600 / 3_600)
    assert overall["pipeline_wape"] == pytest.approx(0.5)
    assert overall["coverage_80"] == pytest.approx(2 / 3)
    assert overall["coverage_50"] == 0.0
    # what a month changed in a year, as known on 10 April: three months by 200, one by 100
    assert overall["mase"] == pytest.approx(160 / 175)
    assert overall["naive_mase"] == pytest.approx(200 / 175)


def test_errors_are_broken_down_by_horizon_week_of_quarter_and_night() -> None:
    later = NIGHT + timedelta(weeks=5)
    forecasts = pd.concat([past_forecasts({"2024-04-01": 1_200.0, "2024-05-01": 1_140.0}),
                      past_forecasts({"2024-05-01": 1_260.0, "2024-06-01": 1_320.0}, night=later)])  # fmt: skip
    rows = measure_accuracy(company(AS_OF), forecasts)
    assert figures(rows, "horizon", "00")["wape"] == pytest.approx(60 / 2_400)
    assert figures(rows, "horizon", "01")["wape"] == pytest.approx(180 / 2_400)
    assert figures(rows, "week of quarter", "02")["bias"] == pytest.approx(-60 / 2_400)
    assert figures(rows, "week of quarter", "07")["bias"] == pytest.approx(180 / 2_400)
    assert set(rows.loc[rows["breakdown"] == "night", "bucket"]) == {"2024-04-10", "2024-05-15"}


def test_a_period_that_is_not_over_is_left_out() -> None:
    assert measure_accuracy(company(date(2024, 4, 20)), past_forecasts({"2024-04-01": 1.0, "2024-05-01": 1.0})).empty


def test_a_pipeline_without_deals_is_running_mrr() -> None:
    contract = {"subscription_id": "S", "account_id": "a", "mrr": 50.0, "started_at": "2024-01-01"}
    for tables, month in (({"subscriptions": [contract]}, 50.0), ({}, 0.0)):
        then = company(NIGHT, **tables)
        revenue = forecast_of(then)
        kept = forecasts_to_keep(then, revenue.forecast)
        assert set(kept.query("grain == 'month'")["pipeline"]) == {month}


def test_the_ledger_keeps_simple_methods_of_the_same_night() -> None:
    deal = {"opportunity_id": "D", "account_id": "a", "kind": "new", "created_at": "2024-03-01"}
    closed = [deal | {"opportunity_id": f"C{i}", "created_at": "2023-05-01", "closed_at": "2023-06-01", "outcome": out}
              for i, out in enumerate(["won"] * 10 + ["lost"] * 10)]  # fmt: skip
    then = company(
        NIGHT,
        subscriptions=[{"subscription_id": "S", "account_id": "a", "mrr": 50.0, "started_at": "2024-01-01"}],
        opportunities=[deal, *closed],
        opportunity_changes=[{"opportunity_id": "D", "changed_at": "2024-03-01", "field": name, "new_value": value}
                             for name, value in (("stage", "early"), ("amount", "4000"),
                                                 ("expected_close_at", "2024-05-20 00:00:00"))],
    )  # fmt: skip
    revenue = forecast_of(then)
    kept = forecasts_to_keep(then, revenue.forecast).query("grain == 'month'").set_index("period")
    assert kept.loc[date(2024, 4, 1), "naive"] == 1_000.0
    assert kept.loc[date(2025, 1, 1), "naive"] == 1_250.0 - 0.0
    assert kept.loc[date(2024, 4, 1), "pipeline"] == 50.0
    assert kept.loc[date(2024, 5, 1), "pipeline"] == 50.0 + 0.5 * 4_000  # half of all deals were won
    assert set(kept["level"]) == {"total"}


def test_deals_without_a_yield_and_overdue_deals_are_in_the_pipeline() -> None:
    deals = [{"opportunity_id": key, "account_id": "a", "kind": kind, "created_at": "2024-03-01"}
             for key, kind in (("D", "renewal"), ("E", "new"), ("F", "new"))]  # fmt: skip
    won = {"opportunity_id": "C", "account_id": "a", "kind": "new", "created_at": "2023-05-01",
           "closed_at": "2023-06-01", "outcome": "won"}  # fmt: skip
    values = {"D": {"amount": "4000", "expected_close_at": "2024-05-20 00:00:00"},
              "E": {"amount": "500", "expected_close_at": "2024-02-01 00:00:00"}, "F": {"amount": "9000"}}  # fmt: skip
    changes = [{"opportunity_id": key, "changed_at": "2024-03-01", "field": name, "new_value": value}
               for key, fields in values.items() for name, value in fields.items()]  # fmt: skip
    then = company(NIGHT, opportunities=[*deals, won], opportunity_changes=changes)
    revenue = forecast_of(then, one_off_yield={"": 0.5, "renewal": 0.0}, recurring_yield={"": 0.05, "renewal": 0.0})
    assert "D" not in set(revenue.line_items["key"])
    kept = forecasts_to_keep(then, revenue.forecast).query("grain == 'month'").set_index("period")["pipeline"]
    assert kept[date(2024, 5, 1)] == 4_000.0
    assert kept[date(2024, 4, 1)] == 500.0
    assert kept.sum() == 4_500.0  # the third has no expected close
