"""Recommendations on real purchases, compared with common methods: recall@10, NDCG@10 and coverage.

``python -m bench.recommend [--data FOLDER]``.

The task is the next basket. At a cut, each customer gets ten items; the target is all that it bought on its first day
with purchases after the cut. Customers with a purchase before the cut and one within the test window count, all alike.
recall@10 is the share of that basket among the ten, averaged over customers (Li et al. 2023, "A next basket
recommendation reality check"); NDCG@10 counts a hit less the further down it stands; coverage is the share of the
items sold before the cut that are among anybody's ten. *Repeat* is the same measure where only items that the customer
bought before are named and wanted, *explore* where only others are.

* completejourney: households, weeks 1–40, tested on weeks 41–53. An item is a ``product_id``: one article.
  Segments are the age classes of the demographics, where known.
* Online Retail: customers of the wholesaler, 2009-12-01 to 2011-09-08, tested on the 13 weeks from 2011-09-09. An item
  is a stock code of goods. Segments are the United Kingdom and abroad, as the mapping has them.

Ours is the code that the night runs: ``generate_candidates`` with its limits, and the ``ProductRanker`` with its trees
and its calibrations. Only the label differs (the next basket, where the night predicts purchases within 90 days), and
the data name no families, tiers, prices or campaigns, so that these features are missing.

Nothing is chosen on the test window. Ours is calibrated on the latest inner cut by trees fitted to the inner cuts whose
windows had closed by then; afterwards the trees are fitted to all inner cuts. The settings of each peer are those with
the best recall@10 on the latest inner cut; it is fitted again to all that is known at the test cut.
Lists that are too short are filled with popular items, for all methods alike.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bench.harness.peers import PEERS, Say
from bench.harness.result import DATA, print_result
from data.arrays import Bools, Floats, Floats32, Ints
from models.ranking import ranker
from models.ranking.candidate_generation import CandidateSet, generate_candidates
from models.ranking.candidates import FEATURE_NAMES
from models.ranking.purchase_history import PurchaseHistory
from models.ranking.ranker import ProductRanker

TOP = 10
SEED = 7
N_INNER_CUTS = 9
MAX_TRAINING_CUSTOMERS = 1_200
"""Customers of each inner cut that are trained on, and evaluated at the latest, to be quick."""
BATCH_CUSTOMERS = 200


@dataclass(frozen=True)
class Sales:
    """Purchases (``customer, item, at``), the segment of each customer, the test cut, the length of an inner window,
    and the distance between inner cuts."""

    purchases: pd.DataFrame
    segments: "pd.Series[str]"
    cut: pd.Timestamp
    window: pd.Timedelta
    step: pd.Timedelta


@dataclass(frozen=True)
class Cut:
    """The purchases before a cut, and each chosen customer's next basket after it: (customer, item) indices into the
    history; -1 for an item that was never sold before."""

    history: PurchaseHistory
    chosen: Ints
    basket_customer: Ints
    basket_item: Ints


@dataclass(frozen=True)
class Measured:
    """Means over customers; ``repeat`` and ``explore`` over those with an item of that kind in the basket."""

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
        ours, peers = measured["ours"], {name: peer for name, peer in measured.items() if name != "ours"}
        best = max(peers, key=lambda name: peers[name].recall)
        figures |= {
            f"{key}.recall10": round(ours.recall, 4),
            f"{key}.best_peer_recall10": round(peers[best].recall, 4),
            f"{key}.ahead": round(ours.recall / peers[best].recall - 1, 4),
            f"{key}.ndcg10": round(ours.ndcg, 4),
            f"{key}.best_peer_ndcg10": round(max(peer.ndcg for peer in peers.values()), 4),
            f"{key}.coverage": round(ours.coverage, 4),
            f"{key}.repeat_recall10": round(ours.repeat, 4),
            f"{key}.best_peer_repeat_recall10": round(max(peer.repeat for peer in peers.values()), 4),
            f"{key}.explore_recall10": round(ours.explore, 4),
            f"{key}.best_peer_explore_recall10": round(max(peer.explore for peer in peers.values()), 4),
        }
        for name, method in measured.items():
            values = (method.recall, method.ndcg, method.repeat, method.explore, method.coverage, method.popularity)
            label = name + (" *" if name == best else "")
            rows.append([key, label, method.setting, *(f"{value:.3f}" for value in values)])
    columns = ["data", "method", "setting", "recall", "NDCG", "repeat", "explore", "coverage", "popular"]
    print_result("next basket, of ten items named; * is the best peer", columns, rows, figures)


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
    purchases = pd.DataFrame(
        {"customer": lines["household_id"], "item": lines["product_id"], "at": lines["transaction_timestamp"]}
    )
    return Sales(purchases, ages, cut, pd.Timedelta(days=28), pd.Timedelta(days=14))


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
    is_domestic = lines.drop_duplicates("customer").set_index("customer")["country"] == "United Kingdom"
    segments = is_domestic.map({True: "United Kingdom", False: "abroad"})
    cut, window, step = pd.Timestamp("2011-09-09"), pd.Timedelta(days=91), pd.Timedelta(days=30)
    return Sales(lines[["customer", "item", "at"]], segments, cut, window, step)


def measure(sales: Sales) -> dict[str, Measured]:
    """Ours and every peer on the test window, each peer with the settings that were best on the latest inner cut."""
    rng = np.random.default_rng(SEED)
    days = [sales.cut - sales.window - sales.step * back for back in range(N_INNER_CUTS)]
    inner = [_sample(cut_at(sales, day, sales.window), rng) for day in days]
    closed = [i for i, day in enumerate(days) if day + sales.window <= days[0]]
    test, latest = cut_at(sales, sales.cut, None), inner[0]
    model = fit_ranker(inner, closed)
    candidates = generate_candidates(test.history, test.chosen, SEED)
    measured = {"ours": replace(_measured(test, _ranked(model, candidates)), setting="the shipped ranker")}

    def recall_on_latest(scores: Say) -> float:
        return recall_and_ndcg(latest, top_items(latest, scores)[0])[0]

    for name, (peer, settings) in PEERS.items():
        best = max(settings, key=lambda setting: recall_on_latest(peer(latest.history, *setting)))
        measured[name] = replace(_measured(test, peer(test.history, *best)), setting=str(best))
    return measured


def fit_ranker(cuts: Sequence[Cut], closed: Sequence[int]) -> ProductRanker:
    """The night's ranker, calibrated on the first of the cuts by trees of the ``closed`` ones, then fitted to all."""
    pairs = [labeled_pairs(cut, generate_candidates(cut.history, cut.chosen, SEED)) for cut in cuts]
    earlier = pd.concat([pairs[i] for i in closed], ignore_index=True)
    calibrations = ranker.fit_calibrations(ranker.out_of_time_scores(earlier, pairs[0], SEED))
    return ProductRanker(ranker.fit_ranker_trees(pd.concat(pairs, ignore_index=True), SEED), calibrations)


