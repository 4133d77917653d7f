"""Recommendations on real purchases, beside what is usually done: recall@10, NDCG@10 and coverage.

``python -m bench.recommend [--data FOLDER]``.

The task is the next basket. At a cut, each customer gets ten items; the target is all that it bought on its first day
with purchases after the cut. Customers with a purchase before the cut and one within the test window count, all alike.
recall@10 is the share of that basket among the ten, averaged over customers (Li et al. 2023, "A next basket
recommendation reality check"); NDCG@10 counts a hit less the further down it stands; coverage is the share of the
items sold before the cut that are among anybody's ten. *Repeat* is the same measure where only items that the customer
bought before are named and wanted, *explore* where only others are.

* completejourney: households, weeks 1–40, tested on weeks 41–53. An item is a ``product_id``: what lies on the shelf.
  Segments are the age classes of the demographics, where known.
* Online Retail: customers of the wholesaler, 2009-12-01 to 2011-09-08, tested on the 13 weeks from 2011-09-09. An item
  is a stock code of goods. Segments are the United Kingdom and abroad, as the mapping has them.

Nothing is chosen on the test window. Inner cuts before it teach, each with what was bought in a window after it that
had closed by the test cut. The settings of each peer and what our trees optimise are those with the best recall@10 on
the latest inner cut, ours learnt from the cuts whose windows had closed by then; afterwards ours learns from all inner
cuts, and every peer is made again of all that is known at the test cut.
Lists that are too short are filled with what is popular, for all methods alike.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.harness.peers import PEERS, Say
from bench.harness.result import DATA, say
from data.arrays import Ints
from models.ranking import ranker
from models.ranking.candidate_generation import Most, Shortlist, shortlist
from models.ranking.purchase_history import PurchaseHistory

TOP = 10
SEED = 7
INNER_CUTS = 9
MOST_LEARNT = 1_200
"""Customers of each inner cut that are learnt from, and judged at the latest, to be quick."""
MOST = Most(own=100, alike=20, taste=20, popular=15)
AIMS: tuple[tuple[ranker.Objective, bool], ...] = (("binary", False), ("binary", True), ("lambdarank", False))
"""What the trees may optimise; the second says whether each customer's basket weighs the same."""
TREES = 150
CHUNK = 200


@dataclass(frozen=True)
class Sales:
    """Purchases (``customer, item, at``), the segment of each customer, the test cut, how long an inner window is, and
    how far apart inner cuts lie."""

    bought: pd.DataFrame
    segments: "pd.Series[str]"
    cut: pd.Timestamp
    window: pd.Timedelta
    step: pd.Timedelta


@dataclass(frozen=True)
class Cut:
    """What was bought before a cut, and each chosen customer's next basket after it: places in the shelf."""

    shelf: PurchaseHistory
    chosen: Ints
    basket_of: Ints
    basket: Ints


@dataclass(frozen=True)
class Measured:
    """Means over customers; the parts over those that wanted any of the kind."""

    recall: float
    ndcg: float
    coverage: float
    repeat: float
    explore: float
    popularity: float
    setting: str = ""


def main() -> None:
    """Measure both data sets and print how each method did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    folder = parser.parse_args().data
    readers = {"completejourney": completejourney, "online_retail": online_retail}
    missing = [
        str(folder / name) for name in ("rec_completejourney", "rev_online_retail_uci") if not (folder / name).is_dir()
    ]
    if missing:
        raise SystemExit(f"the data is not there: {', '.join(missing)}; name its folder with --data")
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for key, read in readers.items():
        with threadpool_limits(1, "blas"):  # threads that wait for one another cost more than they bring
            measured = measure(read(folder))
        ours, peers = measured["ours"], {name: one for name, one in measured.items() if name != "ours"}
        best = max(peers, key=lambda name: peers[name].recall)
        figures |= {
            f"{key}.recall10": round(ours.recall, 4),
            f"{key}.best_peer_recall10": round(peers[best].recall, 4),
            f"{key}.ahead": round(ours.recall / peers[best].recall - 1, 4),
            f"{key}.ndcg10": round(ours.ndcg, 4),
            f"{key}.best_peer_ndcg10": round(max(one.ndcg for one in peers.values()), 4),
            f"{key}.coverage": round(ours.coverage, 4),
            f"{key}.repeat_recall10": round(ours.repeat, 4),
            f"{key}.best_peer_repeat_recall10": round(max(one.repeat for one in peers.values()), 4),
            f"{key}.explore_recall10": round(ours.explore, 4),
            f"{key}.best_peer_explore_recall10": round(max(one.explore for one in peers.values()), 4),
        }
        for name, one in measured.items():
            parts = (one.recall, one.ndcg, one.repeat, one.explore, one.coverage, one.popularity)
            told = name + (" *" if name == best else "")
            rows.append([key, told, one.setting, *(f"{part:.3f}" for part in parts)])
    columns = ["data", "method", "setting", "recall", "NDCG", "repeat", "explore", "coverage", "popular"]
    say("next basket, of ten items named; * is the best peer", columns, rows, figures)


def completejourney(folder: Path) -> Sales:
    """The households' purchases, weeks 41–53 to test."""
    home = folder / "rec_completejourney"
    lines = pd.read_parquet(
        home / "transactions.parquet",
        columns=["household_id", "product_id", "quantity", "week", "transaction_timestamp"],
    )
    lines = lines[lines["quantity"] > 0]
    ages = pd.read_parquet(home / "demographics.parquet").set_index("household_id")["age"].astype(str)
    cut = lines.loc[lines["week"] >= 41, "transaction_timestamp"].min().normalize()
    bought = pd.DataFrame(
        {"customer": lines["household_id"], "item": lines["product_id"], "at": lines["transaction_timestamp"]}
    )
    return Sales(bought, ages, cut, pd.Timedelta(days=28), pd.Timedelta(days=14))


