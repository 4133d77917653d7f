"""Base rates as of a date are averages of what was known by then."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.revenue.base_rates import (
    BaseRates,
    BookingHistory,
    ContractWindow,
    expansion_rate,
    expansion_uplift,
    monthly_churn_rate,
    yield_by_kind,
)
from tests.features.company_builder import build_company

THEN, LATER = date(2024, 3, 4), date(2024, 7, 1)
DAYS = [day.date() for day in pd.date_range("2023-01-02", LATER - timedelta(days=1), freq="2D")]


def rows() -> dict[str, list[dict[str, Any]]]:
    """Contracts, deals and orders on every other day before the date and after it: contracts run half a year, and every
    third is replaced by a larger one the day after; every second deal moves on after a month, all close after two, and
    accounts that bought order."""
    rng = np.random.default_rng(11)
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("subscriptions", "opportunities", "opportunity_changes", "orders")
    }
    for i, day in enumerate(DAYS):
        account, amount = f"A{i % 20}", float(rng.integers(100, 900))
        end, restart = day + timedelta(days=182), day + timedelta(days=183)
        contract = {"account_id": account, "product_id": f"P{i}", "started_at": str(day)}
        tables["subscriptions"].append(contract | {"subscription_id": f"S{i}", "mrr": amount, "ended_at": str(end)})
        if i % 3 == 0:
            larger = {"subscription_id": f"T{i}", "mrr": amount * 1.5, "started_at": str(restart)}
            tables["subscriptions"].append(contract | larger)
        deal = {"opportunity_id": f"D{i}", "account_id": account, "created_at": str(day)}
        terms = {"kind": ("new", "upsell")[i % 2], "amount": 10 * amount}
        closed, won = str(day + timedelta(days=60)), rng.random() < 0.4
        close = {"closed_at": closed, "outcome": "won" if won else "lost"}
        tables["opportunities"].append(deal | terms | close)
        for days, stage in ((0, "early"), (30, "late"))[: 1 + i % 2]:
            change = {"changed_at": str(day + timedelta(days=days)), "field": "stage", "new_value": stage}
            tables["opportunity_changes"].append({"opportunity_id": f"D{i}"} | change)
        line = {"order_id": f"o{i}", "account_id": account, "product_id": "Q", "amount": amount, "status": "placed"}
        tables["orders"].append(line | {"line_id": "1", "ordered_at": f"{day} 09:00"})
        if won:
            tables["orders"].append(line | {"line_id": "2", "ordered_at": f"{closed} 09:00", "amount": 4 * amount})
    return tables


def company(as_of: date) -> Company:
    return build_company(as_of, accounts=[{"account_id": f"A{i}"} for i in range(20)], **rows())


@pytest.fixture(scope="module")
def later() -> Company:
    return company(LATER)


def flat(rates: BaseRates) -> dict[str, float]:
    state = {name: value if isinstance(value, dict) else {"": value} for name, value in rates.state().items()}
    by_date = {name: parts for name, parts in state.items() if name not in ("repeat_rate", "new_business_rate")}
    return {f"{name} {part}": value for name, parts in by_date.items() for part, value in parts.items()}


def test_replacement_is_counted_with_a_term_and_without_one() -> None:
    """Of ten contracts due, six are replaced, two run on and two churn; of ten without a term three are replaced."""
    contracts = []
    for i in range(20):
        name, due = f"S{i}", i < 10
        facts = {"account_id": name, "product_id": "P", "mrr": 100.0, "started_at": "2023-03-01"}
        churns, replaced = due and i >= 8, i < 6 or 10 <= i < 13
        ended, term = "2024-03-01" if churns or replaced else None, "2024-03-01" if due else None
        contracts.append(facts | {"subscription_id": name, "term_ends_at": term, "ended_at": ended})
        if replaced:
            contracts.append(facts | {"subscription_id": f"T{i}", "started_at": "2024-03-01"})
    company = build_company(LATER, accounts=[{"account_id": f"S{i}"} for i in range(20)], subscriptions=contracts)
    rates = BookingHistory.from_company(company, [LATER]).rates_at(LATER)
    assert rates.replacement_share == pytest.approx(6 / 8)
    replaced_months, running_months, new_months = 3 * 244 / 30, 7 * 366 / 30, 9 * 122 / 30  # in the year before
    assert rates.replacement_rate == pytest.approx(3 / (replaced_months + running_months + new_months), rel=0.02)


def window(**columns: Any) -> ContractWindow:
    contracts = pd.DataFrame({"subscription_id": ["A", "B", "C", "D"], "mrr": [100.0, 200.0, 300.0, 400.0], **columns})
    for name in ("started", "ended", "term"):
        contracts[name] = pd.to_datetime(contracts[name])
    return ContractWindow.before(contracts, pd.Timestamp("2024-07-01"))


def test_churn_and_expansion_are_shares_of_the_months_that_contracts_ran() -> None:
    """A churned after 90 days of the window, B was replaced by a contract of 260, C and D run all 365 days."""
    found = window(
        started="2023-01-01", ended=["2023-09-30", "2023-09-30", None, None], term=[None] * 4,
        next_mrr=[np.nan, 260.0, np.nan, np.nan],
    )  # fmt: skip
    exposure = (300 * 90 + 700 * 365) / 30
    assert found.mrr_months.sum() == pytest.approx(exposure, rel=0.005)
    assert monthly_churn_rate(found) == pytest.approx(100 / found.mrr_months.sum())
    assert expansion_rate(found) == pytest.approx(200 / found.mrr_months.sum())
    assert expansion_uplift(found) == pytest.approx(60 / 200)


def test_yields_are_shares_of_the_amount_by_kind_and_within_bounds() -> None:
    won = pd.DataFrame(
        {"kind": ["new", "new", "renewal"], "amount": [100.0, 300.0, 100.0], "new_orders": [100.0, 100.0, -50.0]}
    )
    assert yield_by_kind(won, "new_orders") == pytest.approx({"": 150 / 500, "new": 0.5, "renewal": 0.0})


@pytest.mark.parametrize("days_before", range(6))
def test_what_happened_after_a_date_changes_no_rate_of_it(later: Company, days_before: int) -> None:
    day = THEN - timedelta(days=days_before)
    with_future, known = (BookingHistory.from_company(data, [day]) for data in (later, company(day)))
    rates = with_future.rates_at(day)
    assert flat(rates) == pytest.approx(flat(known.rates_at(day)), rel=1e-9)
    yields = (rates.one_off_yield[""], rates.recurring_yield[""])
    assert min(rates.churn_rate, rates.expansion_rate, rates.expansion_uplift, *yields) > 0
    assert 0 < rates.win_rates["early"] < 1
    columns = ["opportunity_id", "stage"]
    deals = (history.deals_open_on(day)[columns].reset_index(drop=True) for history in (with_future, known))
    pd.testing.assert_frame_equal(*deals)
    assert not known.deals_open_on(day).empty


def test_rates_of_different_dates_differ(later: Company) -> None:
    history = BookingHistory.from_company(later, [])
    assert history.rates_at(THEN) != history.rates_at(LATER)
