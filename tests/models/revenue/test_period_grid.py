"""Pieces of time: every day ahead is in one month and one week, and in one piece."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.revenue.assembly import income_chances
from models.revenue.base_rates import Rates
from models.revenue.cash_flows import EDGES, chances_by_rate, contract_atoms, deal_atoms, of_income, within
from models.revenue.period_grid import MONTHS, WEEKS, Pieces


@pytest.mark.parametrize("as_of", [date(2024, 6, 5), date(2024, 7, 1), date(2024, 9, 2), date(2024, 3, 31)])
def test_months_and_weeks_are_sums_of_the_same_pieces(as_of: date) -> None:
    pieces = Pieces.of(as_of)
    days = pieces.days.astype(np.float64)[None, :]
    assert pieces.by_month(days)[0].tolist() == pieces.months.days_in_month.tolist()
    assert pieces.by_week(days)[0].tolist() == [7.0] * WEEKS
    assert len(pieces.months) == MONTHS
    assert pieces.weeks[0].day_of_week == 0
    assert (pieces.weekdays.sum(axis=1) == pieces.days).all()
    ahead = pieces.first[pieces.ahead][0]
    assert ahead == np.datetime64(as_of)


def test_a_day_is_found_in_its_piece() -> None:
    pieces = Pieces.of(date(2024, 6, 5))
    at = pieces.place_of(
        pd.Series(pd.to_datetime(["2024-05-31", "2024-06-01", "2024-06-04", "2024-06-05", "2025-06-01"]))
    )
    assert at.tolist() == [-1, 0, 1, 2, -1]  # 1 and 2 June, 3 and 4 June, from the 5th on


def test_chances_go_on_at_their_last_pace() -> None:
    told = within(chances_by_rate(0.1, 1), np.array([0.0, 15.0, 30.0, 90.0, 180.0, 360.0]))[0]
    assert told.tolist() == pytest.approx([0.0, 1 - 0.9**0.5, 0.1, 1 - 0.9**3, 1 - 0.9**6, 1 - 0.9**12])
    bent = within(np.full((1, 4), 0.5), np.array([30.0, 90.0, 1_000.0]))[0]
    assert bent.tolist() == pytest.approx([0.5] * 3)  # it ends in the first month or never


def test_what_follows_a_contract_may_leave_too_when_the_contract_itself_cannot_any_more() -> None:
    """Contracts of a month, each followed by the next but for five in a hundred: of the income half is gone in a year,
    though nothing comes to a contract after its month."""
    told, days = np.full((2, 3), 0.05), np.array([30.0, 90.0, 180.0, 365.0])
    chances = of_income(told, 0.05, 0.95, 1.0, np.array([29.0, np.nan]))
    assert chances == pytest.approx(np.tile(1 - 0.95 ** (days / 30), (2, 1)), abs=0.04)


def test_a_contract_that_nothing_replaces_goes_on_at_its_own_pace_and_then_at_the_company_s() -> None:
    told = np.array([[0.01, 0.03, 0.06]])
    for term in (np.nan, 20.0, 300.0):
        own = of_income(told, 0.02, 0.0, 0.0, np.array([term]))[0]
        assert own[:3] == pytest.approx(told[0])
        assert own[3] == pytest.approx(1 - 0.94 * 0.98 ** (185 / 30))
    replaced = of_income(told, 0.02, 0.0, 1.0, np.array([20.0]))[0]
    assert replaced[:3] == pytest.approx(1 - (1 - told[0]) * 0.98 ** (np.array([10, 70, 160]) / 30))


def test_the_number_takes_scores_of_contracts_where_there_are_some_and_asks_of_those_that_stay_whether_they_grow() -> (
    None
):
    now = pd.Timestamp(2024, 7, 1)
    names = ["due", "past its term", "unscored"]
    terms = pd.to_datetime(["2024-07-21", "2024-03-01", None])
    contracts = pd.DataFrame({"subscription_id": names, "term": terms})

    def scored(*chances: float) -> pd.DataFrame:
        told = dict(zip(("within_30", "value", "within_180"), chances, strict=True))
        return pd.DataFrame({"subscription_id": names[:2], **told})

    frames = {"subscription_churn": scored(0.2, 0.2, 0.2), "expansion": scored(0.4, 0.4, 0.4)}
    rates = Rates(0.02, 0.03, 0.1, {"": 0.2}, 60.0, 1_000.0, {}, {}, replaced=0.0, replaced_at_term=1.0)
    ends, grows = income_chances(contracts, now, frames, rates)
    after = np.array([10, 70, 160]) / 30  # months past the term, by when another contract runs
    assert ends[0, :3] == pytest.approx(1 - 0.8 * 0.98**after)
    assert grows[0, :3] == pytest.approx(1 - (1 - 0.4 / 0.8) * 0.97**after)
    assert ends[1, :3] == pytest.approx([0.2] * 3)
    assert grows[1, :3] == pytest.approx([0.5] * 3)
    assert ends[2] == pytest.approx(chances_by_rate(0.02, 1)[0])
    assert grows[2] == pytest.approx(chances_by_rate(0.03, 1)[0])


def test_a_contract_that_surely_stays_brings_its_amount_and_one_that_may_end_less() -> None:
    pieces, rows = Pieces.of(date(2024, 7, 1)), pd.DataFrame({"mrr": [100.0, 100.0]})
    ends = np.vstack([chances_by_rate(0.0, 1), chances_by_rate(0.1, 1)])
    told = pieces.by_month(contract_atoms(rows, ends, chances_by_rate(0.0, 2), 0.2, pieces).recurring)
    assert told[0].tolist() == pytest.approx([100.0] * 12)
    assert told[1, 11] == pytest.approx(100 * 0.9**11.6, rel=0.01)


def test_a_deal_brings_a_share_at_once_when_it_is_won_and_a_share_a_month_from_then_on() -> None:
    pieces = Pieces.of(date(2024, 7, 1))
    rows = pd.DataFrame({"amount": [1_000.0], "once": [0.4], "monthly": [0.1]})
    surely = np.ones((1, len(EDGES) - 1))
    told = deal_atoms(rows, surely, pieces)
    months = pieces.by_month(told.open_deals)[0]
    assert months.sum() == pytest.approx(400 + 100 * 11.75, rel=0.01)  # won within fifteen days
    assert months[5] == pytest.approx(100.0)
    half = deal_atoms(rows, surely / 2, pieces)
    assert half.open_deals.sum() == pytest.approx(told.open_deals.sum() / 2)
    assert half.full.sum() == pytest.approx(told.open_deals.sum())
