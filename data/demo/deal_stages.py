"""How a deal goes: stage by stage, each with a chance to pass that its quality, its age and its care decide.

A deal that lingers in a stage beyond what is usual loses its chance; one that is looked after moves faster and passes
more often. The chances of ``STAGES`` are the planted truth for a deal of average quality that keeps the usual pace.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, NEVER

STAGES: tuple[str, ...] = ("qualification", "discovery", "proposal", "negotiation")
PASSES: tuple[float, ...] = (0.66, 0.70, 0.70, 0.76)
"""Chance to leave each stage forward rather than lost."""
USUAL_DAYS: tuple[float, ...] = (12.0, 20.0, 22.0, 16.0)
PACE_SPREAD, CARE_SPEEDS, CARE_HELPS, AGE_HURTS = 0.6, 0.20, 0.50, 1.2


@dataclass(frozen=True)
class Journeys:
    """One entry per deal: when it entered each stage (``NEVER`` where it did not), when and how it ended."""

    created: Ints
    entered: Ints
    """Deal × stage."""
    closed: Ints
    won: Bools
    quality: Floats
    care: Floats
    expected: Floats
    """The chance to win that its quality and care gave it when it was created, at the usual pace."""


def travel(created: Ints, quality: Floats, care: Floats, rng: np.random.Generator, first_stage: int = 0) -> Journeys:
    """What becomes of deals that are created at the given instants, from ``first_stage`` on."""
    count = len(created)
    entered = np.full((count, len(STAGES)), NEVER, dtype=np.int64)
    open_, now = np.ones(count, dtype=bool), created.copy()
    expected = np.ones(count)
    for stage in range(first_stage, len(STAGES)):
        entered[open_, stage] = now[open_]
        pace = rng.normal(0, PACE_SPREAD, count) - CARE_SPEEDS * care
        now = now + np.where(open_, np.exp(pace) * USUAL_DAYS[stage] * DAY, 0).astype(np.int64)
        base = np.log(PASSES[stage] / (1 - PASSES[stage])) + quality + CARE_HELPS * care
        expected *= sigmoid(base)
        open_ &= rng.random(count) < sigmoid(base - AGE_HURTS * np.maximum(0, pace))
    return Journeys(created, entered, now, open_, quality, care, expected)


def cut_short(journeys: Journeys, left: Ints) -> Journeys:
    """The journeys, those that are not over when their account leaves lost at that instant."""
    late = journeys.closed >= left
    closed = np.where(late, left, journeys.closed)
    entered = np.where(journeys.entered < closed[:, None], journeys.entered, NEVER)
    return replace(journeys, entered=entered, closed=closed, won=journeys.won & ~late)


def sigmoid(x: Floats) -> Floats:
    """Log odds as a probability."""
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float64)
