"""The measure of the next basket, on literal baskets."""

import numpy as np
import pandas as pd
import pytest

from bench.recommend import Sales, before, named, recall_and_ndcg

CUT = pd.Timestamp("2024-02-01")
ROWS = [
    *(("a", f"i{n:02}", "2024-01-05") for n in range(12)),
    ("a", "i00", "2024-01-20"),
    ("b", "i11", "2024-01-07"),
    ("a", "i00", "2024-02-03"),
    ("a", "new", "2024-02-03"),  # was never sold before the cut: wanted, and missed by everybody
    ("a", "i01", "2024-02-04"),  # of the basket after the next
    ("b", "i00", "2024-02-20"),
    ("c", "i00", "2024-02-02"),  # unknown before the cut
]


def test_the_next_basket_is_what_is_bought_on_the_first_day_after_the_cut() -> None:
    bought = pd.DataFrame(ROWS, columns=["customer", "item", "at"]).assign(at=lambda t: pd.to_datetime(t["at"]))
    day = pd.Timedelta(days=1)
    sales = Sales(bought, pd.Series({"a": "x"}), CUT, 7 * day, 7 * day)
    cut = before(sales, CUT, None)
    assert cut.shelf.customers[cut.chosen].tolist() == ["a", "b"]
    assert cut.shelf.customers[cut.basket_of].tolist() == ["a", "a", "b"]
    assert sorted(cut.basket.tolist()) == [-1, 0, 0]
    assert before(sales, CUT, 7 * day).chosen.tolist() == [0]

    own = cut.shelf.matrix(cut.shelf.own["times"]).astype(np.float32)
    every, explored = named(cut, lambda chosen: own[chosen].toarray(), ("", "explore"))
    assert every[0, 0] == 0
    assert every[1, 0] == 11
    assert explored[0].tolist() == [-1] * 10  # a had all twelve
    # b wants what it never had, which is named first of the others, as the most popular
    recall, ndcg = recall_and_ndcg(cut, every)
    assert recall == pytest.approx((1 / 2 + 1) / 2)
    two = 1 + 1 / np.log2(3)
    assert ndcg == pytest.approx((1 / two + 1 / np.log2(3)) / 2)
