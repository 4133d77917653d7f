"""The level that the newest outcomes show: what a learnt order still lacks where the world moves under it.

Whoever learns once a month knows the outcomes of every evening none the less. They are too few to learn from anew, but
not to tell whether more or fewer say yes than was said: one number is added to all log-odds, the one that makes the
chances of the newest rows meet their outcomes, where a row counts half as much for each so many rows after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from data.arrays import Floats, Ints
from models.estimators.binary_blend import loss

MEMORIES = (60.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0)
"""Ints after which a row counts half that are tried."""

USUAL_MEMORY = 250.0
"""Where there is nothing to choose it on."""

REMEMBERED = 8
"""Ints are forgotten after so many half-lives."""

PRIOR = 1.0
"""Levels are taken to move by about one (their precision, in log-odds): few rows move them little."""


@dataclass(frozen=True)
class Level:
    """What is added to log-odds, and the rows that it was found on, oldest first."""

    memory: float = USUAL_MEMORY
    added: float = 0.0
    odds: Floats = field(default_factory=lambda: np.zeros(0))
    outcomes: Floats = field(default_factory=lambda: np.zeros(0))

    def seen(self, odds: Floats, outcomes: Floats) -> "Level":
        """The level after newer rows: log-odds as said without any level, and what came (0 or 1)."""
        most = int(REMEMBERED * self.memory)
        odds = np.concatenate([self.odds, odds])[-most:]
        outcomes = np.concatenate([self.outcomes, outcomes])[-most:]
        weights = 0.5 ** (np.arange(len(odds))[::-1] / self.memory)
        added = self.added
        for _ in range(12):
            said = expit(odds + added)
            slope = weights @ (outcomes - said) - PRIOR * added
            bend = weights @ (said * (1 - said)) + PRIOR
            added += float(np.clip(slope / bend, -2, 2))
        return Level(self.memory, added, odds, outcomes)


def best_memory(odds: Sequence[Floats], outcomes: Floats, times: Floats, parts: Sequence[Ints]) -> float:
    """The memory that would have lost least, had each of ``parts`` been followed from one time to the next. ``odds``:
    what was said of the rows of each.
    """
    if not parts:
        return USUAL_MEMORY
    return min(MEMORIES, key=lambda memory: sum(
        _followed(one, outcomes[rows], times[rows], memory) for one, rows in zip(odds, parts, strict=True)
    ))  # fmt: skip


def _followed(odds: Floats, outcomes: Floats, times: Floats, memory: float) -> float:
    """Mean log loss of rows whose level follows the outcomes of the times before theirs."""
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order], prepend=-np.inf))
    level, said = Level(memory), odds.copy()
    for rows in np.split(order, starts[1:]):
        said[rows] = odds[rows] + level.added
        level = level.seen(odds[rows], outcomes[rows])
    return loss(said, outcomes, np.ones(len(odds)))
