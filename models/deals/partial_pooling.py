"""Empirical rates of how deals close, per stratum (a stage, a kind within a stage), shrunken to those of its parent.

The parent's weight (in deals) has the highest beta-binomial likelihood (empirical Bayes: Minka, 2000), separately for
when deals close and for which are won. So twenty won and twenty lost deals suffice; their bounds are wide.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaln, expit, logit

from data.arrays import Floats
from data.statistics import rate_interval
from features.revenue.dimensions import UNKNOWN
from models.deals.competing_risks import LOST, N_DEAL_PERIODS, OPEN, WON, WinCurves, deal_periods

PRIOR_WEIGHTS = (2.0, 8.0, 32.0, 128.0, 1e6)
"""Deals that a parent may weigh in a stratum; with the last, the stratum is its parent."""
FLAT_PRIOR = 0.25
"""Total weight of the flat prior on open, won and lost, in deals."""
MAX_SHARE = 1 - 1e-6

Counts = tuple[Floats, Floats, Floats]
"""Successes, failures, and the parent's rate of successes."""


@dataclass(frozen=True)
class PooledRates:
    """Deals by stratum, period and status at its end; a deal seen on several dates counts once in all."""

    levels: tuple[str, ...]
    """Columns that form the strata: ``("stage", "kind")``; none for a single rate."""
    counts: dict[str, list[list[float]]]
    closed: dict[str, float]
    """Closed deals that were in a stratum."""
    priors: tuple[tuple[float, float], ...]
    """By level, the parent's weight in deals: for when deals close, and for which are won."""

    @classmethod
    def fit(cls, rows: pd.DataFrame, levels: tuple[str, ...]) -> "PooledRates":
        """From rows as ``competing_risks.deal_periods`` takes them, with ``opportunity_id`` and the levels."""
        dates_seen = rows.groupby("opportunity_id")["opportunity_id"].transform("size").to_numpy(dtype=np.float64)
        periods = deal_periods(rows.assign(weight=1.0 / dates_seen))
        over = rows[rows["days"].notna() & (rows["days"] <= rows["seen_days"])]
        counts: dict[str, list[list[float]]] = {}
        closed: dict[str, float] = {}
        for depth in range(len(levels) + 1):
            for stratum, part in periods.groupby(strata(periods, levels[:depth])):
                table = np.zeros((N_DEAL_PERIODS, 3))
                cells = (part["period"].to_numpy(int), part["status"].to_numpy(int))
                np.add.at(table, cells, part["weight"].to_numpy())
                counts[str(stratum)] = table.tolist()
            deals = over.groupby(strata(over, levels[:depth]))["opportunity_id"].nunique()
            closed |= {str(stratum): float(number) for stratum, number in deals.items()}
        counts.setdefault("", np.zeros((N_DEAL_PERIODS, 3)).tolist())
        rates = cls(levels, counts, closed, ())
        for depth in range(1, len(levels) + 1):
            rates = cls(levels, counts, closed, (*rates.priors, rates._likeliest_priors(depth)))
        return rates

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "PooledRates":
        """What ``state()`` wrote."""
        return cls(tuple(state["levels"]), state["counts"], state["closed"], tuple(map(tuple, state["priors"])))

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def predict(self, rows: pd.DataFrame) -> WinCurves:
        """The curves of each row's stratum."""
        names = strata(rows, self.levels)
        by_stratum = {stratum: self._probabilities(stratum, len(self.levels)) for stratum in names.unique()}
        if not len(names):
            return WinCurves.from_transitions(np.zeros((0, N_DEAL_PERIODS, 3)))
        return WinCurves.from_transitions(np.stack([by_stratum[stratum] for stratum in names]))

    def interval(self, rows: pd.DataFrame, probabilities: Floats) -> tuple[Floats, Floats]:
        """Bounds (80 %) of a probability of each row, from the number of deals behind its stratum."""
        support = [self._support(stratum, len(self.levels)) for stratum in strata(rows, self.levels)]
        bounds = [rate_interval(p * n, n) for p, n in zip(probabilities, support, strict=True)]
        low, high = (np.array([b[side] for b in bounds], dtype=np.float64) for side in (0, 1))
        return np.minimum(low, probabilities), np.maximum(high, probabilities)

    def _probabilities(self, stratum: str, depth: int) -> Floats:
        """Periods × (open, won, lost), shrunken to the parent's."""
        counts = self._counts(stratum)
        if depth == 0:
            smoothed = counts + FLAT_PRIOR / 3
            return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))
        parent = self._probabilities(_parent(stratum), depth - 1)
        closing_weight, win_weight = self.priors[depth - 1]
        closed = counts[:, WON] + counts[:, LOST]
        closing = (closed + closing_weight * (parent[:, WON] + parent[:, LOST])) / (counts.sum(axis=1) + closing_weight)
        parent_share = _win_share(self._counts(_parent(stratum)).sum(axis=0))
        share = (counts[:, WON].sum() + win_weight * parent_share) / (closed.sum() + win_weight)
        parent_shares = np.clip(parent[:, WON] / (parent[:, WON] + parent[:, LOST]), 1 - MAX_SHARE, MAX_SHARE)
        shares = expit(logit(parent_shares) + logit(share) - logit(parent_share))
        return np.stack([1 - closing, closing * shares, closing * (1 - shares)], axis=1)

    def _counts(self, stratum: str) -> Floats:
        return np.array(self.counts.get(stratum, np.zeros((N_DEAL_PERIODS, 3))), dtype=np.float64)

    def _support(self, stratum: str, depth: int) -> float:
        """Closed deals behind the rates of a stratum: its own, and as many of its parent's as that weighs."""
        own = self.closed.get(stratum, 0.0)
        if depth == 0:
            return own
        return own + min(self.priors[depth - 1][1], max(self._support(_parent(stratum), depth - 1) - own, 0.0))

    def _likeliest_priors(self, depth: int) -> tuple[float, float]:
        """The parents' weights of highest likelihood for one level's counts: for when deals close, for which win."""
        closings: list[Counts] = []
        wins: list[Counts] = []
        for stratum in (name for name in self.counts if _depth(name) == depth):
            counts, parent = self._counts(stratum), self._probabilities(_parent(stratum), depth - 1)
            closings.append((counts[:, WON] + counts[:, LOST], counts[:, OPEN], parent[:, WON] + parent[:, LOST]))
            share = np.atleast_1d(_win_share(self._counts(_parent(stratum)).sum(axis=0)))
            wins.append((counts[:, WON].sum(keepdims=True), counts[:, LOST].sum(keepdims=True), share))
        return _likeliest(closings), _likeliest(wins)


