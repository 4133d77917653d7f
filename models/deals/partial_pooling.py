"""The plain way deals end: counts per stage and kind, each drawn towards the whole that it is part of.

Partial pooling: the chances of a cell (a kind within a stage) are its own counts and those of its whole, as if so many
more deals had ended as the whole does. How much a whole weighs is what makes the counts likeliest (beta-binomial,
empirical Bayes: Minka, 2000), found apart for when deals end and for which of them are won: stages may tell the one
and not the other. So twenty deals won and twenty lost are enough to say something,
with bounds as wide as so few deals leave them; where stages tell nothing, all deals are told alike.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaln, expit, logit

from data.arrays import Floats
from data.statistics import rate_interval
from features.revenue.dimensions import UNKNOWN
from models.deals.competing_risks import LOST, OPEN, PERIODS, WON, Curves, person_periods

PRIORS = (2.0, 8.0, 32.0, 128.0, 1e6)
"""Deals that a whole may weigh in its part; the last leaves nothing of the part."""
FLAT = 0.25
"""What each end weighs where nothing was ever seen, in deals."""


@dataclass(frozen=True)
class Pooled:
    """Counts of deals by cell, period and end (open, won, lost); a deal seen at several dates counts once in all."""

    levels: tuple[str, ...]
    counts: dict[str, list[list[float]]]
    ends: dict[str, float]
    """Deals that ended, of those that were in a cell."""
    priors: tuple[tuple[float, float], ...]
    """How many deals the whole weighs at each level: in when deals end, and in which are won."""

    @classmethod
    def of(cls, rows: pd.DataFrame, levels: tuple[str, ...]) -> "Pooled":
        """The counts of rows as ``closing.person_periods`` takes them, with ``opportunity_id`` and the levels."""
        seen = rows.groupby("opportunity_id")["opportunity_id"].transform("size").to_numpy(dtype=np.float64)
        told = person_periods(rows.assign(weight=1.0 / seen))
        counts: dict[str, list[list[float]]] = {}
        ends: dict[str, float] = {}
        for depth in range(len(levels) + 1):
            names = cells(told, levels[:depth])
            for cell, part in told.groupby(names):
                table = np.zeros((PERIODS, 3))
                np.add.at(table, (part["period"].to_numpy(int), part["ended"].to_numpy(int)), part["weight"].to_numpy())
                counts[str(cell)] = table.tolist()
            over = rows[rows["days"].notna() & (rows["days"] <= rows["seen_days"])]
            numbers = over.groupby(cells(over, levels[:depth]))["opportunity_id"].nunique()
            ends |= {str(name): float(number) for name, number in numbers.items()}
        counts.setdefault("", np.zeros((PERIODS, 3)).tolist())
        pooled = cls(levels, counts, ends, ())
        for depth in range(1, len(levels) + 1):
            pooled = cls(levels, counts, ends, (*pooled.priors, pooled._likeliest(depth)))
        return pooled

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Pooled":
        """What ``state()`` wrote."""
        return cls(tuple(state["levels"]), state["counts"], state["ends"], tuple(map(tuple, state["priors"])))

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def named(self) -> str:
        """What people call this baseline."""
        return f"rate by {' and '.join(self.levels)}" if self.levels else "rate of all"

    def curves(self, rows: pd.DataFrame) -> Curves:
        """How deals of each row's cell end."""
        names = cells(rows, self.levels)
        known = {cell: self._chances(cell, len(self.levels)) for cell in names.unique()}
        empty = np.zeros((0, PERIODS, 3))
        return Curves.chained(np.stack([known[cell] for cell in names]) if len(names) else empty)

    def interval(self, rows: pd.DataFrame, chances: Floats) -> tuple[Floats, Floats]:
        """Bounds (80 %) of a chance of each row, from as many deals as stand behind it."""
        behind = [self._deals(cell, len(self.levels)) for cell in cells(rows, self.levels)]
        bounds = [rate_interval(p * n, n) for p, n in zip(chances, behind, strict=True)]
        low, high = (np.array([b[side] for b in bounds], dtype=np.float64) for side in (0, 1))
        return np.minimum(low, chances), np.maximum(high, chances)

    def _chances(self, cell: str, depth: int) -> Floats:
        """Periods × ends, drawn towards the whole."""
        own = self._counts(cell)
        if depth == 0:
            drawn = own + FLAT / 3
            return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))
        whole = self._chances(_whole(cell), depth - 1)
        when, who = self.priors[depth - 1]
        ends = own[:, WON] + own[:, LOST]
        ending = (ends + when * (whole[:, WON] + whole[:, LOST])) / (own.sum(axis=1) + when)
        usual = _share(self._counts(_whole(cell)).sum(axis=0))
        share = (own[:, WON].sum() + who * usual) / (ends.sum() + who)
        of_whole = np.clip(whole[:, WON] / (whole[:, WON] + whole[:, LOST]), 1e-6, 1 - 1e-6)
        shares = expit(logit(of_whole) + logit(share) - logit(usual))
        return np.stack([1 - ending, ending * shares, ending * (1 - shares)], axis=1)

    def _counts(self, cell: str) -> Floats:
        return np.array(self.counts.get(cell, np.zeros((PERIODS, 3))), dtype=np.float64)

    def _deals(self, cell: str, depth: int) -> float:
        """Ended deals behind what is said of a cell: its own, and as many of its whole's as that weighs."""
        own = self.ends.get(cell, 0.0)
        if depth == 0:
            return own
        return own + min(self.priors[depth - 1][1], max(self._deals(_whole(cell), depth - 1) - own, 0.0))

    def _likeliest(self, depth: int) -> tuple[float, float]:
        """The weights of wholes under which the counts of one level are likeliest."""
        names = [cell for cell in self.counts if _depth(cell) == depth]
        when: list[tuple[Floats, Floats, Floats]] = []
        who: list[tuple[Floats, Floats, Floats]] = []
        for cell in names:
            own, whole = self._counts(cell), self._chances(_whole(cell), depth - 1)
            ends = own[:, WON] + own[:, LOST]
            when.append((ends, own[:, OPEN], whole[:, WON] + whole[:, LOST]))
            usual = _share(self._counts(_whole(cell)).sum(axis=0))
            who.append((own[:, WON].sum(keepdims=True), own[:, LOST].sum(keepdims=True), np.atleast_1d(usual)))
        return _best(when), _best(who)


