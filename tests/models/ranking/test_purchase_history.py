"""Purchase histories and candidates of literal purchases, and of shoppers with planted affinities."""

import numpy as np
import pandas as pd
import pytest

from models.ranking.candidate_generation import CandidateLimits, generate_candidates
from models.ranking.item_similarity import ItemSimilarity
from models.ranking.matrix_factorization import LatentFactors
from models.ranking.purchase_history import PurchaseHistory

NOW = pd.Timestamp("2024-07-01")


def history_of(rows: list[tuple[str, str, int]], segments: dict[str, str] | None = None) -> PurchaseHistory:
    """Purchases as (customer, item, days ago)."""
    bought = pd.DataFrame(rows, columns=["customer", "item", "ago"])
    # noon: an age in whole days is what was written
    bought["at"] = NOW - pd.to_timedelta(bought["ago"], unit="D") - pd.Timedelta(hours=12)
    customers, items = (np.unique(bought[name].to_numpy(dtype=object)) for name in ("customer", "item"))
    placed = None if segments is None else np.array([segments[name] for name in customers], dtype=object)
    return PurchaseHistory.from_purchases(bought, NOW, customers, items, placed)


def test_pair_statistics_count_purchases_their_recency_and_their_gaps() -> None:
    history = history_of([("a", "tea", 40), ("a", "tea", 20), ("a", "tea", 20), ("a", "rice", 10), ("b", "rice", 0)])
    entries = list(zip(history.customers[history.customer_index], history.items[history.item_index], strict=True))
    assert entries == [("a", "rice"), ("a", "tea"), ("b", "rice")]
    own = {name: values.tolist() for name, values in history.pair_stats.items()}
    assert own["purchases"] == [1, 2, 1]  # twice on one day is once
    assert own["days_since"] == [10, 20, 0]
    assert own["days_since_first"] == [10, 40, 0]
    assert own["mean_gap"] == pytest.approx([np.nan, 20, np.nan], nan_ok=True)
    assert own["visits_since"] == [0, 1, 0]
    assert own["decayed_visits"] == pytest.approx([1, 0.9 + 0.81, 1])
    assert own["decayed_30d"] == pytest.approx([0.5 ** (1 / 3), 0.5 ** (2 / 3) + 0.5 ** (4 / 3), 1])


