"""New products: the hazard of buying any is parted among them by how they sell, and beside what the account has."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.ranking.next_product import offered, paces, trust

UNTIL = pd.Timestamp(2025, 6, 1)


def firsts(rules: bool) -> pd.DataFrame:
    """Of 400 accounts, half have A and half B; who has A buys C later, who has B buys D (or either, without rules)."""
    rng = np.random.default_rng(2)
    rows = []
    for n in range(400):
        had = "A" if n % 2 else "B"
        rows.append((f"c{n}", had, UNTIL - pd.Timedelta(days=600)))
        if rng.random() < 0.6:
            follows = {"A": "C", "B": "D"}[had] if rules else str(rng.choice(["C", "D"]))
            rows.append((f"c{n}", follows, UNTIL - pd.Timedelta(days=float(rng.integers(1, 500)))))
    return pd.DataFrame(rows, columns=["account_id", "product_id", "first_at"])


def test_what_goes_with_what_an_account_has_is_its_likelier_purchase() -> None:
    bought = firsts(rules=True)
    told = paces(bought, 400, UNTIL)
    assert told.products == ["A", "B", "C", "D"]
    has = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    shares = told.shares(has, 1.0 - has, trust(bought, 400, UNTIL))
    assert shares[0, 2] > 2 * shares[0, 3]
    assert shares[1, 3] > 2 * shares[1, 2]
    assert shares[0, 0] == 0.0
    assert shares.sum(axis=1) == pytest.approx(1.0)


def test_lifts_are_not_trusted_where_they_told_nothing_of_what_followed() -> None:
    assert trust(firsts(rules=True), 400, UNTIL) > 0
    assert trust(firsts(rules=True).head(10), 400, UNTIL) == 0.0


def test_what_is_not_known_yet_changes_no_pace() -> None:
    bought = firsts(rules=True)
    day = UNTIL - pd.Timedelta(days=200)
    whole, cut = paces(bought, 400, day), paces(bought[bought["first_at"] < day], 400, day)
    assert whole.products == cut.products
    np.testing.assert_array_equal(whole.pace, cut.pace)
    np.testing.assert_array_equal(whole.lift, cut.lift)


def test_chances_of_products_rise_with_time_stay_below_the_account_s_own_and_name_the_month() -> None:
    hazards = np.array([[0.02, 0.02, 0.02, 0.3, 0.02, 0.02], [0.1] * 6])
    curve = 1 - np.cumprod(1 - hazards, axis=1)
    shares = np.array([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    rows = offered(["x", "y"], curve, shares, ["P", "Q", "R"], date(2025, 1, 10))
    assert rows[["account_id", "product_id"]].to_numpy().tolist() == [["x", "P"], ["x", "Q"], ["y", "R"]]
    assert (rows["within_30"] < rows["value"]).all()
    assert (rows["value"] < rows["within_180"]).all()
    assert rows["value"].iloc[0] < curve[0, 2]
    assert rows["value"].iloc[2] == pytest.approx(curve[1, 2], abs=1e-6)
    assert rows["likely_month"].tolist() == [date(2025, 4, 1), date(2025, 4, 1), date(2025, 1, 1)]


def test_nobody_to_score_is_no_rows() -> None:
    assert offered([], np.zeros((0, 6)), np.zeros((0, 0)), [], date(2025, 1, 10)).empty
