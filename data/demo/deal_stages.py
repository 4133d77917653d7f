"""How a deal goes: stage by stage, each with a chance to pass that its quality, its age and its care decide.

A deal that lingers in a stage beyond what is usual loses its chance; one that is looked after moves faster and passes
more often. The chances of ``STAGES`` are the planted truth for a deal of average quality that keeps the usual pace.
"""

from dataclasses import dataclass, replace

import numpy as np

from data.arrays import Bools, Floats, Ints
from data.demo.calendar import DAY, NEVER

STAGES: tuple[str, ...] = ("qualification", "discovery", "proposal", "negotiation")
PASS_PROBABILITIES: tuple[float, ...] = (0.66, 0.70, 0.70, 0.76)
"""Chance to leave each stage forward rather than lost."""
TYPICAL_DAYS: tuple[float, ...] = (12.0, 20.0, 22.0, 16.0)
PACE_SPREAD, CARE_PACE, CARE_EFFECT, DELAY_EFFECT = 0.6, 0.20, 0.50, 1.2


@dataclass(frozen=True)
class StageTimes:
    """One entry per deal: when it entered each stage (``NEVER`` where it did not), when and how it ended."""

    created: Ints
    entered: Ints
    """Deal × stage."""
    closed: Ints
    won: Bools
    quality: Floats
    care: Floats
    win_probability: Floats
    """The chance to win that its quality and care gave it when it was created, at the usual pace."""


def simulate_stages(
    created: Ints, quality: Floats, care: Floats, rng: np.random.Generator, first_stage: int = 0
) -> StageTimes:
    """What becomes of deals that are created at the given instants, from ``first_stage`` on."""
    count = len(created)
    entered = np.full((count, len(STAGES)), NEVER, dtype=np.int64)
    open_, now = np.ones(count, dtype=bool), created.copy()
    win_probability = np.ones(count)
    for stage in range(first_stage, len(STAGES)):
        entered[open_, stage] = now[open_]
        pace = rng.normal(0, PACE_SPREAD, count) - CARE_PACE * care
        now = now + np.where(open_, np.exp(pace) * TYPICAL_DAYS[stage] * DAY, 0).astype(np.int64)
        base = np.log(PASS_PROBABILITIES[stage] / (1 - PASS_PROBABILITIES[stage])) + quality + CARE_EFFECT * care
        win_probability *= sigmoid(base)
        open_ &= rng.random(count) < sigmoid(base - DELAY_EFFECT * np.maximum(0, pace))
    return StageTimes(created, entered, now, open_, quality, care, win_probability)


def lose_open_deals(stage_times: StageTimes, left: Ints) -> StageTimes:
    """The journeys, those that are not over when their account leaves lost at that instant."""
    late = stage_times.closed >= left
    closed = np.where(late, left, stage_times.closed)
    entered = np.where(stage_times.entered < closed[:, None], stage_times.entered, NEVER)
    return replace(stage_times, entered=entered, closed=closed, won=stage_times.won & ~late)


def sigmoid(x: Floats) -> Floats:
    """Log odds as a probability."""
    return np.asarray(1 / (1 + np.exp(-x)), dtype=np.float64)
