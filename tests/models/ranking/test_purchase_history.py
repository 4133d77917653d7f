"""Shelves and short lists of literal purchases, and of shoppers with planted tastes."""

import numpy as np
import pandas as pd
import pytest

from models.ranking.candidate_generation import Most, shortlist
from models.ranking.item_similarity import Neighbours
from models.ranking.matrix_factorization import Factors
from models.ranking.purchase_history import PurchaseHistory

NOW = pd.Timestamp("2024-07-01")


def shelf_of(rows: list[tuple[str, str, int]], segments: dict[str, str] | None = None) -> PurchaseHistory:
    """Purchases as (customer, item, days ago)."""
    bought = pd.DataFrame(rows, columns=["customer", "item", "ago"])
    # noon: an age in whole days is what was written
    bought["at"] = NOW - pd.to_timedelta(bought["ago"], unit="D") - pd.Timedelta(hours=12)
    customers, items = (np.unique(bought[name].to_numpy(dtype=object)) for name in ("customer", "item"))
    placed = None if segments is None else np.array([segments[name] for name in customers], dtype=object)
    return PurchaseHistory.of(bought, NOW, customers, items, placed)


def test_an_entry_tells_how_often_how_lately_and_how_regularly() -> None:
    shelf = shelf_of([("a", "tea", 40), ("a", "tea", 20), ("a", "tea", 20), ("a", "rice", 10), ("b", "rice", 0)])
    entries = list(zip(shelf.customers[shelf.row], shelf.items[shelf.column], strict=True))
    assert entries == [("a", "rice"), ("a", "tea"), ("b", "rice")]
    own = {name: values.tolist() for name, values in shelf.own.items()}
    assert own["times"] == [1, 2, 1]  # twice on one day is once
    assert own["days"] == [10, 20, 0]
    assert own["first"] == [10, 40, 0]
    assert own["gap"] == pytest.approx([np.nan, 20, np.nan], nan_ok=True)
    assert own["back"] == [0, 1, 0]
    assert own["by_visit"] == pytest.approx([1, 0.9 + 0.81, 1])
    assert own["fresh"] == pytest.approx([0.5 ** (1 / 3), 0.5 ** (2 / 3) + 0.5 ** (4 / 3), 1])


