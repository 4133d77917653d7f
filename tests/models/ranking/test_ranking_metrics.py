"""Metrics of ranked lists, on literal purchases."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from models.ranking.ranking_metrics import RankedLists, ranking_metrics

PAIRS = pd.DataFrame(
    [
        # customer, product, predicted, segment_popularity, own_decayed_180d, is_repeat, bought
        ("a", "pen", 0.9, 0.1, 2.0, True, 1.0),
        ("a", "ink", 0.5, 0.3, 0.0, False, 0.0),
        ("a", "pad", 0.4, 0.2, 0.0, False, 1.0),
        ("b", "pen", 0.2, 0.1, 0.0, False, 0.0),
        ("b", "ink", 0.1, 0.3, 1.0, True, 0.0),
    ],
    columns=["customer_id", "product_id", "predicted", "segment_popularity", "own_decayed_180d", "is_repeat", "bought"],
).assign(popularity_90d=lambda t: t["segment_popularity"])
PURCHASES = pd.DataFrame({"customer_id": ["a", "a", "b"], "product_id": ["pen", "pad", "gone"]})


def test_ndcg_is_lower_the_further_down_purchases_are_listed() -> None:
    accuracy = RankedLists.top(PAIRS, "predicted", 2).accuracy(PURCHASES)
    second = 1 / np.log2(3)
    assert accuracy.loc["a"].tolist() == pytest.approx([1 / 2, 1 / (1 + second)])
    assert accuracy.loc["b"].tolist() == [0, 0]  # its purchase was no candidate: it counts as missed
    baseline = RankedLists.top(PAIRS, "segment_popularity", 2).accuracy(PURCHASES)
    assert baseline.loc["a"].tolist() == pytest.approx([1 / 2, second / (1 + second)])


def test_recall_is_measured_by_kind_and_coverage_counts_the_products_on_any_list() -> None:
    metrics = ranking_metrics(PAIRS, PURCHASES, n_products=4, k=1)
    assert metrics["repeat recall@1"] == 1
    assert metrics["explore recall@1"] == 0  # ink before pad; and b's purchase is no candidate
    assert metrics["coverage@1"] == 1 / 4  # pen for both
    assert metrics["baseline coverage@1"] == 1 / 4
    assert metrics["own history coverage@1"] == 2 / 4
    assert metrics["popularity@1"] == pytest.approx(0.1)
    assert metrics["baseline popularity@1"] == pytest.approx(0.3)
    assert metrics["popularity of candidates"] == pytest.approx(0.2)


def test_ndcg_is_scikit_learns_where_every_product_is_a_candidate() -> None:
    rng = np.random.default_rng(3)
    bought, predicted = (rng.random((40, 8)) < 0.3).astype(float), rng.random((40, 8))
    bought[:, 0] = 1.0  # scikit-learn gives customers without a purchase an NDCG of 0
    customer, product = (index.ravel() for index in np.indices(bought.shape))
    pairs = pd.DataFrame({"customer_id": customer, "product_id": product, "predicted": predicted.ravel()})
    pairs = pairs.assign(bought=bought.ravel(), popularity_90d=0.0)
    purchases = pairs.loc[pairs["bought"] > 0, ["customer_id", "product_id"]]
    ndcg = RankedLists.top(pairs, "predicted", 5).accuracy(purchases)["ndcg"]
    assert ndcg.mean() == pytest.approx(ndcg_score(bought, predicted, k=5))
