"""Lists of offers, judged: how much of what was bought they named, and how much of the catalogue they ever name."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

BASELINE = "favourites of the segment"
ORDERS = {"": "said", "baseline ": "popular_segment", "own history ": "own_lasting"}
"""What lists are ordered by, and what their metrics are called for it."""


@dataclass(frozen=True)
class Lists:
    """The first few offers of each customer: ``customer_id, product_id, place`` (0 first), ``bought``, ``popular``."""

    rows: pd.DataFrame
    top: int

    @classmethod
    def of(cls, pairs: pd.DataFrame, by: str, top: int) -> "Lists":
        """The ``top`` pairs of each customer with the highest ``by``; what is popular settles equal ones."""
        order = np.lexsort((pairs["product_id"], -pairs["popular"], -pairs[by], pairs["customer_id"]))
        ranked = pairs[["customer_id", "product_id", "bought", "popular"]].iloc[order]
        ranked = ranked.assign(place=ranked.groupby("customer_id").cumcount())
        return cls(ranked[ranked["place"] < top], top)

    def found(self, wanted: pd.DataFrame) -> pd.DataFrame:
        """One row per customer that wanted anything (``customer_id, product_id``): ``ndcg`` and ``recall``.

        Recall is the share of what was wanted, or of the list where that is shorter. NDCG (Järvelin & Kekäläinen 2002)
        is 1 where what was wanted was named first, less the further down it was named.
        """
        gains = 1.0 / np.log2(np.arange(self.top) + 2.0)
        named = self.rows.assign(gain=self.rows["bought"] * gains[self.rows["place"].to_numpy()])
        mine = named.groupby("customer_id")[["bought", "gain"]].sum()
        counts = wanted.groupby("customer_id").size()
        mine = mine.reindex(counts.index).fillna(0.0)
        most = np.minimum(counts.to_numpy(), self.top)
        return pd.DataFrame({"recall": mine["bought"] / most, "ndcg": mine["gain"] / np.cumsum(gains)[most - 1]})


def compared(pairs: pd.DataFrame, wanted: pd.DataFrame, catalogue: int, top: int) -> dict[str, float]:
    """Metrics of the lists that ``pairs`` give by each of ``ORDERS``; NaN where nobody wanted anything of the kind.

    Recall and NDCG of all, and recall of repeats and of what was never had, each kind among its own. *Coverage* is the
    share of the products ever sold that are on anybody's list; *popularity* the mean share of customers who bought a
    listed product within 90 days: where it lies far above that of the candidates, the lists favour favourites.
    """
    told: dict[str, float] = {"popularity of candidates": float(pairs["popular"].mean())}
    had = pairs.loc[pairs["repeat"].astype(bool), ["customer_id", "product_id"]].assign(had=True)
    marked = wanted.merge(had, on=["customer_id", "product_id"], how="left")
    for name, by in ORDERS.items():
        every = Lists.of(pairs, by, top)
        found = every.found(wanted)
        told |= {
            f"{name}ndcg@{top}": float(found["ndcg"].mean()),
            f"{name}recall@{top}": float(found["recall"].mean()),
            f"{name}hit rate@{top}": float((found["recall"] > 0).mean()),
            f"{name}coverage@{top}": every.rows["product_id"].nunique() / max(1, catalogue),
            f"{name}popularity@{top}": float(every.rows["popular"].mean()),
        }
        for kind, repeat in (("repeat", True), ("explore", False)):
            of_kind = Lists.of(pairs[pairs["repeat"].astype(bool) == repeat], by, top)
            wants = marked[marked["had"].notna() == repeat]
            told[f"{name}{kind} recall@{top}"] = float(of_kind.found(wants)["recall"].mean())
    return told
