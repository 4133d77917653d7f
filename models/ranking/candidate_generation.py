"""Pairs of customer and item that are worth ranking, repeats and things never had apart, with what is known of each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from data.arrays import Floats32, Ints
from features.feature import Feature
from models.ranking.item_similarity import Neighbours
from models.ranking.matrix_factorization import Factors
from models.ranking.purchase_history import PurchaseHistory

SMALL_CATALOGUE = 80
"""Up to so many items, every one is on every list."""
CHUNK = 500
HALF_LIFE = 180.0
LASTS = 0.3
"""Taste and company weigh a purchase less the longer it is ago, but never less than this share."""

FEATURES: tuple[Feature, ...] = (
    Feature("own_times", "again", "times the customer bought it", "count"),
    Feature("own_days", "again", "days since the customer last bought it", "days"),
    Feature("own_gap", "again", "days between its purchases by the customer", "days"),
    Feature("own_fresh", "again", "purchases of it, fading by the month", "count"),
    Feature("own_lasting", "again", "purchases of it, fading by the half year", "count"),
    Feature("own_by_visit", "again", "purchases of it, fading with each visit", "count"),
    Feature("own_back", "again", "visits since the customer last bought it", "count"),
    Feature("own_due", "again", "days since the last purchase against the usual gap", "ratio"),
    Feature("own_late", "again", "days since the last purchase against everybody's gap", "ratio"),
    Feature("own_share", "again", "share of the customer's visits with it", "share"),
    Feature("own_rate", "again", "purchases a visit since the first", "ratio"),
    Feature("own_of_newest", "again", "whether it was bought on the latest visit", "yes or no"),
    Feature("alike", "together", "how closely it goes with what the customer bought", "share"),
    Feature("alike_place", "together", "how many go more closely", "count"),
    Feature("alike_most", "together", "how closely it goes with one thing that the customer bought", "share"),
    Feature("taste", "together", "how well it fits the customer's taste", "score"),
    Feature("taste_place", "together", "how many fit it better", "count"),
    Feature("popular_segment", "popular", "share of the segment that bought it within 90 days", "share"),
    Feature("popular", "popular", "share of all customers that bought it within 90 days", "share"),
    Feature("popular_now", "popular", "share of all customers that bought it within 28 days", "share"),
    Feature("trend", "popular", "its buyers of 28 days against those of 90", "ratio"),
    Feature("rising", "popular", "its buyers of 90 days against those of a year", "ratio"),
    Feature("season", "popular", "share of a year's buyers who bought it in the same season a year ago", "share"),
    Feature("item_again", "item", "share of its buyers who bought it again", "share"),
    Feature("item_gap", "item", "days between purchases of it by one buyer", "days"),
    Feature("item_times", "item", "purchases of it by one buyer", "count"),
    Feature("item_since", "item", "days since it was first sold", "days"),
    Feature("customer_visits", "customer", "days on which the customer bought anything", "count"),
    Feature("customer_items", "customer", "different things that the customer ever bought", "count"),
    Feature("customer_size", "customer", "things bought on a visit", "count"),
    Feature("customer_newest", "customer", "things bought on the latest visit", "count"),
    Feature("customer_days", "customer", "days since the customer bought anything", "days"),
    Feature("customer_gap", "customer", "days between the customer's visits", "days"),
    Feature("customer_again", "customer", "share of the customer's purchases that were repeats", "share"),
)
"""What is known of a pair; ``features.feature`` says how to read a row of this list."""


@dataclass(frozen=True)
class Most:
    """How many pairs of a customer come from each source: own history, co-purchase, taste, the segment's favourites."""

    own: int = 60
    alike: int = 20
    taste: int = 20
    popular: int = 15


