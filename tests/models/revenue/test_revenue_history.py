"""What is prepared for a company is used again for the same data and date, and for no other."""

from datetime import date
from typing import Any

import pandas as pd
import pytest

from features.company import Company
from models.model import Abstention
from models.revenue.revenue_history import RevenueHistory, Snapshot, fitted_forecaster, revenue_history
from tests.features.company_builder import build_company

AS_OF = date(2024, 7, 1)


def company(as_of: date = AS_OF, amount: float = 100.0, months: int = 24) -> Company:
    days = pd.date_range(end=pd.Timestamp(AS_OF) - pd.Timedelta(days=20), periods=months, freq="MS")
    line: dict[str, Any] = {"account_id": "a", "product_id": "p", "status": "placed", "line_id": "1", "amount": amount}
    orders = [line | {"order_id": f"o{i}", "ordered_at": f"{day:%Y-%m-%d} 09:00"} for i, day in enumerate(days)]
    return build_company(as_of, accounts=[{"account_id": "a"}], orders=orders)


def test_equal_data_and_date_are_one_snapshot_and_anything_else_is_another() -> None:
    first, same = Snapshot.of(company()), Snapshot.of(company())
    assert first == same
    assert hash(first) == hash(same)
    assert Snapshot.of(company(amount=101.0)) != first
    assert Snapshot.of(company(as_of=date(2024, 7, 2))) != first


def test_the_history_of_equal_companies_is_prepared_once_and_that_of_others_is_their_own() -> None:
    prepared = revenue_history(Snapshot.of(company()))
    assert revenue_history(Snapshot.of(company())) is prepared
    other = revenue_history(Snapshot.of(company(amount=200.0)))
    assert isinstance(prepared, RevenueHistory)
    assert isinstance(other, RevenueHistory)
    assert other.actuals.sum() == pytest.approx(2 * prepared.actuals.sum())
    again = revenue_history(Snapshot.of(company()))
    assert isinstance(again, RevenueHistory)
    assert (again.actuals == prepared.actuals).all()


def test_a_short_history_abstains_and_has_no_forecaster() -> None:
    young = Snapshot.of(company(months=10))
    assert isinstance(revenue_history(young), Abstention)
    with pytest.raises(ValueError, match="at least 18 are needed"):
        fitted_forecaster(young, "market month", with_prophet=False)