def online_retail(folder: Path) -> Sales:
    """The wholesaler's invoices of goods to known customers, without cancellations."""
    home = folder / "rev_online_retail_uci"
    names = ["invoice", "item", "description", "quantity", "at", "price", "customer", "country"]
    first = pd.read_parquet(home / "online_retail_II_2009_2010.parquet").set_axis(names, axis=1)
    second = pd.read_parquet(home / "online_retail_2010_2011.parquet").set_axis(names, axis=1)
    first["at"] = pd.to_datetime(first["at"])
    lines = pd.concat([first[first["at"] < pd.Timestamp("2010-12-01")], second], ignore_index=True)
    lines = lines[lines["customer"].notna() & (lines["quantity"] > 0) & (lines["price"] > 0)]
    lines["item"] = lines["item"].str.strip().str.upper()
    lines = lines[lines["item"].str.match("[0-9]{5}")].astype({"customer": "int64"})
    home_land = lines.drop_duplicates("customer").set_index("customer")["country"] == "United Kingdom"
    segments = home_land.map({True: "United Kingdom", False: "abroad"})
    cut, window, step = pd.Timestamp("2011-09-09"), pd.Timedelta(days=91), pd.Timedelta(days=30)
    return Sales(lines[["customer", "item", "at"]], segments, cut, window, step)


def measure(sales: Sales) -> dict[str, Measured]:
    """Ours and every peer on the test window, each with the settings that were best on the latest inner cut."""
    rng = np.random.default_rng(SEED)
    days = [sales.cut - sales.window - sales.step * back for back in range(INNER_CUTS)]
    inner = [before(sales, day, sales.window) for day in days]
    closed = [place for place, day in enumerate(days) if day + sales.window <= days[0]]
    learnt = [_some(cut, rng) for cut in inner]
    lists = [shortlist(cut.shelf, cut.chosen, MOST, SEED) for cut in learnt]
    judge = learnt[0]

    def on_inner(told: Say) -> float:
        return recall_and_ndcg(judge, named(judge, told)[0])[0]

    earlier, their_lists = [learnt[place] for place in closed], [lists[place] for place in closed]
    aim = max(AIMS, key=lambda one: on_inner(_ours(_fit(earlier, their_lists, one), lists[0])))
    test = before(sales, sales.cut, None)
    ours = _ours(_fit(learnt, lists, aim), shortlist(test.shelf, test.chosen, MOST, SEED))
    measured = {"ours": replace(_measured(test, ours), setting=str(aim))}
    for name, (peer, settings) in PEERS.items():
        best = max(settings, key=lambda one: on_inner(peer(judge.shelf, *one)))
        measured[name] = replace(_measured(test, peer(test.shelf, *best)), setting=str(best))
    return measured


def before(sales: Sales, at: pd.Timestamp, window: pd.Timedelta | None) -> Cut:
    """The cut at an instant, with the next basket of each customer within the window (to the end, without one)."""
    past = sales.bought[sales.bought["at"] < at]
    customers, items = (np.unique(past[name]) for name in ("customer", "item"))
    segments = sales.segments.reindex(customers).fillna("unknown").to_numpy()
    shelf = PurchaseHistory.of(past, at, customers, items, segments)
    later = sales.bought[(sales.bought["at"] >= at) & ((sales.bought["at"] < at + window) if window else True)]
    day = later["at"].dt.normalize()
    first = later[day == day.groupby(later["customer"]).transform("min")]
    first = first[first["customer"].isin(customers)].drop_duplicates(["customer", "item"])
    row = pd.Index(customers).get_indexer(pd.Index(first["customer"]))
    # what was never sold before the cut is wanted too, though nobody can name it: it stands beyond the items
    column = pd.Index(items).get_indexer(pd.Index(first["item"]))
    order = np.argsort(row, kind="stable")
    return Cut(shelf, np.unique(row), row[order], column[order])


def _some(cut: Cut, rng: np.random.Generator) -> Cut:
    if len(cut.chosen) <= MOST_LEARNT:
        return cut
    return replace(cut, chosen=np.sort(rng.choice(cut.chosen, MOST_LEARNT, replace=False)))


def _bought(cut: Cut, listed: Shortlist) -> NDArray[np.float64]:
    """1 where a pair of the lists is in the next basket."""
    width = len(cut.shelf.items)
    known = cut.basket >= 0
    basket = cut.basket_of[known].astype(np.int64) * width + cut.basket[known]
    return np.isin(listed.row.astype(np.int64) * width + listed.column, basket).astype(np.float64)


