"""Won and lost as competing risks of an open deal, in discrete time.

Discrete-time competing risks (Prentice and Gloeckler, 1978; Tutz and Schmid, 2016): each deal that was open on a past
date gives one row per period that it began open and whose end is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.survival.curves import SurvivalCurve

EDGES = (0, 15, 30, 60, 90, 150, 270)
"""Days after a date at which periods begin and end."""
N_DEAL_PERIODS = len(EDGES) - 1
OPEN, WON, LOST = 0, 1, 2
EPSILON = 1e-9
"""Added to probabilities, so that shares exist where a deal hardly closes."""


def deal_periods(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per deal, date and period that the deal began open and whose end is known: the columns given, ``period``
    (0, 1, …) and ``status`` at its end (``OPEN``, ``WON``, ``LOST``).

    ``rows`` hold ``days`` from the date to the deal's closing (NaN while open), ``won`` (bool) and ``seen_days``, the
    days after the date that are known. So deals that are still open count, and slow ones are not taken for lost.
    """
    days, seen = (rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in ("days", "seen_days"))
    won = rows["won"].to_numpy(dtype=bool)
    tables = []
    for period, (start, end) in enumerate(pairwise(EDGES)):
        used = ~(days < start) & (seen >= end)
        status = np.where(days < end, np.where(won, WON, LOST), OPEN)[used]
        tables.append(rows[used].assign(period=float(period), status=status))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class WinCurves:
    """Deals × periods: the probability to be won, and to be lost, in each period."""

    won: Floats
    lost: Floats

    @classmethod
    def from_transitions(cls, probabilities: Floats) -> "WinCurves":
        """From deals × periods × (open, won, lost): the probabilities of a deal that is open at the period's start."""
        stays_open = np.cumprod(probabilities[:, :, OPEN], axis=1)[:, :-1]
        open_at_start = np.hstack([np.ones((len(probabilities), 1)), stays_open])
        return cls(open_at_start * probabilities[:, :, WON], open_at_start * probabilities[:, :, LOST])

    @classmethod
    def concatenate(cls, curves: Sequence["WinCurves"]) -> "WinCurves":
        """The curves of several sets of deals, one after the other."""
        return cls(np.concatenate([curve.won for curve in curves]), np.concatenate([curve.lost for curve in curves]))

    @property
    def still_open(self) -> Floats:
        """The probability to be open after the last period."""
        return np.asarray(np.clip(1.0 - self.won.sum(axis=1) - self.lost.sum(axis=1), 0.0, 1.0))

    @property
    def eventually(self) -> Floats:
        """The probability to be won in the end: what is open after the last period closes as in the last two."""
        won, lost = self.won[:, -2:].sum(axis=1), self.lost[:, -2:].sum(axis=1)
        share = (won + EPSILON) / (won + lost + 2 * EPSILON)
        return np.asarray(self.won.sum(axis=1) + self.still_open * share, dtype=np.float64)

    @property
    def win_incidence(self) -> SurvivalCurve:
        """The cumulative probability to be won, evenly within each period."""
        return SurvivalCurve.from_incidence(EDGES[1:], np.cumsum(self.won, axis=1))

    @property
    def loss_incidence(self) -> SurvivalCurve:
        """The cumulative probability to be lost, evenly within each period."""
        return SurvivalCurve.from_incidence(EDGES[1:], np.cumsum(self.lost, axis=1))

    def within(self, days: int) -> Floats:
        """The probability to be won within ``days``."""
        return self.win_incidence.within(days)

    def lost_within(self, days: int) -> Floats:
        """The probability to be lost within ``days``."""
        return self.loss_incidence.within(days)

    def with_win_shares_of(self, other: "WinCurves") -> "WinCurves":
        """The curves with the share of wins among closings that ``other`` has in the same period.

        The probability to close in each period stays.
        """
        closed = self.won + self.lost
        won = closed * (other.won + EPSILON) / (other.won + other.lost + 2 * EPSILON)
        return WinCurves(won, closed - won)

    def win_day_quantile(self, probability: float) -> Floats:
        """The days within which a win falls with a probability, given that the deal is won by the last period; the last
        day if that is hardly possible."""
        days = self.win_incidence.given_event().quantile(probability)
        return np.where(np.isnan(days), float(EDGES[-1]), days)
