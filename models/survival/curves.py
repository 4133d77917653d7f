"""Cumulative incidence of an event over days, one curve per row: interpolated, inverted and extended.

Between knots, events fall evenly or at a constant hazard: the common assumptions for fractional ages of a life table
(Bowers et al., Actuarial Mathematics, 1997, section 3.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from data.arrays import Floats, Ints
from data.statistics import safe_divide

MIN_SURVIVAL = 1e-9
"""Under a constant hazard, no survival is below this: an event that is certain has no finite hazard."""

Between = Literal["uniform", "constant_hazard"]


@dataclass(frozen=True)
class SurvivalCurve:
    """Rows × knots: the probability that the event occurs by each knot.

    ``knots`` are days, from 0, ascending. ``incidence`` has one column per knot, the first one 0, and never falls.
    After the last knot the curve is flat, or goes on with ``tail_hazard`` (rows; per day).
    """

    knots: Floats
    incidence: Floats
    between: Between = "uniform"
    tail_hazard: Floats | None = None

    @classmethod
    def from_incidence(cls, days: Sequence[float], incidence: Floats, between: Between = "uniform") -> "SurvivalCurve":
        """Curves from rows × ``days`` (ascending, after day 0) of cumulative incidence."""
        zeros = np.zeros((len(incidence), 1))
        return cls(np.array([0.0, *days], dtype=np.float64), np.hstack([zeros, incidence]), between)

    @classmethod
    def from_hazards(cls, days: Sequence[float], hazards: Floats) -> "SurvivalCurve":
        """Curves from rows × periods of discrete hazards, each of the period that ends on one of ``days``."""
        return cls.from_incidence(days, np.asarray(1.0 - np.cumprod(1.0 - hazards, axis=1)))

    @classmethod
    def exponential(cls, days: Sequence[float], hazard: Floats) -> "SurvivalCurve":
        """Curves of a constant hazard per day (rows), with knots on ``days``."""
        incidence = -np.expm1(-hazard[:, None] * np.array(days, dtype=np.float64)[None, :])
        return cls.from_incidence(days, incidence, "constant_hazard")

    def __len__(self) -> int:
        """Rows."""
        return len(self.incidence)

    @property
    def at_knots(self) -> Floats:
        """Rows × knots after day 0: the cumulative incidence."""
        return self.incidence[:, 1:]

    @property
    def last_hazard(self) -> Floats:
        """Rows: the constant hazard per day that gives the incidence of the last stretch between knots."""
        cumulative = self._cumulative_hazard()
        return np.asarray((cumulative[:, -1] - cumulative[:, -2]) / (self.knots[-1] - self.knots[-2]))

    def extended(self, hazard: Floats | None = None) -> "SurvivalCurve":
        """The curves, going on after the last knot with a constant hazard per day: by default their last one."""
        return replace(self, tail_hazard=self.last_hazard if hazard is None else hazard)

    def within(self, days: float) -> Floats:
        """Rows: the probability that the event occurs within ``days``."""
        return self.within_each(np.full(len(self), float(days)))

    def within_all(self, days: Floats) -> Floats:
        """Rows × days: the probability that the event occurs within each number of days."""
        curves = [self.within(float(day)) for day in days]
        return np.stack(curves, axis=1) if curves else np.zeros((len(self), 0))

    def within_each(self, days: Floats) -> Floats:
        """Rows: the probability that the event occurs within the days of the row; NaN where they are NaN."""
        inside = np.clip(np.nan_to_num(days), 0.0, self.knots[-1])
        index = np.clip(np.searchsorted(self.knots, inside, side="right") - 1, 0, len(self.knots) - 2)
        fraction = (inside - self.knots[index]) / (self.knots[index + 1] - self.knots[index])
        if self.between == "uniform":
            incidence = _blend(self.incidence, index, fraction)
        else:
            incidence = -np.expm1(-_blend(self._cumulative_hazard(), index, fraction))
        if self.tail_hazard is not None:
            after = np.maximum(days - self.knots[-1], 0.0)
            incidence = np.where(after > 0, 1.0 - (1.0 - incidence) * np.exp(-self.tail_hazard * after), incidence)
        return np.asarray(np.where(np.isnan(days), np.nan, incidence), dtype=np.float64)

    def survival(self, days: float) -> Floats:
        """Rows: the probability that the event does not occur within ``days``."""
        return np.asarray(1.0 - self.within(days))

    def quantile(self, probability: float) -> Floats:
        """Rows: the days within which the event occurs with a probability; NaN where the last knot does not reach it.

        Events fall evenly between knots.
        """
        if not len(self):
            return np.zeros(0)
        reached = self.incidence >= probability
        index = np.clip(np.argmax(reached, axis=1), 1, len(self.knots) - 1)
        rows = np.arange(len(self))
        before, after = self.incidence[rows, index - 1], self.incidence[rows, index]
        fraction = safe_divide(probability - before, after - before, where=after > before)
        days = self.knots[index - 1] + fraction * (self.knots[index] - self.knots[index - 1])
        return np.asarray(np.where(reached.any(axis=1), days, np.nan), dtype=np.float64)

    def given_event(self) -> "SurvivalCurve":
        """The curves of the rows' events that occur by the last knot: each divided by its last incidence."""
        return replace(self, incidence=self.incidence / np.maximum(self.incidence[:, -1:], MIN_SURVIVAL))

    def _cumulative_hazard(self) -> Floats:
        return np.asarray(-np.log(np.maximum(1.0 - self.incidence, MIN_SURVIVAL)))


def _blend(values: Floats, index: Ints, fraction: Floats) -> Floats:
    """Rows: the values interpolated between a knot (``index``) and the next."""
    rows = np.arange(len(values))
    return np.asarray(values[rows, index] * (1.0 - fraction) + values[rows, index + 1] * fraction)
