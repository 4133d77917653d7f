"""What became of accounts and deals, by construction."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
import pytest

from data.calendar import first_instant
from features.company import Company
from features.labels.churn import bought_new, churned
from features.labels.windows import at_risk, revenue_after, silence_days, won
from features.spine import account_spine, opportunity_spine, past_dates

DAY, AS_OF, HORIZON = date(2024, 3, 1), date(2024, 7, 1), 90
END = "2024-05-29 21:00"
"""The window's end: midnight of 30 May in Istanbul."""


def line(account: str, at: str, product: str = "p", **other: Any) -> dict[str, Any]:
    key = f"{account} {at} {product}"
    row = {"order_id": key, "line_id": "1", "account_id": account, "product_id": product, "amount": 10.0}
    return {**row, "ordered_at": at, "status": "placed", **other}


def held(account: str, start: str, end: str | None = None, product: str = "p", mrr: float = 31.0) -> dict[str, Any]:
    row = {"subscription_id": f"{account} {start} {product}", "account_id": account, "product_id": product}
    return {**row, "mrr": mrr, "started_at": start, "ended_at": end}


@pytest.fixture
def look(build: Callable[..., Company]) -> Callable[..., pd.DataFrame]:
    """``look(label, **rows)``: the label as of ``DAY``, by account."""

    def look(label: Callable[..., Any], day: date = DAY, **rows: Any) -> pd.DataFrame:
        names = {row["account_id"] for table in ("orders", "subscriptions") for row in rows.get(table, [])}
        company = build(AS_OF, accounts=[{"account_id": name} for name in sorted(names)], **rows)
        spine = account_spine(company, [day])
        frame: pd.DataFrame = label(company, spine, HORIZON, company.as_of_at).execute().set_index("account_id")
        return frame

    return look


def test_an_account_churns_when_no_subscription_is_left_at_the_end(look: Callable[..., pd.DataFrame]) -> None:
    rows = look(
        churned,
        subscriptions=[
            held("ended", "2023-01-01", "2024-04-01"),
            held("ended at the very end", "2023-01-01", END),
            held("replaced", "2023-01-01", "2024-04-01"),
            held("replaced", "2024-04-01"),
            held("one of two ended", "2023-01-01", "2024-04-01"),
            held("one of two ended", "2023-01-01"),
            held("gone before", "2023-01-01", "2024-02-01"),
            held("ended after", "2023-01-01", "2024-06-01"),
        ],
    )
    assert rows.at_risk.to_dict() == {
        "ended": True, "ended after": True, "ended at the very end": True, "gone before": False,
        "one of two ended": True, "replaced": True,
    }  # fmt: skip
    assert rows.churned[rows.at_risk].to_dict() == {
        "ended": True, "ended after": False, "ended at the very end": False, "one of two ended": False,
        "replaced": False,
    }  # fmt: skip
    assert pd.isna(rows.churned["gone before"])


def test_an_account_of_orders_churns_when_it_falls_silent(look: Callable[..., pd.DataFrame]) -> None:
    """Silence is 90 days here: who was silent for so long within the window has left, though it may come back."""
    rows = look(
        churned,
        orders=[
            line("stays", "2024-02-01"),
            line("stays", "2024-04-30 23:59"),
            line("back too late", "2024-02-01"),
            line("back too late", "2024-05-02"),
            line("cancels", "2024-02-01"),
            line("cancels", "2024-04-01", status="cancelled"),
            line("silent before", "2023-01-01"),
        ],
    )
    assert rows.at_risk.to_dict() == {
        "back too late": True, "cancels": True, "silent before": False, "stays": True,
    }  # fmt: skip
    assert rows.churned[rows.at_risk].to_dict() == {"back too late": True, "cancels": True, "stays": False}


def test_who_ever_subscribed_is_judged_by_subscriptions(look: Callable[..., pd.DataFrame]) -> None:
    rows = look(churned, orders=[line("a", "2024-02-01")], subscriptions=[held("a", "2023-01-01", "2024-01-01")])
    assert rows.at_risk.tolist() == [False]


def silence(company: Company, *days: date) -> list[float]:
    """The days of silence of each date."""
    dates = [{"as_of": day, "as_of_at": first_instant(day, company.timezone)} for day in days]
    spine = ibis.memtable(pd.DataFrame(dates)).cast({"as_of": "date", "as_of_at": "timestamp"})
    found = silence_days(company, spine, HORIZON).execute().sort_values("as_of")
    return [float(value) for value in found["silence"]]