def test_statistics_of_customers_items_and_segments() -> None:
    history = history_of(
        [("a", "tea", 200), ("a", "tea", 100), ("a", "rice", 100), ("b", "tea", 5), ("c", "rice", 50)],
        {"a": "old", "b": "new", "c": "new"},
    )
    assert history.customer_stats["visits"].tolist() == [2, 1, 1]
    assert history.customer_stats["items"].tolist() == [2, 1, 1]
    assert history.customer_stats["days_since"].tolist() == [100, 5, 50]
    assert history.customer_stats["mean_gap"][0] == 100
    assert history.customer_stats["repeat_share"].tolist() == pytest.approx([1 / 3, 0, 0])
    assert history.item_stats["buyers"].tolist() == [2, 2]  # rice, tea
    assert history.item_stats["popularity_90d"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert history.item_stats["popularity_28d"].tolist() == pytest.approx([0, 1 / 3])
    assert history.item_stats["mean_gap"].tolist() == pytest.approx([np.nan, 100], nan_ok=True)
    # of the two new customers one bought each; of the old none within 90 days; ten more are as all are
    new, old = history.segment_index[1], history.segment_index[0]
    assert history.segment_popularity[new].tolist() == pytest.approx([(1 + 10 / 3) / 12] * 2)
    assert history.segment_popularity[old].tolist() == pytest.approx([(10 / 3) / 11] * 2)


def test_purchases_at_or_after_the_instant_are_not_in_the_history() -> None:
    bought = pd.DataFrame({"customer": ["a", "a", "x"], "item": ["tea", "rice", "tea"]})
    bought["at"] = [NOW - pd.Timedelta(seconds=1), NOW, NOW - pd.Timedelta(days=3)]
    history = PurchaseHistory.from_purchases(
        bought, NOW, np.array(["a"], dtype=object), np.array(["rice", "tea"], dtype=object)
    )
    assert history.items[history.item_index].tolist() == ["tea"]
    empty = PurchaseHistory.from_purchases(bought[:0], NOW, history.customers, history.items)
    assert empty.find_pairs(np.array([0]), np.array([1])).tolist() == [-1]


def test_items_bought_by_the_same_customers_are_similar() -> None:
    rows = [(f"c{n}", item, 5) for n in range(20) for item in (("tea", "sugar") if n % 2 else ("nail", "screw"))]
    history = history_of(rows)
    similarity = ItemSimilarity.fit(history, shrinkage=0.0)
    index = {item: i for i, item in enumerate(history.items[similarity.items])}
    assert similarity.similarity[index["tea"], index["sugar"]] == pytest.approx(1)
    assert similarity.similarity[index["tea"], index["nail"]] == 0
    assert similarity.similarity[index["tea"], index["tea"]] == 0
    assert ItemSimilarity.fit(history, shrinkage=10.0).similarity[index["tea"], index["sugar"]] == pytest.approx(0.5)


def shoppers(seed: int = 2) -> PurchaseHistory:
    """Sixty shoppers of tea things, sixty of tools, each with eight of twelve; everybody buys bags."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(120):
        kind = "tea" if n % 2 else "tool"
        mine = rng.choice(12, 8, replace=False)
        rows += [(f"{kind}-{n:03}", f"{kind}-{item:02}", int(rng.integers(1, 80))) for item in mine]
        rows.append((f"{kind}-{n:03}", "bag", 3))
    return history_of(rows)


def test_latent_factors_score_the_items_of_the_customers_kind_highest() -> None:
    history = shoppers()
    weights = history.matrix(np.ones(len(history.customer_index)))
    factors = LatentFactors.fit(weights, np.arange(len(history.items)), seed=1, max_factors=3)
    scores = np.where(weights.toarray() > 0, -np.inf, factors.scores(weights))
    first = history.items[scores.argmax(axis=1)]
    same = [
        item.split("-")[0] == customer.split("-")[0] for item, customer in zip(first, history.customers, strict=True)
    ]
    assert np.mean(same) == 1


def test_candidates_are_recent_purchases_and_the_best_items_never_bought() -> None:
    bags = [(f"{n:03}", f"odd-{n:03}", 300) for n in range(100)]  # a catalog too large to list in full
    history = shoppers()
    days = zip(
        history.customers[history.customer_index],
        history.items[history.item_index],
        history.pair_stats["days_since"].astype(int),
        strict=True,
    )
    history_with_rare_items = history_of([*days, *bags])
    chosen = np.flatnonzero(np.char.startswith(history_with_rare_items.customers.astype(str), "tea"))
    candidates = generate_candidates(
        history_with_rare_items, chosen, 1, CandidateLimits(own=4, similar=3, affinity=0, popular=1)
    )
    assert set(candidates.customer_index) == set(chosen)
    assert np.bincount(candidates.customer_index[candidates.is_repeat])[chosen].tolist() == [4] * len(chosen)
    repeats, new = candidates.features[candidates.is_repeat], candidates.features[~candidates.is_repeat]
    assert (repeats["own_purchases"] == 1).all()
    assert repeats["own_days_since"].max() < 80
    assert new["own_days_since"].isna().all()
    named = history_with_rare_items.items[candidates.item_index[~candidates.is_repeat]]
    assert (np.char.startswith(named.astype(str), "tea")).mean() > 0.6
    order = np.lexsort((candidates.item_index, candidates.customer_index))
    assert order.tolist() == list(range(len(order)))
    # the nearest item of a tea thing is a tea thing, or a bag
    nearest = history_with_rare_items.items[candidates.nearest_item[candidates.nearest_item >= 0]]
    assert not np.char.startswith(nearest.astype(str), "tool").any()


def test_in_a_small_catalog_every_item_is_a_candidate_of_every_customer() -> None:
    history = history_of([("a", "tea", 3), ("b", "rice", 4), ("b", "nail", 9)])
    candidates = generate_candidates(history, np.array([0, 1]), seed=1)
    assert len(candidates.customer_index) == 6
    assert candidates.is_repeat.sum() == 3
