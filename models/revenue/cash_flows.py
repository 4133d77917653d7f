"""What single contracts and deals will bring, piece by piece: the parts of a forecast that people know by name.

A contract that runs brings its monthly amount as long as it stays; what it grows by is told apart. An open deal brings
what won deals of its kind brought: a share of its amount at once, and a share of it a month from then on. Chances are
those of the night's scores where there are some, else the company's own past rates (``models.revenue.base_rates``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.deals.competing_risks import EDGES
from models.revenue.period_grid import Pieces

KNOTS = (0.0, 30.0, 90.0, 180.0, 365.0)
"""Days within which the chances of contracts are told; after the last, the hazard of the last stretch goes on."""
TOLD = 3
"""Of these, how many days after the first the models tell."""
LEAST, MOST = 1e-9, 1 - 1e-6


@dataclass(frozen=True)
class Atoms:
    """``rows``: one per contract or deal: ``kind, key`` and its places. Rows × pieces:
    ``recurring``, ``expansion``, ``open_deals`` are what is expected; ``full`` is what it would bring if it surely
    stayed (a contract) or were surely won by the expected day (a deal)."""

    rows: pd.DataFrame
    recurring: Floats
    expansion: Floats
    open_deals: Floats
    full: Floats

    @property
    def amounts(self) -> Floats:
        """All that each brings."""
        return self.recurring + self.expansion + self.open_deals

    @classmethod
    def together(cls, one: "Atoms", other: "Atoms") -> "Atoms":
        """The atoms of both."""
        rows = pd.concat([one.rows, other.rows], ignore_index=True)
        names = ("recurring", "expansion", "open_deals", "full")
        return cls(rows, *(np.vstack([getattr(one, name), getattr(other, name)]) for name in names))


def chances_by_rate(monthly: float, rows: int) -> Floats:
    """Rows × knots after the first: the chance of an event with a constant monthly hazard."""
    days = np.array(KNOTS[1:])
    chances: Floats = np.tile(1 - (1 - min(monthly, MOST)) ** (days / 30), (rows, 1))
    return chances


def of_income(told: Floats, monthly: float, replaced: float, at_term: float, term: Floats) -> Floats:
    """Rows × knots after the first: the chance that the event comes to what a contract brings, or what follows it.

    ``told`` (rows × ``TOLD``) says whether it comes to the contract itself, which it cannot once another has taken its
    place: from then on, and after the last of these days, the company's own ``monthly`` hazard goes on. Contracts are
    replaced with their ``term`` (days from now; ``at_term``: the share), or, where they have none (NaN), by a constant
    monthly hazard.
    """
    days, last = np.array(KNOTS[1 : TOLD + 1]), KNOTS[TOLD]
    after = -np.log1p(-min(monthly, MOST)) / 30
    gone_on = np.where(term[:, None] <= days, at_term * -np.expm1(-after * (days - term[:, None])), 0.0)
    leaves = -np.log1p(-min(replaced, MOST)) / 30
    steps = np.arange(last) + 0.5  # day by day: replaced on one of them, and the event has come since
    pace = leaves * np.exp(-leaves * steps) * -np.expm1(-after * np.maximum(days[:, None] - steps, 0.0))
    after_it = np.where(np.isnan(term)[:, None], pace.sum(axis=1), gone_on)
    by_then = 1 - (1 - np.maximum.accumulate(told, axis=1)) * (1 - after_it)
    later = 1 - (1 - by_then[:, -1:]) * np.exp(-after * (np.array(KNOTS[TOLD + 1 :]) - last))
    return np.asarray(np.hstack([by_then, later]), dtype=np.float64)


def within(chances: Floats, days: Floats) -> Floats:
    """Rows × days: the chance of an event within so many days, by the chances within those of ``KNOTS``."""
    knots = np.array(KNOTS)
    hazard = -np.log1p(-np.clip(np.maximum.accumulate(chances, axis=1), 0.0, MOST))
    hazard = np.hstack([np.zeros((len(hazard), 1)), hazard])
    at = np.clip(np.searchsorted(knots, days, side="right") - 1, 0, len(knots) - 2)
    slope = np.diff(hazard, axis=1) / np.diff(knots)[None, :]
    told = hazard[:, at] + slope[:, at] * (np.maximum(days, 0.0) - knots[at])[None, :]
    return np.asarray(1 - np.exp(-told), dtype=np.float64)


def contract_atoms(rows: pd.DataFrame, ends: Floats, grows: Floats, uplift: float, pieces: Pieces) -> Atoms:
    """The atoms of contracts that run: ``rows`` hold ``key, mrr`` and their places; ``ends`` and ``grows`` the chances.

    A contract that grows brings ``uplift`` of its amount more from then on.
    """
    middle = pieces.begins + pieces.days / 2
    share = np.where(pieces.ahead, pieces.of_a_month, 0.0)[None, :]
    full = rows["mrr"].to_numpy(dtype=np.float64)[:, None] * share
    stays = 1 - within(ends, middle)
    return Atoms(rows, full * stays, full * stays * within(grows, middle) * uplift, np.zeros_like(full), full)


def deal_atoms(rows: pd.DataFrame, won: Floats, pieces: Pieces) -> Atoms:
    """The atoms of open deals: ``rows`` hold ``key, amount, once, monthly`` (shares of the amount) and their places.

    ``won``: rows × ends of ``EDGES``, the chance to be won by then; nothing is said of wins after the last.
    """
    edges = np.array(EDGES, dtype=np.float64)
    curve = np.hstack([np.zeros((len(rows), 1)), won])
    amount = rows["amount"].to_numpy(dtype=np.float64)[:, None]
    once, monthly = (rows[name].to_numpy(dtype=np.float64)[:, None] for name in ("once", "monthly"))
    begins = np.maximum(pieces.begins, 0.0)
    ends = np.maximum(pieces.begins + pieces.days, 0.0)

    def by(days: Floats) -> Floats:
        at = np.clip(np.searchsorted(edges, days, side="right") - 1, 0, len(edges) - 2)
        part = np.clip((days - edges[at]) / (edges[at + 1] - edges[at]), 0.0, 1.0)[None, :]
        return np.asarray(curve[:, at] * (1 - part) + curve[:, at + 1] * part, dtype=np.float64)

    share = np.where(pieces.ahead, pieces.of_a_month, 0.0)[None, :]
    falls = np.where(pieces.ahead, by(ends) - by(begins), 0.0)
    running = by((begins + ends) / 2) * share
    told = amount * (once * falls + monthly * running)
    surely = np.divide(1.0, curve[:, -1:], out=np.zeros((len(rows), 1)), where=curve[:, -1:] > LEAST)
    nothing = np.zeros_like(told)
    return Atoms(rows, nothing, nothing.copy(), told, told * np.maximum(surely, 1.0))
