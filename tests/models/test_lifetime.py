"""Lifetimes: subscribers leave at the rate of subscribers, who has left already is worth one window."""

import numpy as np
import pandas as pd
import pytest

from models.lifetime import leaving, leaving_rates, lifetime_reasons, lifetime_windows
from models.spread import Spread, Spreads


def customers(days_since_order: list[float], subscribed: bool, *, gone: bool = False) -> pd.DataFrame:
    rows = pd.DataFrame({"days_since_order": days_since_order, "gone": gone})
    return rows.assign(days_subscribed=400.0 if subscribed else np.nan)


@pytest.fixture(scope="module")
def rates() -> dict[str, object]:
    """Of those silent for 70 days, half leave who only order, one in twenty who subscribe; of the silent for longer,
    one in ten subscribers."""
    past = pd.concat(
        [customers([70.0] * 400, False), customers([70.0] * 400, True), customers([300.0] * 400, True)],
        ignore_index=True,
    )
    left = np.concatenate([np.arange(400) < some for some in (200, 20, 40)]).astype(float)
    return leaving_rates(past, left)


def test_a_silent_subscriber_is_not_taken_for_an_account_that_only_orders(rates: dict[str, object]) -> None:
    today = pd.concat([customers([70.0], False), customers([70.0], True), customers([300.0], True)], ignore_index=True)
    said = leaving(today, rates)
    assert said == pytest.approx([0.5, 0.05, 0.1], abs=0.02)
    worth = lifetime_windows(said)
    assert worth[0] < worth[2] < worth[1]
    why = lifetime_reasons(today, np.full(3, 100.0), said, "EUR")
    assert why[2][1] == "Of accounts like it (subscribers, days since the last order: over 180) 11% leave in 90 days"


def test_who_has_left_already_is_worth_the_one_window_in_which_it_may_come_back(rates: dict[str, object]) -> None:
    today = customers([700.0], True, gone=True)
    said = leaving(today, rates)
    assert lifetime_windows(said) == pytest.approx([1.0])
    assert "left already" in lifetime_reasons(today, np.array([9.0]), said, "EUR")[0][1]


def test_an_account_that_never_leaves_is_worth_three_discounted_years() -> None:
    assert lifetime_windows(np.zeros(1))[0] == pytest.approx(sum(1.1 ** (-90 * n / 365) for n in range(12)))


def test_bounds_of_gone_accounts_are_their_own() -> None:
    """Customers bring half to twice what is expected; of the gone, one in five brings ten times as much."""
    rng = np.random.default_rng(3)
    expected, gone = np.full(2_000, 100.0), np.arange(2_000) % 2 == 0
    came = np.where(gone, np.where(rng.random(2_000) < 0.2, 1_000.0, 0.0), 100 * rng.uniform(0.5, 2, 2_000))
    spreads = Spreads.restored(Spreads.of(expected, came, gone).state())
    low, high = spreads.around(np.array([100.0, 100.0]), np.array([True, False]))
    assert low == pytest.approx([0.0, 65.0], abs=8)
    assert high == pytest.approx([1_000.0, 185.0], abs=8)


def test_few_gone_accounts_have_the_bounds_of_all() -> None:
    expected, came = np.full(100, 10.0), np.linspace(0, 20, 100)
    few = Spreads.of(expected, came, np.arange(100) < 5)
    assert few.gone == Spread.of(expected, came)