def _best(parts: list[tuple[Floats, Floats, Floats]]) -> float:
    return max(PRIORS, key=lambda prior: sum(_likelihood(*part, prior) for part in parts))


def _likelihood(yes: Floats, no: Floats, rate: Floats, prior: float) -> float:
    """Log likelihood (beta-binomial) of counts whose rate is that of the whole, give or take what ``prior`` leaves."""
    of_yes, of_no = prior * rate, prior * (1 - rate)
    return float(np.sum(betaln(of_yes + yes, of_no + no) - betaln(of_yes, of_no)))


def _share(ends: Floats) -> Floats:
    """Won of what ended, with open, won and lost along the first axis; never quite 0 or 1."""
    return np.asarray((ends[WON] + FLAT / 3) / (ends[WON] + ends[LOST] + 2 * FLAT / 3))


def cells(rows: pd.DataFrame, levels: tuple[str, ...]) -> "pd.Series[str]":
    """The cell of each row: its values, parted by a line that no value holds; "" is the whole."""
    name = pd.Series("", index=rows.index, dtype=object)
    for level in levels:
        values = rows[level].astype(object)
        name = name + "\n" + values.where(values.notna(), UNKNOWN).astype(str)
    return name


def _whole(cell: str) -> str:
    return cell.rpartition("\n")[0]


def _depth(cell: str) -> int:
    return cell.count("\n")
