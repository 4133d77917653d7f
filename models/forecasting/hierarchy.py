"""The hierarchy of series: which leaves add up to which node."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.statistics import safe_divide

TOTAL = "total"
MAX_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Hierarchy:
    """Nodes, aggregates first and leaves last; ``summing`` (the S matrix, nodes × leaves, 0 or 1) adds them up."""

    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    summing: Floats

    @classmethod
    def from_leaves(cls, table: pd.DataFrame) -> "Hierarchy":
        """From one row per leaf: ``unique_id``, and a column per level with the name of the leaf's node on it.

        The total comes first; a node of a level is named ``level=name``. Of repeated leaves the last row counts.
        """
        if "unique_id" not in table.columns:
            raise ValueError("the hierarchy has no column unique_id: it holds one row per leaf and a column per level")
        by_leaf = table.drop_duplicates("unique_id", keep="last").set_index("unique_id").astype(str).sort_index()
        leaves = by_leaf.index.astype(str).tolist()
        nodes, levels, rows = [TOTAL], [TOTAL], [np.ones(len(leaves))]
        for level in by_leaf.columns:
            for name in sorted(by_leaf[level].unique()):
                nodes.append(f"{level}={name}")
                levels.append(str(level))
                rows.append((by_leaf[level] == name).to_numpy(dtype=np.float64))
        clashes = sorted(set(nodes) & set(leaves))
        if clashes:
            names = ", ".join(clashes[:MAX_NAMES_SHOWN])
            raise ValueError(f"leaves are named like nodes above them: {names}; rename the leaves")
        summing = np.vstack([*rows, np.eye(len(leaves))])
        return cls((*nodes, *leaves), (*levels, *["leaf"] * len(leaves)), summing)

    @property
    def n_aggregates(self) -> int:
        """Nodes that are not leaves."""
        return len(self.nodes) - int(self.summing.shape[1])

    @property
    def leaves(self) -> tuple[str, ...]:
        """Names of the leaves, in the order of the columns of ``summing``."""
        return self.nodes[self.n_aggregates :]

    def aggregate(self, df: pd.DataFrame) -> pd.DataFrame:
        """The long table of all nodes from that of the leaves: sums by ``ds``; a leaf keeps its missing periods."""
        unknown = sorted(set(df["unique_id"]) - set(self.leaves))
        if unknown:
            names = ", ".join(unknown[:MAX_NAMES_SHOWN])
            raise ValueError(f"{len(unknown)} series are not leaves of the hierarchy: {names}; add a row for each")
        wide = df.pivot_table(index="ds", columns="unique_id", values="y", aggfunc="sum", dropna=False)
        wide = wide.reindex(columns=list(self.leaves))
        summed = pd.DataFrame(wide.fillna(0.0).to_numpy() @ self.summing.T, index=wide.index, columns=list(self.nodes))
        summed.loc[:, list(self.leaves)] = wide
        long = summed.reset_index().melt("ds", var_name="unique_id", value_name="y")
        return long.dropna(subset="y")[["unique_id", "ds", "y"]]

    def incoherence(self, values: Floats) -> float:
        """The largest difference between a node (rows) and the sum of its leaves, relative to the largest value."""
        difference = np.abs(values - self.summing @ values[self.n_aggregates :])
        return float(difference.max() / max(1.0, float(np.abs(values).max())))

    def parent_weights(self, unique_ids: Sequence[str]) -> Floats:
        """Series × series: for each, weights of the nodes above it, falling with their size; rows sum to 1 or 0.

        The total counts only for series with no other node above them.
        """
        index = {name: i for i, name in enumerate(self.nodes)}
        summing = self.summing[np.array([index[name] for name in unique_ids])]
        sizes = summing.sum(axis=1)
        contains = (summing @ summing.T) >= sizes[:, None]  # all leaves of a row's node are leaves of a column's
        above: Bools = contains & (sizes[None, :] > sizes[:, None])
        below_total = above & (sizes[None, :] < sizes.max())
        above = np.where(below_total.any(axis=1)[:, None], below_total, above)
        weights = np.where(above, 1.0 / np.maximum(sizes[None, :], 1.0), 0.0)
        return safe_divide(weights, weights.sum(axis=1, keepdims=True))
