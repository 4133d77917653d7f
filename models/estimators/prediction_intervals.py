"""How far what came lay from what was expected: bounds of amounts of money, measured out of time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import Floats

MOST_BINS = 8
FEWEST_IN_BIN = 50
BOUNDS = (0.1, 0.9)


@dataclass(frozen=True)
class RatioInterval:
    """Bounds of what came over what was expected, by the logarithm of what was expected."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, expected: Floats, came: Floats) -> "RatioInterval":
        """Measured in bins of equal counts."""
        order = np.argsort(expected, kind="stable")
        bins = np.array_split(order, max(1, min(MOST_BINS, len(order) // FEWEST_IN_BIN)))
        ratios = [np.quantile(came[rows] / expected[rows], BOUNDS) for rows in bins]
        at = tuple(float(np.log(expected[rows]).mean()) for rows in bins)
        return cls(at, tuple(min(1.0, float(r[0])) for r in ratios), tuple(max(1.0, float(r[1])) for r in ratios))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RatioInterval":
        """What ``state()`` wrote."""
        return cls(*(tuple(state[part]) for part in ("at", "low", "high")))

    def interval(self, expected: Floats) -> tuple[Floats, Floats]:
        """Low and high of each expectation; they include it."""
        place = np.log(expected)
        return expected * np.interp(place, self.at, self.low), expected * np.interp(place, self.at, self.high)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": list(self.at), "low": list(self.low), "high": list(self.high)}


@dataclass(frozen=True)
class RatioIntervals:
    """The spread of customers, and that of accounts that are gone: most of these bring nothing, few bring much."""

    active: RatioInterval
    lapsed: RatioInterval

    @classmethod
    def fit(cls, expected: Floats, came: Floats, gone: NDArray[np.bool_]) -> "RatioIntervals":
        """Each measured on its own rows; where those are few, on all."""
        apart = [
            RatioInterval.fit(expected[rows], came[rows])
            if rows.sum() >= FEWEST_IN_BIN
            else RatioInterval.fit(expected, came)
            for rows in (~gone, gone)
        ]
        return cls(*apart)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RatioIntervals":
        """What ``state()`` wrote."""
        return cls(RatioInterval.from_state(state["customers"]), RatioInterval.from_state(state["gone"]))

    def interval(self, expected: Floats, gone: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Low and high of each expectation; they include it."""
        left, stayed = self.lapsed.interval(expected), self.active.interval(expected)
        return np.where(gone, left[0], stayed[0]), np.where(gone, left[1], stayed[1])

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"customers": self.active.state(), "gone": self.lapsed.state()}
