"""How open deals end, period by period: the chance to be won, lost, or still open at the end of each.

Discrete-time competing risks (Prentice and Gloeckler, 1978; Tutz and Schmid, 2016): every deal that was open at a past
date gives one row per period that it began open and whose end is known. So a deal that is still open teaches what it
can (that it has not ended so far), slow deals are not taken for lost ones, and no past date has to wait until all is
over. Won and lost compete: the chances of a row add up to one, and those of its periods chain to a curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats

EDGES = (0, 15, 30, 60, 90, 150, 270)
"""Days after a date at which periods begin and end."""
PERIODS = len(EDGES) - 1
OPEN, WON, LOST = 0, 1, 2
TINY = 1e-9


def person_periods(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per deal, date and period that it began open and whose end is known: the columns given, ``period``
    (0, 1, …) and ``ended`` (``OPEN``, ``WON``, ``LOST``).

    ``rows`` hold ``days`` from the date to the deal's end (NaN: not over), ``won`` (bool) and ``seen_days``, how many
    days after the date are known.
    """
    days, seen = (rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("days", "seen_days"))
    won = rows["won"].to_numpy(dtype=bool)
    parts = []
    for period, (begin, end) in enumerate(pairwise(EDGES)):
        used = ~(days < begin) & (seen >= end)
        ended = np.where(days < end, np.where(won, WON, LOST), OPEN)[used]
        parts.append(rows[used].assign(period=float(period), ended=ended))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Curves:
    """What is said of each deal: chances to be won, and lost, within each period (deals × periods), and to be open
    after the last."""

    won: Floats
    lost: Floats

    @classmethod
    def chained(cls, chances: NDArray[np.float64]) -> "Curves":
        """The curves of chances (deals × periods × open, won, lost), each given that the deal is open at the start."""
        begins = np.cumprod(np.concatenate([np.ones((len(chances), 1)), chances[:, :, OPEN]], axis=1), axis=1)[:, :-1]
        return cls(begins * chances[:, :, WON], begins * chances[:, :, LOST])

    @classmethod
    def together(cls, parts: Sequence["Curves"]) -> "Curves":
        """The curves of several parts of rows, one after the other."""
        return cls(np.concatenate([part.won for part in parts]), np.concatenate([part.lost for part in parts]))

    @property
    def open(self) -> Floats:
        """Chance to be open after the last period."""
        return np.asarray(np.clip(1.0 - self.won.sum(axis=1) - self.lost.sum(axis=1), 0.0, 1.0))

    @property
    def eventually(self) -> Floats:
        """Chance to be won in the end: what is open after the last period ends as those do that end in the last two."""
        won, lost = self.won[:, -2:].sum(axis=1), self.lost[:, -2:].sum(axis=1)
        share = (won + TINY) / (won + lost + 2 * TINY)
        return np.asarray(self.won.sum(axis=1) + self.open * share, dtype=np.float64)

    def within(self, days: int) -> Floats:
        """Chance to be won within so many days; even within a period."""
        return self._by(self.won, days)

    def lost_within(self, days: int) -> Floats:
        """Chance to be lost within so many days."""
        return self._by(self.lost, days)

    def shared_as(self, plain: "Curves") -> "Curves":
        """The curves whose ends are won in the share of another's of the same period: when deals end stays as it is."""
        ends = self.won + self.lost
        won = ends * (plain.won + TINY) / (plain.won + plain.lost + 2 * TINY)
        return Curves(won, ends - won)

    def days_to_win(self, share: float) -> Floats:
        """Days within which so large a share of its chance to be won falls: 0.5 is the middle day of a win."""
        total = self.won.sum(axis=1, keepdims=True)
        part = np.cumsum(self.won, axis=1) / np.maximum(total, TINY)
        place = np.minimum((part < share).sum(axis=1), PERIODS - 1)
        rows = np.arange(len(part))
        before = np.where(place > 0, part[rows, np.maximum(place - 1, 0)], 0.0)
        within = (share - before) / np.maximum(part[rows, place] - before, TINY)
        edges = np.array(EDGES, dtype=np.float64)
        days = edges[place] + np.clip(within, 0, 1) * (edges[place + 1] - edges[place])
        return np.asarray(days, dtype=np.float64)

    def _by(self, ends: Floats, days: int) -> Floats:
        edges = np.array(EDGES, dtype=np.float64)
        part = np.clip((days - edges[:-1]) / np.diff(edges), 0.0, 1.0)
        return np.asarray(ends @ part, dtype=np.float64)