@dataclass(frozen=True)
class Shortlist:
    """One entry per customer and item on its list, ordered by both: places in the shelf, and ``FEATURES``.

    ``companion`` is the place of the item of the customer's that goes most closely with it; -1 where none does.
    """

    shelf: PurchaseHistory
    neighbours: Neighbours
    row: Ints
    column: Ints
    companion: Ints
    features: pd.DataFrame

    @property
    def repeat(self) -> NDArray[np.bool_]:
        """Whether the customer ever bought the item: the others are there to explore."""
        return (self.features["own_times"] > 0).to_numpy()


def shortlist(shelf: PurchaseHistory, chosen: Ints, most: Most, seed: int) -> Shortlist:
    """The lists of the chosen customers (places in the shelf)."""
    weights = shelf.matrix(
        np.log1p(shelf.own["times"]) * (LASTS + (1 - LASTS) * 0.5 ** (shelf.own["days"] / HALF_LIFE))
    )
    neighbours = Neighbours.of(shelf)
    factors = Factors.of(shelf, weights, neighbours.compared, seed)
    parts = []
    for at in range(0, max(1, len(chosen)), CHUNK):
        some = chosen[at : at + CHUNK]
        parts.append(_part(shelf, neighbours, factors, weights[some], some, most))
    row, column, companion = (np.concatenate([part[at] for part in parts]) for at in range(3))
    return Shortlist(
        shelf, neighbours, row, column, companion, pd.concat([part[3] for part in parts], ignore_index=True)
    )


def _part(
    shelf: PurchaseHistory,
    neighbours: Neighbours,
    factors: Factors,
    weights: sparse.csr_matrix,
    chosen: Ints,
    most: Most,
) -> tuple[Ints, Ints, Ints, pd.DataFrame]:
    alike, taste = neighbours.scores(weights), factors.scores(weights)
    row, column = _pairs(shelf, neighbours.compared, alike, taste, chosen, most)
    values = {**_own(shelf, chosen[row], column), **_of_both(shelf, chosen[row], column)}
    place = np.full(len(shelf.items), -1, dtype=np.intp)
    place[neighbours.compared] = np.arange(len(neighbours.compared))
    among = place[column]
    for name, scores in (("alike", alike), ("taste", taste)):
        values[name] = np.where(among >= 0, scores[row, among], 0.0)
        values[f"{name}_place"] = _places(row, values[name])
    values["alike_most"], companion = _companions(shelf, neighbours, place, chosen, row, column)
    features = pd.DataFrame({name: values[name].astype(np.float32) for name in (feature.name for feature in FEATURES)})
    return chosen[row], column, companion, features


def _pairs(
    shelf: PurchaseHistory, compared: Ints, alike: Floats32, taste: Floats32, chosen: Ints, most: Most
) -> tuple[Ints, Ints]:
    """Ints in ``chosen`` and of items: what was bought most freshly, and the best of what never was."""
    starts = shelf.starts()
    sold = np.flatnonzero(shelf.of_item["buyers"] > 0)
    if len(sold) <= SMALL_CATALOGUE:
        return np.repeat(np.arange(len(chosen)), len(sold)), np.tile(sold, len(chosen))
    found = np.zeros((len(chosen), len(shelf.items)), dtype=bool)
    mine = [slice(starts[customer], starts[customer + 1]) for customer in chosen]
    had = np.zeros_like(found)
    for at, part in enumerate(mine):
        had[at, shelf.column[part]] = True
    unseen = had[:, compared]
    popular = shelf.in_segment[shelf.segment[chosen]][:, compared]
    for scores, count in ((alike, most.alike), (taste, most.taste), (popular, most.popular)):
        if 0 < count < scores.shape[1]:
            open_ = np.where(unseen, -np.inf, scores)
            top = np.argpartition(-open_, count, axis=1)[:, :count]
            rows = np.repeat(np.arange(len(chosen)), count)
            good = np.isfinite(np.take_along_axis(open_, top, axis=1)).ravel()
            found[rows[good], compared[top.ravel()[good]]] = True
    fresh = shelf.own["by_visit"] + shelf.own["fresh"]
    for at, part in enumerate(mine):
        columns, worth = shelf.column[part], fresh[part]
        if len(columns) > most.own:
            columns = columns[np.argsort(-worth, kind="stable")[: most.own]]
        found[at, columns] = True
    row, column = np.nonzero(found)
    return row, column