def labeled_pairs(cut: Cut, candidates: CandidateSet) -> pd.DataFrame:
    """The candidate pairs as the ranker takes them, with ``bought``: whether the item is in the next basket."""
    n_items = len(cut.history.items)
    known = cut.basket_item >= 0
    basket = cut.basket_customer[known].astype(np.int64) * n_items + cut.basket_item[known]
    pairs = candidates.customer_index.astype(np.int64) * n_items + candidates.item_index
    return _ranker_input(candidates).assign(bought=np.isin(pairs, basket).astype(np.float64))


def _ranker_input(candidates: CandidateSet) -> pd.DataFrame:
    """``FEATURE_NAMES`` and ``is_repeat``; what the data do not name is missing, and customers are accounts."""
    features = candidates.features.reindex(columns=FEATURE_NAMES).astype(np.float32)
    return features.assign(is_contact=np.float32(0.0), is_repeat=candidates.is_repeat)


def cut_at(sales: Sales, at: pd.Timestamp, window: pd.Timedelta | None) -> Cut:
    """The cut at an instant, with the next basket of each customer within the window (to the end, without one)."""
    past = sales.purchases[sales.purchases["at"] < at]
    customers, items = (np.unique(past[name]) for name in ("customer", "item"))
    segments = sales.segments.reindex(customers).fillna("unknown").to_numpy()
    history = PurchaseHistory.from_purchases(past, at, customers, items, segments)
    in_window = (sales.purchases["at"] >= at) & ((sales.purchases["at"] < at + window) if window else True)
    later = sales.purchases[in_window]
    day = later["at"].dt.normalize()
    basket = later[day == day.groupby(later["customer"]).transform("min")]
    basket = basket[basket["customer"].isin(customers)].drop_duplicates(["customer", "item"])
    customer_index = pd.Index(customers).get_indexer(pd.Index(basket["customer"]))
    # an item that was never sold before the cut counts as missed by every method
    item_index = pd.Index(items).get_indexer(pd.Index(basket["item"]))
    order = np.argsort(customer_index, kind="stable")
    return Cut(history, np.unique(customer_index), customer_index[order], item_index[order])


def _sample(cut: Cut, rng: np.random.Generator) -> Cut:
    if len(cut.chosen) <= MAX_TRAINING_CUSTOMERS:
        return cut
    return replace(cut, chosen=np.sort(rng.choice(cut.chosen, MAX_TRAINING_CUSTOMERS, replace=False)))


