"""Past rates are those of what was known by their date, whatever came after it."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.company import Company
from models.revenue.base_rates import Books, Rates
from tests.features.company_builder import build_company

THEN, LATER = date(2024, 3, 4), date(2024, 7, 1)
DAYS = [day.date() for day in pd.date_range("2023-01-02", LATER - timedelta(days=1), freq="2D")]


def rows() -> dict[str, list[dict[str, Any]]]:
    """Contracts, deals and orders on every other day before the date and after it: contracts run half a year, and every
    third is followed by a dearer one the day after; every second deal moves on after a month, all close after two, and
    who bought orders."""
    rng = np.random.default_rng(11)
    told: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("subscriptions", "opportunities", "opportunity_changes", "orders")
    }
    for place, day in enumerate(DAYS):
        account, amount = f"A{place % 20}", float(rng.integers(100, 900))
        over, after = day + timedelta(days=182), day + timedelta(days=183)
        held = {"account_id": account, "product_id": f"P{place}", "started_at": str(day)}
        told["subscriptions"].append(held | {"subscription_id": f"S{place}", "mrr": amount, "ended_at": str(over)})
        if place % 3 == 0:
            dearer = {"subscription_id": f"T{place}", "mrr": amount * 1.5, "started_at": str(after)}
            told["subscriptions"].append(held | dearer)
        deal = {"opportunity_id": f"D{place}", "account_id": account, "created_at": str(day)}
        how = {"kind": ("new", "upsell")[place % 2], "amount": 10 * amount}
        closed, won = str(day + timedelta(days=60)), rng.random() < 0.4
        close = {"closed_at": closed, "outcome": "won" if won else "lost"}
        told["opportunities"].append(deal | how | close)
        for days, stage in ((0, "early"), (30, "late"))[: 1 + place % 2]:
            change = {"changed_at": str(day + timedelta(days=days)), "field": "stage", "new_value": stage}
            told["opportunity_changes"].append({"opportunity_id": f"D{place}"} | change)
        line = {"order_id": f"o{place}", "account_id": account, "product_id": "Q", "amount": amount, "status": "placed"}
        told["orders"].append(line | {"line_id": "1", "ordered_at": f"{day} 09:00"})
        if won:
            told["orders"].append(line | {"line_id": "2", "ordered_at": f"{closed} 09:00", "amount": 4 * amount})
    return told


def company(as_of: date) -> Company:
    return build_company(as_of, accounts=[{"account_id": f"A{place}"} for place in range(20)], **rows())


@pytest.fixture(scope="module")
def later() -> Company:
    return company(LATER)


def flat(rates: Rates) -> dict[str, float]:
    state = {name: told if isinstance(told, dict) else {"": told} for name, told in rates.state().items()}
    kept = ((name, told) for name, told in state.items() if name not in ("repeats", "fresh"))
    return {f"{name} {part}": value for name, told in kept for part, value in told.items()}


def test_it_is_counted_how_contracts_are_followed_with_their_term_and_without_one() -> None:
    """Of ten contracts due, six are followed, two go on and two leave; of ten without a term three are followed."""
    held = []
    for place in range(20):
        name, due = f"S{place}", place < 10
        own = {"account_id": name, "product_id": "P", "mrr": 100.0, "started_at": "2023-03-01"}
        leaves, follows = due and place >= 8, place < 6 or 10 <= place < 13
        ended = "2024-03-01" if leaves or follows else None
        held.append(own | {"subscription_id": name, "term_ends_at": "2024-03-01" if due else None, "ended_at": ended})
        if follows:
            held.append(own | {"subscription_id": f"T{place}", "started_at": "2024-03-01", "mrr": 100.0})
    company = build_company(LATER, accounts=[{"account_id": f"S{place}"} for place in range(20)], subscriptions=held)
    rates = Books.of(company, [LATER]).rates(LATER)
    assert rates.replaced_at_term == pytest.approx(6 / 8)
    followed, going_on, after = 3 * 244 / 30, 7 * 366 / 30, 9 * 122 / 30  # months since a year before
    assert rates.replaced == pytest.approx(3 / (followed + going_on + after), rel=0.02)


@pytest.mark.parametrize("back", range(6))
def test_the_law_what_came_after_a_date_changes_no_rate_of_it(later: Company, back: int) -> None:
    day = THEN - timedelta(days=back)
    told, known = (Books.of(one, [day]) for one in (later, company(day)))
    rates = told.rates(day)
    assert flat(rates) == pytest.approx(flat(known.rates(day)), rel=1e-9)
    assert min(rates.ends, rates.grows, rates.uplift, rates.once[""], rates.monthly[""]) > 0
    assert 0 < rates.wins["early"] < 1
    atoms = (books.pending(day)[["opportunity_id", "stage"]].reset_index(drop=True) for books in (told, known))
    pd.testing.assert_frame_equal(*atoms)
    assert not known.pending(day).empty


def test_rates_of_another_date_are_others(later: Company) -> None:
    books = Books.of(later, [])
    assert books.rates(THEN) != books.rates(LATER)
