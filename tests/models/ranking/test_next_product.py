"""The next new product: the hazard is divided by purchase rates and by lifts of owned products."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from models.ranking.next_product import choose_lift_weight, estimate_purchase_rates, likeliest_products

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


def test_products_with_lift_for_an_owned_product_are_likelier() -> None:
    bought = firsts(rules=True)
    rates = estimate_purchase_rates(bought, 400, UNTIL)
    assert rates.products == ["A", "B", "C", "D"]
    has = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    shares = rates.shares(has, 1.0 - has, choose_lift_weight(bought, 400, UNTIL))
    assert shares[0, 2] > 2 * shares[0, 3]
    assert shares[1, 3] > 2 * shares[1, 2]
    assert shares[0, 0] == 0.0
    assert shares.sum(axis=1) == pytest.approx(1.0)


def test_lifts_have_no_weight_where_too_few_purchases_confirm_them() -> None:
    assert choose_lift_weight(firsts(rules=True), 400, UNTIL) > 0
    assert choose_lift_weight(firsts(rules=True).head(10), 400, UNTIL) == 0.0


def test_purchases_after_the_instant_change_no_rate() -> None:
    bought = firsts(rules=True)
    day = UNTIL - pd.Timedelta(days=200)
    full = estimate_purchase_rates(bought, 400, day)
    cut = estimate_purchase_rates(bought[bought["first_at"] < day], 400, day)
    assert full.products == cut.products
    np.testing.assert_array_equal(full.rates, cut.rates)
    np.testing.assert_array_equal(full.log_lift, cut.log_lift)


def test_probabilities_of_products_rise_with_time_stay_below_the_accounts_and_name_the_month() -> None:
    hazards = np.array([[0.02, 0.02, 0.02, 0.3, 0.02, 0.02], [0.1] * 6])
    curve = 1 - np.cumprod(1 - hazards, axis=1)
    shares = np.array([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    rows = likeliest_products(["x", "y"], curve, shares, ["P", "Q", "R"], date(2025, 1, 10))
    assert rows[["account_id", "product_id"]].to_numpy().tolist() == [["x", "P"], ["x", "Q"], ["y", "R"]]
    assert (rows["within_30"] < rows["value"]).all()
    assert (rows["value"] < rows["within_180"]).all()
    assert rows["value"].iloc[0] < curve[0, 2]
    assert rows["value"].iloc[2] == pytest.approx(curve[1, 2], abs=1e-6)
    assert rows["likely_month"].tolist() == [date(2025, 4, 1), date(2025, 4, 1), date(2025, 1, 1)]


def test_nobody_to_score_is_no_rows() -> None:
    assert likeliest_products([], np.zeros((0, 6)), np.zeros((0, 0)), [], date(2025, 1, 10)).empty