def _own(shelf: PurchaseHistory, row: Ints, column: Ints) -> dict[str, NDArray[np.float64]]:
    """What each customer did with the item; nothing bought is 0 times, and no days."""
    at = shelf.find(row, column)
    had = at >= 0
    own = {
        name: np.where(had, values[at], np.nan) if len(values) else np.full(len(at), np.nan)
        for name, values in shelf.own.items()
    }
    mine = shelf.of_customer
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "own_times": np.where(had, own["times"], 0.0),
            "own_days": own["days"],
            "own_gap": own["gap"],
            "own_fresh": np.where(had, own["fresh"], 0.0),
            "own_lasting": np.where(had, own["lasting"], 0.0),
            "own_by_visit": np.where(had, own["by_visit"], 0.0),
            "own_back": own["back"],
            "own_due": np.where(own["gap"] > 0, own["days"] / own["gap"], np.nan),
            "own_late": own["days"] / shelf.of_item["gap"][column],
            "own_share": np.where(had, own["times"], 0.0) / mine["visits"][row],
            "own_rate": own["times"] / (own["first"] / np.maximum(mine["gap"][row], 1.0) + 1.0),
            "own_of_newest": np.where(had, own["back"] == 0, 0.0),
        }


def _of_both(shelf: PurchaseHistory, row: Ints, column: Ints) -> dict[str, NDArray[np.float64]]:
    item, mine = shelf.of_item, shelf.of_customer
    return {
        "popular_segment": shelf.in_segment[shelf.segment[row], column],
        "popular": item["popular"][column],
        "popular_now": item["popular_now"][column],
        "trend": (item["popular_now"][column] + 1e-4) / (item["popular"][column] + 1e-4),
        "rising": item["rising"][column],
        "season": item["season"][column],
        "item_again": item["again"][column],
        "item_gap": item["gap"][column],
        "item_times": item["times"][column],
        "item_since": item["since"][column],
        "customer_visits": mine["visits"][row],
        "customer_items": mine["items"][row],
        "customer_size": mine["size"][row],
        "customer_newest": mine["newest_size"][row],
        "customer_days": mine["days"][row],
        "customer_gap": mine["gap"][row],
        "customer_again": mine["again"][row],
    }


def _places(row: Ints, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far down each pair is on its customer's list by these scores: 0 is the first."""
    order = np.lexsort((-scores, row))
    begin = np.searchsorted(row, row)
    place = np.empty(len(row))
    place[order] = np.arange(len(row))
    return place - begin


def _companions(
    shelf: PurchaseHistory, neighbours: Neighbours, place: Ints, chosen: Ints, row: Ints, column: Ints
) -> tuple[NDArray[np.float64], Ints]:
    """How closely the closest item of the customer's goes with each pair's, and which that is; -1 where none does."""
    most, companion = np.zeros(len(row)), np.full(len(row), -1, dtype=np.intp)
    starts = shelf.starts()
    ends = np.searchsorted(row, np.arange(len(chosen) + 1))
    among = place[column]
    for at, customer in enumerate(chosen):
        mine = shelf.column[starts[customer] : starts[customer + 1]]
        mine = mine[place[mine] >= 0]
        part = np.arange(ends[at], ends[at + 1])
        part = part[among[part] >= 0]
        if len(mine) and len(part):
            closeness = neighbours.alike[np.ix_(place[mine], among[part])]
            best = closeness.argmax(axis=0)
            most[part] = closeness[best, np.arange(len(best))]
            companion[part] = np.where(most[part] > 0, mine[best], -1)
    return most, companion
