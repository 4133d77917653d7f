"""Revenue over time, by construction."""

from collections.abc import Callable
from datetime import date
from typing import Any, Literal

import pandas as pd
import pytest

from features.company import Company
from features.revenue.series import daily_revenue, revenue_series, weekday_profile
from tests.features.random_rows import random_rows

MONDAYS = [(day.month, day.day) for day in pd.date_range("2024-01-01", "2024-04-15", freq="W-MON")]


def line(account: str, at: str, amount: float, status: str = "placed") -> dict[str, Any]:
    row = {"order_id": f"{account}{at}", "line_id": "1", "account_id": account, "product_id": "p"}
    return {**row, "amount": amount, "ordered_at": at, "status": status}


def values(company: Company, grain: Literal["week", "month"], node: str) -> dict[str, float]:
    rows = revenue_series(company, grain)
    rows = rows[rows.node == node]
    return dict(zip(rows.period.dt.strftime("%Y-%m-%d"), rows.amount, strict=True))


def test_months_are_the_company_s_and_the_one_that_is_cut_is_left_out(build: Callable[..., Company]) -> None:
    company = build(
        date(2024, 4, 15),
        accounts=[{"account_id": "a"}],
        orders=[
            line("a", "2023-12-31 22:00", 10.0),  # the new year has begun in Istanbul
            line("a", "2024-02-05", -4.0, "returned"),
            line("a", "2024-02-06", 9.0, "cancelled"),
            line("a", "2024-04-10", 7.0),
        ],
    )
    assert values(company, "month", "total") == {"2024-01-01": 10.0, "2024-02-01": -4.0, "2024-03-01": 0.0}
    assert revenue_series(company, "month").level.unique().tolist() == ["total"]


def test_weeks_begin_on_monday_and_end_before_the_date(build: Callable[..., Company]) -> None:
    orders = [line("a", "2024-06-09 20:59", 1.0), line("a", "2024-06-09 21:00", 2.0), line("a", "2024-06-24", 4.0)]
    company = build(date(2024, 6, 24), accounts=[{"account_id": "a"}], orders=orders)
    assert values(company, "week", "total") == {"2024-06-03": 1.0, "2024-06-10": 2.0, "2024-06-17": 0.0}


def test_subscriptions_earn_by_the_day_of_each_month(build: Callable[..., Company]) -> None:
    contract = {"subscription_id": "s", "account_id": "a", "mrr": 310.0}
    company = build(
        date(2024, 4, 1),
        accounts=[{"account_id": "a"}],
        subscriptions=[{**contract, "started_at": "2024-01-21 21:00", "ended_at": "2024-03-01 21:00"}],
    )  # 22 January (ten days of 31) until the 1st of March (one day)
    assert values(company, "month", "total") == {"2024-01-01": 100.0, "2024-02-01": 310.0, "2024-03-01": 10.0}
    weeks = values(company, "week", "total")
    assert weeks["2024-01-22"] == 70.0
    assert sum(weeks.values()) == pytest.approx(420.0, abs=0.05)


def test_each_node_begins_with_its_own_first_sale(build: Callable[..., Company]) -> None:
    company = build(
        date(2024, 4, 1),
        accounts=[{"account_id": "a", "region": "N", "segment": "S"}, {"account_id": "b", "region": "E"}],
        orders=[line("a", "2024-01-05", 1.0), line("b", "2024-02-05", 2.0)],
    )
    assert values(company, "month", "region:E") == {"2024-02-01": 2.0, "2024-03-01": 0.0}
    assert values(company, "month", "segment:E/unknown") == {"2024-02-01": 2.0, "2024-03-01": 0.0}
    assert values(company, "month", "segment:N/S") == {"2024-01-01": 1.0, "2024-02-01": 0.0, "2024-03-01": 0.0}


@pytest.mark.parametrize("grain", ["week", "month"])
def test_the_parts_of_every_level_add_up_to_the_total(build: Callable[..., Company], grain: Any) -> None:
    rows = revenue_series(build(date(2024, 6, 1), **random_rows(seed=1)), grain)
    sums = rows.pivot_table(index="period", columns="level", values="amount", aggfunc="sum")
    assert (sums.sub(sums.total, axis=0).abs().max() < 0.05).all()
    assert sums.columns.tolist() == ["region", "segment", "total"]


def test_a_company_without_a_sale_has_no_series(build: Callable[..., Company]) -> None:
    rows = revenue_series(build(), "month")
    assert rows.empty
    assert list(rows.columns) == ["level", "node", "period", "amount"]


def test_an_unknown_grain_is_refused(build: Callable[..., Company]) -> None:
    with pytest.raises(ValueError, match="'week' or 'month', not 'day'"):
        revenue_series(build(), "day")  # type: ignore[arg-type]


def test_the_rhythm_is_what_weekdays_bring(build: Callable[..., Company]) -> None:
    mondays = [line("a", f"2024-0{month}-{day:02} 09:00", 10.0) for month, day in MONDAYS]
    profile = weekday_profile(daily_revenue(build(date(2024, 4, 16), accounts=[{"account_id": "a"}], orders=mondays)))
    assert profile[0] > 0
    assert profile[1:].tolist() == [0.0] * 6
    young = build(date(2024, 1, 20), accounts=[{"account_id": "a"}], orders=mondays[:2])
    assert weekday_profile(daily_revenue(young)).tolist() == [1.0] * 7, "too short a history to know its weekdays"