def test_customers_and_items_are_told_apart() -> None:
    shelf = shelf_of(
        [("a", "tea", 200), ("a", "tea", 100), ("a", "rice", 100), ("b", "tea", 5), ("c", "rice", 50)],
        {"a": "old", "b": "new", "c": "new"},
    )
    assert shelf.of_customer["visits"].tolist() == [2, 1, 1]
    assert shelf.of_customer["items"].tolist() == [2, 1, 1]
    assert shelf.of_customer["days"].tolist() == [100, 5, 50]
    assert shelf.of_customer["gap"][0] == 100
    assert shelf.of_customer["again"].tolist() == pytest.approx([1 / 3, 0, 0])
    assert shelf.of_item["buyers"].tolist() == [2, 2]  # rice, tea
    assert shelf.of_item["popular"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert shelf.of_item["popular_now"].tolist() == pytest.approx([0, 1 / 3])
    assert shelf.of_item["gap"].tolist() == pytest.approx([np.nan, 100], nan_ok=True)
    # of the two new customers one bought each; of the old none within 90 days; ten more are as all are
    new, old = shelf.segment[1], shelf.segment[0]
    assert shelf.in_segment[new].tolist() == pytest.approx([(1 + 10 / 3) / 12] * 2)
    assert shelf.in_segment[old].tolist() == pytest.approx([(10 / 3) / 11] * 2)


def test_what_comes_on_or_after_the_instant_is_not_on_the_shelf() -> None:
    bought = pd.DataFrame({"customer": ["a", "a", "x"], "item": ["tea", "rice", "tea"]})
    bought["at"] = [NOW - pd.Timedelta(seconds=1), NOW, NOW - pd.Timedelta(days=3)]
    shelf = PurchaseHistory.of(bought, NOW, np.array(["a"], dtype=object), np.array(["rice", "tea"], dtype=object))
    assert shelf.items[shelf.column].tolist() == ["tea"]
    empty = PurchaseHistory.of(bought[:0], NOW, shelf.customers, shelf.items)
    assert empty.find(np.array([0]), np.array([1])).tolist() == [-1]


def test_neighbours_are_bought_by_the_same_customers() -> None:
    rows = [(f"c{n}", item, 5) for n in range(20) for item in (("tea", "sugar") if n % 2 else ("nail", "screw"))]
    shelf = shelf_of(rows)
    near = Neighbours.of(shelf, shrink=0.0)
    of = {item: place for place, item in enumerate(shelf.items[near.compared])}
    assert near.alike[of["tea"], of["sugar"]] == pytest.approx(1)
    assert near.alike[of["tea"], of["nail"]] == 0
    assert near.alike[of["tea"], of["tea"]] == 0
    assert Neighbours.of(shelf, shrink=10.0).alike[of["tea"], of["sugar"]] == pytest.approx(0.5)


def shoppers(seed: int = 2) -> PurchaseHistory:
    """Sixty shoppers of tea things, sixty of tools, each with eight of twelve; everybody buys bags."""
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(120):
        kind = "tea" if n % 2 else "tool"
        mine = rng.choice(12, 8, replace=False)
        rows += [(f"{kind}-{n:03}", f"{kind}-{item:02}", int(rng.integers(1, 80))) for item in mine]
        rows.append((f"{kind}-{n:03}", "bag", 3))
    return shelf_of(rows)


def test_tastes_tell_what_is_missing_from_a_shopper_of_a_kind() -> None:
    shelf = shoppers()
    weights = shelf.matrix(np.ones(len(shelf.row)))
    factors = Factors.of(shelf, weights, np.arange(len(shelf.items)), seed=1, rank=3)
    scores = np.where(weights.toarray() > 0, -np.inf, factors.scores(weights))
    first = shelf.items[scores.argmax(axis=1)]
    same = [item.split("-")[0] == customer.split("-")[0] for item, customer in zip(first, shelf.customers, strict=True)]
    assert np.mean(same) == 1


def test_a_list_holds_what_was_bought_and_the_best_of_what_never_was() -> None:
    bags = [(f"{n:03}", f"odd-{n:03}", 300) for n in range(100)]  # a catalogue too large to list whole
    shelf = shoppers()
    days = zip(shelf.customers[shelf.row], shelf.items[shelf.column], shelf.own["days"].astype(int), strict=True)
    whole = shelf_of([*days, *bags])
    chosen = np.flatnonzero(np.char.startswith(whole.customers.astype(str), "tea"))
    listed = shortlist(whole, chosen, Most(own=4, alike=3, taste=0, popular=1), seed=1)
    assert set(listed.row) == set(chosen)
    assert np.bincount(listed.row[listed.repeat])[chosen].tolist() == [4] * len(chosen)
    fresh, new = listed.features[listed.repeat], listed.features[~listed.repeat]
    assert (fresh["own_times"] == 1).all()
    assert fresh["own_days"].max() < 80
    assert new["own_days"].isna().all()
    named = whole.items[listed.column[~listed.repeat]]
    assert (np.char.startswith(named.astype(str), "tea")).mean() > 0.6
    order = np.lexsort((listed.column, listed.row))
    assert order.tolist() == list(range(len(order)))
    # who bought tea things is told which of them goes most closely
    companions = whole.items[listed.companion[listed.companion >= 0]]
    assert not np.char.startswith(companions.astype(str), "tool").any()


def test_in_a_small_catalogue_everything_is_on_every_list() -> None:
    shelf = shelf_of([("a", "tea", 3), ("b", "rice", 4), ("b", "nail", 9)])
    listed = shortlist(shelf, np.array([0, 1]), Most(), seed=1)
    assert len(listed.row) == 6
    assert listed.repeat.sum() == 3