def _fit(cuts: list[Cut], lists: list[Shortlist], aim: tuple[ranker.Objective, bool]) -> lgb.Booster:
    objective, alike = aim
    bought = np.concatenate([_bought(cut, one) for cut, one in zip(cuts, lists, strict=True)])
    sizes = [np.bincount(cut.basket_of, minlength=len(cut.shelf.customers)) for cut in cuts]
    weights = np.concatenate([1.0 / size[one.row] for size, one in zip(sizes, lists, strict=True)]) if alike else None
    number = np.concatenate([one.row + at * 10**9 for at, one in enumerate(lists)])
    features = pd.concat([one.features for one in lists], ignore_index=True)
    return ranker.fit(features, bought, number, seed=SEED, objective=objective, weights=weights, trees=TREES)


def _ours(booster: lgb.Booster, listed: Shortlist) -> Say:
    """The trees' scores of the pairs on the lists; what is on no list stands below all that is."""
    scores = ranker.raw(booster, listed.features)
    scores = scores - scores.min() + 1.0
    width = len(listed.shelf.items)

    def said(chosen: Ints) -> NDArray[np.float32]:
        whole = np.zeros((len(chosen), width), dtype=np.float32)
        place = np.full(len(listed.shelf.customers), -1)
        place[chosen] = np.arange(len(chosen))
        mine = place[listed.row] >= 0
        whole[place[listed.row[mine]], listed.column[mine]] = scores[mine]
        return whole

    return said


def named(cut: Cut, told: Say, kinds: Sequence[str] = ("",)) -> list[NDArray[np.intp]]:
    """For each kind, chosen customers × ten: the places of the items that a method names, best first.

    Kinds are all, *repeat* and *explore*. Equal scores are settled by what is popular.
    """
    popular = (cut.shelf.of_item["popular"] + 1e-3 * cut.shelf.of_item["popular_now"]).astype(np.float32)
    had = cut.shelf.matrix(np.ones(len(cut.shelf.row)))
    parts: list[list[NDArray[np.intp]]] = []
    for at in range(0, len(cut.chosen), CHUNK):
        some = cut.chosen[at : at + CHUNK]
        scores = np.array(told(some), dtype=np.float32)
        scores += np.float32(1e-6 * max(1e-6, float(np.abs(scores).max()))) * popular
        mine = np.asarray(had[some].todense()) > 0
        allowed = {"": None, "repeat": mine, "explore": ~mine}
        parts.append([_first(scores, allowed[kind]) for kind in kinds])
    return [np.concatenate([part[at] for part in parts]) for at in range(len(kinds))]


def _first(scores: NDArray[np.float32], allowed: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    """The ten best allowed ones of each row, best first; -1 where a row has fewer."""
    open_ = -scores if allowed is None else np.where(allowed, -scores, np.float32(np.inf))
    top = np.argpartition(open_, TOP, axis=1)[:, :TOP]
    order = np.argsort(np.take_along_axis(open_, top, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(open_, top, axis=1)), top, -1)


def recall_and_ndcg(cut: Cut, named: NDArray[np.intp], wanted: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Means over the chosen customers of those of their basket's items that are ``wanted`` (all, without)."""
    keep = np.ones(len(cut.basket), dtype=bool) if wanted is None else wanted
    row, column = cut.basket_of[keep], cut.basket[keep]
    place = np.full(len(cut.shelf.customers), -1)
    place[cut.chosen] = np.arange(len(cut.chosen))
    of = place[row]
    row, column, of = row[of >= 0], column[of >= 0], of[of >= 0]
    hits = (named[of] == column[:, None]) & (column[:, None] >= 0)
    size = np.bincount(of, minlength=len(cut.chosen))
    gains = 1.0 / np.log2(np.arange(TOP) + 2.0)
    gained = np.bincount(of, weights=hits @ gains, minlength=len(cut.chosen))
    found = np.bincount(of, weights=hits.any(axis=1), minlength=len(cut.chosen))
    some = size > 0
    ideal = np.cumsum(gains)[np.minimum(size[some], TOP) - 1]
    return float((found[some] / size[some]).mean()), float((gained[some] / ideal).mean())


def _measured(cut: Cut, told: Say) -> Measured:
    every, repeats, explored = named(cut, told, ("", "repeat", "explore"))
    recall, ndcg = recall_and_ndcg(cut, every)
    had = (cut.basket >= 0) & (cut.shelf.find(cut.basket_of, np.maximum(cut.basket, 0)) >= 0)
    repeat = recall_and_ndcg(cut, repeats, had)[0]
    explore = recall_and_ndcg(cut, explored, ~had)[0]
    coverage = len(np.unique(every[every >= 0])) / len(cut.shelf.items)
    popularity = float(cut.shelf.of_item["popular"][every[every >= 0]].mean())
    return Measured(recall, ndcg, coverage, repeat, explore, popularity)


if __name__ == "__main__":
    main()
