"""Forecasts of a hierarchy made to add up: which way, is chosen by what each would have missed in the backtest.

The ways are those of hierarchicalforecast: bottom-up, least squares (Hyndman et al. 2011) and minimum trace with
variances or a shrunk covariance (Wickramasuriya, Athanasopoulos & Hyndman 2019). Covariances are those of the
backtest's misses, steps ahead as they will be used, not of one-step residuals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.ensemble_weights import foreseen_elsewhere

WAYS = ("bottom up", "ols", "wls_struct", "wls_var", "mint_shrink")
TOTAL = "total"
PLAIN_WAY, SURE = "bottom up", 2.0
"""Leaves are left as they are unless another way misses less by so many standard errors over nodes: ways that move all
leaves alike are hard on small ones and on those too young to be judged."""
FEWEST_MISSES = 2
"""Cells of the backtest without which there is no variance."""


@dataclass(frozen=True)
class Hierarchy:
    """Nodes, wholes first and leaves last, and which leaves are part of each: ``summing``, nodes × leaves, 0 or 1."""

    nodes: tuple[str, ...]
    levels: tuple[str, ...]
    summing: Floats

    @classmethod
    def of(cls, places: pd.DataFrame) -> "Hierarchy":
        """From one row per leaf: ``unique_id``, and a column per level with the name of the node it is part of.

        A leaf told twice stands where its last row says. A total over all leaves comes first. A node of a level is
        named ``level=name``.
        """
        if "unique_id" not in places.columns:
            raise ValueError("the hierarchy has no column unique_id: it holds one row per leaf and a column per level")
        placed = places.drop_duplicates("unique_id", keep="last").set_index("unique_id").astype(str).sort_index()
        leaves = placed.index.astype(str).tolist()
        nodes, levels, rows = [TOTAL], [TOTAL], [np.ones(len(leaves))]
        for level in placed.columns:
            for name in sorted(placed[level].unique()):
                nodes.append(f"{level}={name}")
                levels.append(str(level))
                rows.append((placed[level] == name).to_numpy(dtype=np.float64))
        clash = sorted(set(nodes) & set(leaves))
        if clash:
            raise ValueError(f"leaves are named like nodes above them: {', '.join(clash[:5])}; rename the leaves")
        summing = np.vstack([*rows, np.eye(len(leaves))])
        return cls((*nodes, *leaves), (*levels, *["leaf"] * len(leaves)), summing)

    @property
    def leaves(self) -> tuple[str, ...]:
        """Names of the leaves, in the order of the columns of ``summing``."""
        return self.nodes[len(self.nodes) - self.summing.shape[1] :]

    def of_nodes(self, long: pd.DataFrame) -> pd.DataFrame:
        """The long table of all nodes from that of the leaves: sums by ``ds`` of what leaves brought."""
        strange = sorted(set(long["unique_id"]) - set(self.leaves))
        if strange:
            raise ValueError(f"{len(strange)} series have no place in the hierarchy: {', '.join(strange[:5])}")
        wide = long.pivot_table(index="ds", columns="unique_id", values="y", aggfunc="sum", dropna=False)
        wide = wide.reindex(columns=list(self.leaves))
        summed = pd.DataFrame(wide.fillna(0.0).to_numpy() @ self.summing.T, index=wide.index, columns=list(self.nodes))
        summed.loc[:, list(self.leaves)] = wide
        told = summed.reset_index().melt("ds", var_name="unique_id", value_name="y")
        return told.dropna(subset="y")[["unique_id", "ds", "y"]]

    def incoherence(self, values: Floats) -> float:
        """The largest difference between a node (rows) and the sum of its leaves, in units of the largest value."""
        leaves = values[len(self.nodes) - self.summing.shape[1] :]
        apart = np.abs(values - self.summing @ leaves)
        return float(apart.max() / max(1.0, float(np.abs(values).max())))


def reconcile(
    hierarchy: Hierarchy, said: Floats, way: str, misses: Floats | None = None, floor: Floats | float = -np.inf
) -> Floats:
    """Coherent forecasts (nodes × steps) nearest to the given ones in one way's sense.

    ``misses`` (nodes × cells) are signed misses of the backtest, needed by ``wls_var`` and ``mint_shrink``. Leaves are
    raised to the floor (one, or one a leaf), and wholes are the sums of what leaves then are.
    """
    from hierarchicalforecast.methods import MinTrace

    bottom = len(hierarchy.nodes) - hierarchy.summing.shape[1]
    if way == "bottom up":
        leaves = said[bottom:]
    else:
        inner: dict[str, Any] = {}
        if way in ("wls_var", "mint_shrink"):
            if misses is None:
                raise ValueError(f"{way} needs the misses of a backtest; reconcile by ols or wls_struct without one")
            inner = {"y_insample": misses, "y_hat_insample": np.zeros_like(misses)}
        told = MinTrace(way).fit_predict(S=hierarchy.summing, y_hat=said, **inner)
        leaves = np.asarray(told["mean"], dtype=np.float64)[bottom:]
    coherent: Floats = hierarchy.summing @ np.maximum(leaves, floor)
    return coherent


@dataclass(frozen=True)
class Chosen:
    """The way that was chosen, and what each missed: root mean square per node, scaled, mean over levels."""

    way: str
    missed: Mapping[str, float]
    failed: Mapping[str, str]


def choose(
    hierarchy: Hierarchy,
    said: Sequence[Floats],
    came: Sequence[Floats],
    scale: Sequence[Floats],
    backs: Sequence[int],
) -> Chosen:
    """The way to reconcile by forecasts and outcomes (nodes × steps) of past origins, every level counting alike: the
    one that missed least, or ``PLAIN_WAY`` where that may be chance.

    ``scale`` (nodes × 1) is each node's usual change at each origin; NaN leaves the node out; ``backs`` are periods
    from each origin to the end.

    An origin's covariance is that of others, but for periods that it foresees too; origins without such others are left
    out. Where all are (there is one, or they lie close together), it is that of an origin's odd steps for its even
    ones, and the other way round.
    """
    folds = _folds(said, came, scale, backs)
    levels = np.array(hierarchy.levels)
    by_node: dict[str, Floats] = {}
    failed: dict[str, str] = {}
    for way in WAYS:
        losses = []
        try:
            for forecast, actual, misses, unit in folds:
                told = reconcile(hierarchy, forecast, way, misses)
                if not np.isfinite(told).all():
                    raise ValueError(f"{misses.shape[1]} misses of the backtest make no covariance")
                losses.append(np.square((told - actual) / unit))
        except Exception as error:  # noqa: BLE001 - a covariance that cannot be inverted is raised as many things
            failed[way] = f"{type(error).__name__}: {error}"[:200]
            continue
        every = np.concatenate(losses, axis=1)
        alive = ~np.isnan(every).all(axis=1)
        by_node[way] = np.sqrt(np.nanmean(every[alive], axis=1))
    of = levels[alive]
    weights = np.array([1.0 / (of == level).sum() for level in of]) / len(set(of))
    missed = {way: float(weights @ values) for way, values in by_node.items()}
    least = min(missed, key=lambda way: missed[way])
    saved = by_node[PLAIN_WAY] - by_node[least]
    scatter = float(np.sqrt(np.square(weights * (saved - weights @ saved)).sum()))
    return Chosen(least if weights @ saved > SURE * scatter else PLAIN_WAY, missed, failed)


def within_parts(hierarchy: Hierarchy, reach: Floats) -> Floats:
    """Half-widths (nodes × steps) that are coherent: a whole's is no wider than those of its leaves together.

    All leaves at their bounds at once is the furthest that a whole can go.
    """
    bottom = len(hierarchy.nodes) - hierarchy.summing.shape[1]
    furthest: Floats = hierarchy.summing @ reach[bottom:]
    return np.minimum(reach, furthest)


def _folds(
    said: Sequence[Floats], came: Sequence[Floats], scale: Sequence[Floats], backs: Sequence[int]
) -> list[tuple[Floats, Floats, Floats, Floats]]:
    """Forecasts, outcomes, the misses that were learnt from elsewhere, and scales."""
    if len(said) > 1:
        apart = foreseen_elsewhere(backs, max(part.shape[1] for part in said))
        folds = []
        for at in range(len(said)):
            others = [
                (came[other] - said[other])[:, apart[at, other, : said[other].shape[1]]] for other in range(len(said))
            ]
            misses = np.nan_to_num(np.concatenate(others, axis=1))
            if misses.shape[1] >= FEWEST_MISSES:
                folds.append((said[at], came[at], misses, scale[at]))
        if folds:
            return folds
    return [
        (forecast[:, part], actual[:, part], np.nan_to_num(actual - forecast)[:, ~part], unit)
        for forecast, actual, unit in zip(said, came, scale, strict=True)
        for odd in [np.arange(forecast.shape[1]) % 2 == 1]
        for part in (odd, ~odd)
    ]