def test_silence_is_the_horizon_or_what_is_usual_between_orders(build: Callable[..., Company]) -> None:
    often = build(AS_OF, orders=[line("a", f"2024-01-{day:02}") for day in range(1, 20)])
    seldom = build(AS_OF, orders=[line("a", at) for at in ("2023-01-01", "2023-07-01", "2024-01-01")])
    assert silence(often, AS_OF) == [90]
    assert silence(seldom, AS_OF) == [184]  # 181 and 184 days; nine tenths of the way is 183.7
    assert silence(build(AS_OF), AS_OF) == [90]


def test_silence_of_a_past_date_knows_nothing_of_later_orders(build: Callable[..., Company]) -> None:
    company = build(
        AS_OF,
        orders=[
            line("a", "2023-01-01"),
            line("a", "2023-05-01"),  # 120 days
            line("a", "2023-02-01", known_at="2024-02-01"),  # as it turns out, 31 and 89 days
            line("a", "2024-01-01"),  # 245 days: at nine tenths 232.5, with the late one 213.8
        ],
    )
    days = [date(2023, 4, 1), date(2023, 6, 1), date(2024, 1, 15), AS_OF]
    assert silence(company, *days) == [90, 120, 233, 214]


def test_orders_of_one_local_day_are_one(build: Callable[..., Company]) -> None:
    # 21:00 UTC is midnight in Istanbul: the second and third order are of one day there, the second and fourth are not
    at = ("2023-01-01 12:00", "2023-05-01 21:30", "2023-05-02 12:00")
    assert silence(build(AS_OF, orders=[line("a", instant) for instant in at]), AS_OF) == [121]


def test_today_s_risk_needs_no_window(build: Callable[..., Company]) -> None:
    company = build(AS_OF, accounts=[{"account_id": "a"}], subscriptions=[held("a", "2023-01-01")])
    rows = at_risk(company, account_spine(company, [AS_OF]), HORIZON).execute()
    assert rows[["relation", "at_risk"]].to_numpy().tolist() == [["subscription", True]]


def test_revenue_after_is_net_orders_and_subscriptions_by_the_day(look: Callable[..., pd.DataFrame]) -> None:
    rows = look(
        revenue_after,
        orders=[
            line("orders", "2024-02-29 20:59"),
            line("orders", "2024-02-29 21:00"),
            line("orders", "2024-04-01", amount=-3.0, status="returned"),
            line("orders", "2024-04-02", status="cancelled"),
        ],
        subscriptions=[
            held("whole", "2023-01-01"),
            held("ends", "2023-01-01", "2024-03-10 21:00"),
            held("none", "2023-01-01", "2024-01-01"),
        ],
    )
    # 90 days from 1 March: all of March (31) and April (31), 29 of the 31 days of May; "ends" earns ten days of March
    assert rows.revenue.to_dict() == {"ends": 10.0, "none": 0.0, "orders": 7.0, "whole": 91.0}


def test_a_deal_is_won_only_within_the_window(build: Callable[..., Company]) -> None:
    ends = {
        "won": ("2024-04-01", "won"),
        "lost": ("2024-04-01", "lost"),
        "open": (None, None),
        "won later": (END, "won"),
        "won before": ("2024-02-01", "won"),
    }
    deals = [
        {"opportunity_id": name, "created_at": "2024-01-01", "closed_at": at, "outcome": outcome}
        for name, (at, outcome) in ends.items()
    ]
    company = build(AS_OF, opportunities=deals)
    rows = won(company, opportunity_spine(company, [DAY]), HORIZON, company.as_of_at).execute()
    found = rows.set_index("opportunity_id")[["closed", "won"]].T.to_dict("list")
    nothing = [False, False]
    assert found == {"lost": [True, False], "open": nothing, "won": [True, True], "won later": nothing}


@pytest.mark.parametrize("label", [churned, bought_new, revenue_after])
def test_a_label_refuses_a_window_that_is_not_over(look: Callable[..., pd.DataFrame], label: Any) -> None:
    last = AS_OF - timedelta(days=HORIZON)
    orders = [line("a", "2024-01-01")]
    look(label, day=last, orders=orders)
    with pytest.raises(ValueError, match="the 90 days after 2024-04-03 are not over"):
        look(label, day=last + timedelta(days=1), orders=orders)


def test_past_dates_have_history_before_them_and_a_closed_window_after(build: Callable[..., Company]) -> None:
    company = build(AS_OF, orders=[line("a", "2023-10-01")])
    assert past_dates(company, 90) == (date(2024, 1, 3), date(2024, 2, 2), date(2024, 3, 3), date(2024, 4, 2))
    assert past_dates(company, 90, most=1) == (date(2024, 4, 2),)
    assert past_dates(build(AS_OF), 90) == ()
