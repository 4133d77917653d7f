"""NDCG, recall, hit rate, catalog coverage and popularity of ranked lists of products."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

SEGMENT_BASELINE = "segment favorites"
RANKINGS = {"": "predicted", "baseline ": "segment_popularity", "own history ": "own_decayed_180d"}
"""The columns that lists are ranked by, with the prefix of their metrics."""


@dataclass(frozen=True)
class RankedLists:
    """The first ``k`` products of each customer: ``customer_id, product_id, position`` (0 first), ``bought``,
    ``popularity_90d``."""

    rows: pd.DataFrame
    k: int

    @classmethod
    def top(cls, pairs: pd.DataFrame, by: str, k: int) -> "RankedLists":
        """The ``k`` pairs of each customer with the highest ``by``; popularity settles ties."""
        order = np.lexsort((pairs["product_id"], -pairs["popularity_90d"], -pairs[by], pairs["customer_id"]))
        ranked = pairs[["customer_id", "product_id", "bought", "popularity_90d"]].iloc[order]
        ranked = ranked.assign(position=ranked.groupby("customer_id").cumcount())
        return cls(ranked[ranked["position"] < k], k)

    def accuracy(self, purchases: pd.DataFrame) -> pd.DataFrame:
        """One row per customer with any purchase (``customer_id, product_id``): ``recall`` and ``ndcg`` at ``k``.

        Recall is the share of the purchases that are listed, of ``k`` where there are more. NDCG (Järvelin & Kekäläinen
        2002) discounts a listed purchase by the log of its position; 1 where all purchases come first.

        Notes: scikit-learn's ``ndcg_score`` needs a dense customers × products matrix, and averages over ties; here a
        purchase that was no candidate counts in the ideal, and popularity settles ties.
        """
        discounts = 1.0 / np.log2(np.arange(self.k) + 2.0)
        listed = self.rows.assign(gain=self.rows["bought"] * discounts[self.rows["position"].to_numpy()])
        sums = listed.groupby("customer_id")[["bought", "gain"]].sum()
        counts = purchases.groupby("customer_id").size()
        sums = sums.reindex(counts.index).fillna(0.0)
        attainable = np.minimum(counts.to_numpy(), self.k)
        ideal = np.cumsum(discounts)[attainable - 1]
        return pd.DataFrame({"recall": sums["bought"] / attainable, "ndcg": sums["gain"] / ideal})


def ranking_metrics(pairs: pd.DataFrame, purchases: pd.DataFrame, n_products: int, k: int) -> dict[str, float]:
    """Metrics of the lists by each of ``RANKINGS``; NaN where no customer has a purchase of the kind.

    Recall, NDCG and hit rate of all purchases; recall of repeat purchases and of new products in lists of that kind
    alone. *Coverage* is the share of the products ever sold that are on any list. *Popularity* is the mean share of
    customers that bought a listed product within 90 days; far above the candidates', lists favor popular products.
    """
    metrics: dict[str, float] = {"popularity of candidates": float(pairs["popularity_90d"].mean())}
    is_repeat = pairs["is_repeat"].astype(bool)
    repeats = pairs.loc[is_repeat, ["customer_id", "product_id"]].assign(repeat=True)
    marked = purchases.merge(repeats, on=["customer_id", "product_id"], how="left")
    for prefix, by in RANKINGS.items():
        lists = RankedLists.top(pairs, by, k)
        accuracy = lists.accuracy(purchases)
        metrics |= {
            f"{prefix}ndcg@{k}": float(accuracy["ndcg"].mean()),
            f"{prefix}recall@{k}": float(accuracy["recall"].mean()),
            f"{prefix}hit rate@{k}": float((accuracy["recall"] > 0).mean()),
            f"{prefix}coverage@{k}": lists.rows["product_id"].nunique() / max(1, n_products),
            f"{prefix}popularity@{k}": float(lists.rows["popularity_90d"].mean()),
        }
        for kind, repeat in (("repeat", True), ("explore", False)):
            of_kind = RankedLists.top(pairs[is_repeat == repeat], by, k)
            recall = of_kind.accuracy(marked[marked["repeat"].notna() == repeat])["recall"]
            metrics[f"{prefix}{kind} recall@{k}"] = float(recall.mean())
    return metrics