def baseline_name(levels: tuple[str, ...]) -> str:
    """The name of pooled rates for people."""
    return f"rate by {' and '.join(levels)}" if levels else "rate of all"


def strata(rows: pd.DataFrame, levels: tuple[str, ...]) -> "pd.Series[str]":
    """The stratum of each row: its values of the levels, each after a line break; "" without levels."""
    names = pd.Series("", index=rows.index, dtype=object)
    for level in levels:
        values = rows[level].astype(object)
        names = names + "\n" + values.where(values.notna(), UNKNOWN).astype(str)
    return names


def _parent(stratum: str) -> str:
    return stratum.rpartition("\n")[0]


def _depth(stratum: str) -> int:
    return stratum.count("\n")


def _likeliest(counts: list[Counts]) -> float:
    return max(PRIOR_WEIGHTS, key=lambda weight: sum(_log_likelihood(*stratum, weight) for stratum in counts))


def _log_likelihood(successes: Floats, failures: Floats, rate: Floats, weight: float) -> float:
    """Of beta-binomial counts around the parent's rate."""
    alpha, beta = weight * rate, weight * (1 - rate)
    return float(np.sum(betaln(alpha + successes, beta + failures) - betaln(alpha, beta)))


def _win_share(counts: Floats) -> Floats:
    """Won among closed, with (open, won, lost) along the first axis; never quite 0 or 1."""
    return np.asarray((counts[WON] + FLAT_PRIOR / 3) / (counts[WON] + counts[LOST] + 2 * FLAT_PRIOR / 3))
