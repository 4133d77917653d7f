"""The next-basket bench: its metrics on literal baskets, and the shipped ranker in it."""

import numpy as np
import pandas as pd
import pytest

from bench.recommend import Sales, cut_at, fit_ranker, recall_and_ndcg, top_items
from models.ranking import ranker
from models.ranking.candidates import FEATURE_NAMES
from models.ranking.ranker import ProductRanker

CUT = pd.Timestamp("2024-02-01")
ROWS = [
    *(("a", f"i{n:02}", "2024-01-05") for n in range(12)),
    ("a", "i00", "2024-01-20"),
    ("b", "i11", "2024-01-07"),
    ("a", "i00", "2024-02-03"),
    ("a", "new", "2024-02-03"),  # never sold before the cut: every method misses it
    ("a", "i01", "2024-02-04"),  # of the basket after the next
    ("b", "i00", "2024-02-20"),
    ("c", "i00", "2024-02-02"),  # unknown before the cut
]


def test_the_next_basket_is_what_is_bought_on_the_first_day_after_the_cut() -> None:
    purchases = pd.DataFrame(ROWS, columns=["customer", "item", "at"]).assign(at=lambda t: pd.to_datetime(t["at"]))
    day = pd.Timedelta(days=1)
    sales = Sales(purchases, pd.Series({"a": "x"}), CUT, 7 * day, 7 * day)
    cut = cut_at(sales, CUT, None)
    assert cut.history.customers[cut.chosen].tolist() == ["a", "b"]
    assert cut.history.customers[cut.basket_customer].tolist() == ["a", "a", "b"]
    assert sorted(cut.basket_item.tolist()) == [-1, 0, 0]
    assert cut_at(sales, CUT, 7 * day).chosen.tolist() == [0]

    own = cut.history.matrix(cut.history.pair_stats["purchases"]).astype(np.float32)
    lists, explored = top_items(cut, lambda chosen: own[chosen].toarray(), ("", "explore"))
    assert lists[0, 0] == 0
    assert lists[1, 0] == 11
    assert explored[0].tolist() == [-1] * 10  # a had all twelve
    # b buys an item it never bought, which comes first of the others, as the most popular
    recall, ndcg = recall_and_ndcg(cut, lists)
    assert recall == pytest.approx((1 / 2 + 1) / 2)
    two = 1 + 1 / np.log2(3)
    assert ndcg == pytest.approx((1 / two + 1 / np.log2(3)) / 2)


def test_ours_is_the_ranker_of_the_night() -> None:
    rng = np.random.default_rng(5)
    rows = [(f"c{n:02}", f"i{rng.integers(0, 20):02}", day) for n in range(40) for day in range(0, 200, 5)]
    purchases = pd.DataFrame(rows, columns=["customer", "item", "day"])
    purchases = purchases.assign(at=CUT - pd.to_timedelta(purchases["day"], unit="D") - pd.Timedelta(hours=12))
    sales = Sales(purchases, pd.Series(dtype=object), CUT, pd.Timedelta(days=20), pd.Timedelta(days=20))
    cuts = [cut_at(sales, CUT - sales.window - sales.step * back, sales.window) for back in range(4)]
    model = fit_ranker(cuts, closed=[1, 2, 3])
    assert isinstance(model, ProductRanker)
    assert model.booster.feature_name() == FEATURE_NAMES
    assert model.booster.num_trees() == ranker.N_RANKER_TREES
