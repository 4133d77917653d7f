"""Whether an account is active as of a date, and the threshold of inactivity that says so."""

from collections.abc import Callable
from datetime import date

import ibis
import pandas as pd

from data.calendar import first_instant
from features.accounts.lifecycle import (
    account_status,
    current_inactivity_days,
    fix_inactivity_days,
    inactivity_threshold,
)
from features.company import ChurnDefinition, Company
from features.spine import account_spine
from tests.features.labels.rows import AS_OF, line, subscription


def thresholds(company: Company, *days: date) -> list[float]:
    """The threshold of inactivity of each date."""
    dates = [{"as_of": day, "as_of_at": first_instant(day, company.timezone)} for day in days]
    spine = ibis.memtable(pd.DataFrame(dates)).cast({"as_of": "date", "as_of_at": "timestamp"})
    rows = inactivity_threshold(company, spine).execute().sort_values("as_of")
    return [float(value) for value in rows["threshold_days"]]


def test_the_threshold_is_90_days_or_what_nine_of_ten_repeat_orders_took(build: Callable[..., Company]) -> None:
    frequent = build(AS_OF, orders=[line("a", f"2024-01-{day:02}") for day in range(1, 20)])
    seldom = build(AS_OF, orders=[line("a", at) for at in ("2023-01-01", "2023-07-01", "2024-01-01")])
    assert thresholds(frequent, AS_OF) == [90]
    assert thresholds(seldom, AS_OF) == [184]  # gaps of 181 and 184 days; nine tenths of the way is 183.7
    assert thresholds(build(AS_OF), AS_OF) == [90]


def test_the_threshold_is_a_year_at_most(build: Callable[..., Company]) -> None:
    assert thresholds(build(AS_OF, orders=[line("a", at) for at in ("2021-01-01", "2024-01-01")]), AS_OF) == [365]


def test_the_threshold_of_a_past_date_knows_nothing_of_later_orders(build: Callable[..., Company]) -> None:
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
    assert thresholds(company, *days) == [90, 120, 233, 214]


def test_orders_of_one_local_day_count_once(build: Callable[..., Company]) -> None:
    # 21:00 UTC is midnight in Istanbul: the second and third order are of one day there
    at = ("2023-01-01 12:00", "2023-05-01 21:30", "2023-05-02 12:00")
    assert thresholds(build(AS_OF, orders=[line("a", instant) for instant in at]), AS_OF) == [121]


def test_a_stated_threshold_holds_at_every_date(build: Callable[..., Company]) -> None:
    company = build(AS_OF, orders=[line("a", "2024-01-01")])
    company = company.with_settings(churn_definition=ChurnDefinition(inactivity_days=45))
    assert thresholds(company, date(2024, 2, 1), AS_OF) == [45, 45]
    assert current_inactivity_days(company) == 45


def test_the_threshold_of_today_can_be_fixed_for_past_dates(build: Callable[..., Company]) -> None:
    company = build(
        AS_OF,
        accounts=[{"account_id": "a"}],
        orders=[line("a", at) for at in ("2023-01-01", "2023-05-01", "2024-01-01")],
    )
    past = date(2023, 6, 1)
    assert thresholds(company, past) == [120]
    assert thresholds(fix_inactivity_days(company), past) == [current_inactivity_days(company)] == [233]


def test_an_account_with_a_running_subscription_is_active(build: Callable[..., Company]) -> None:
    company = build(AS_OF, accounts=[{"account_id": "a"}], subscriptions=[subscription("a", "2023-01-01")])
    rows = account_status(company, account_spine(company, [AS_OF])).execute()
    assert rows[["relation", "active"]].to_numpy().tolist() == [["subscription", True]]


def test_an_account_that_ever_subscribed_is_not_active_by_its_orders(build: Callable[..., Company]) -> None:
    company = build(
        AS_OF,
        accounts=[{"account_id": "a"}],
        orders=[line("a", "2024-06-01")],
        subscriptions=[subscription("a", "2023-01-01", "2024-01-01")],
    )
    rows = account_status(company, account_spine(company, [AS_OF])).execute()
    assert rows[["relation", "active"]].to_numpy().tolist() == [["subscription", False]]