def _ranked(model: ProductRanker, candidates: CandidateSet) -> Say:
    """The probabilities of the candidate pairs; an item that is no candidate scores 0, below all that are."""
    probabilities = model.predict(_ranker_input(candidates)).astype(np.float32)
    n_customers, n_items = len(candidates.history.customers), len(candidates.history.items)

    def scores(chosen: Ints) -> Floats32:
        dense = np.zeros((len(chosen), n_items), dtype=np.float32)
        row = np.full(n_customers, -1)
        row[chosen] = np.arange(len(chosen))
        wanted = row[candidates.customer_index] >= 0
        dense[row[candidates.customer_index[wanted]], candidates.item_index[wanted]] = probabilities[wanted]
        return dense

    return scores


def top_items(cut: Cut, method: Say, kinds: Sequence[str] = ("",)) -> list[Ints]:
    """For each kind (all, *repeat*, *explore*), chosen customers × ten: the indices of the best items by a method's
    scores, best first. Popularity settles ties."""
    stats = cut.history.item_stats
    popularity = (stats["popularity_90d"] + 1e-3 * stats["popularity_28d"]).astype(np.float32)
    bought = cut.history.matrix(np.ones(len(cut.history.customer_index)))
    batches: list[list[Ints]] = []
    for start in range(0, len(cut.chosen), BATCH_CUSTOMERS):
        batch = cut.chosen[start : start + BATCH_CUSTOMERS]
        scores = np.array(method(batch), dtype=np.float32)
        scores += np.float32(1e-6 * max(1e-6, float(np.abs(scores).max()))) * popularity
        is_repeat = np.asarray(bought[batch].todense()) > 0
        allowed = {"": None, "repeat": is_repeat, "explore": ~is_repeat}
        batches.append([_first(scores, allowed[kind]) for kind in kinds])
    return [np.concatenate([batch[i] for batch in batches]) for i in range(len(kinds))]


def _first(scores: Floats32, allowed: Bools | None) -> Ints:
    """The ten best allowed columns of each row, best first; -1 where a row has fewer."""
    losses = -scores if allowed is None else np.where(allowed, -scores, np.float32(np.inf))
    top = np.argpartition(losses, TOP, axis=1)[:, :TOP]
    order = np.argsort(np.take_along_axis(losses, top, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(top, order, axis=1)
    return np.where(np.isfinite(np.take_along_axis(losses, top, axis=1)), top, -1)


def recall_and_ndcg(cut: Cut, lists: Ints, counted: Bools | None = None) -> tuple[float, float]:
    """Means over the chosen customers of recall and NDCG at ten, of the ``counted`` basket items (all, without)."""
    keep = np.ones(len(cut.basket_item), dtype=bool) if counted is None else counted
    customer, item = cut.basket_customer[keep], cut.basket_item[keep]
    row_of = np.full(len(cut.history.customers), -1)
    row_of[cut.chosen] = np.arange(len(cut.chosen))
    chosen = row_of[customer] >= 0
    row, item = row_of[customer][chosen], item[chosen]
    hits = (lists[row] == item[:, None]) & (item[:, None] >= 0)
    size = np.bincount(row, minlength=len(cut.chosen))
    discounts: Floats = 1.0 / np.log2(np.arange(TOP) + 2.0)
    gain = np.bincount(row, weights=hits @ discounts, minlength=len(cut.chosen))
    n_hits = np.bincount(row, weights=hits.any(axis=1), minlength=len(cut.chosen))
    has_basket = size > 0
    ideal = np.cumsum(discounts)[np.minimum(size[has_basket], TOP) - 1]
    recall, ndcg = n_hits[has_basket] / size[has_basket], gain[has_basket] / ideal
    return float(recall.mean()), float(ndcg.mean())


def _measured(cut: Cut, method: Say) -> Measured:
    lists, repeats, explored = top_items(cut, method, ("", "repeat", "explore"))
    recall, ndcg = recall_and_ndcg(cut, lists)
    bought = cut.history.find_pairs(cut.basket_customer, np.maximum(cut.basket_item, 0)) >= 0
    is_repeat = (cut.basket_item >= 0) & bought
    return Measured(
        recall=recall,
        ndcg=ndcg,
        coverage=len(np.unique(lists[lists >= 0])) / len(cut.history.items),
        repeat=recall_and_ndcg(cut, repeats, is_repeat)[0],
        explore=recall_and_ndcg(cut, explored, ~is_repeat)[0],
        popularity=float(cut.history.item_stats["popularity_90d"][lists[lists >= 0]].mean()),
    )


if __name__ == "__main__":
    main()
