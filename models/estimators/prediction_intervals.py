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
class Spread:
    """Bounds of what came over what was expected, by the logarithm of what was expected."""

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, expected: Floats, came: Floats) -> "Spread":
        """Measured in bins of equal counts."""
        order = np.argsort(expected, kind="stable")
        bins = np.array_split(order, max(1, min(MOST_BINS, len(order) // FEWEST_IN_BIN)))
        ratios = [np.quantile(came[rows] / expected[rows], BOUNDS) for rows in bins]
        at = tuple(float(np.log(expected[rows]).mean()) for rows in bins)
        return cls(at, tuple(min(1.0, float(r[0])) for r in ratios), tuple(max(1.0, float(r[1])) for r in ratios))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Spread":
        """What ``state()`` wrote."""
        return cls(*(tuple(state[part]) for part in ("at", "low", "high")))

    def around(self, expected: Floats) -> tuple[Floats, Floats]:
        """Low and high of each expectation; they include it."""
        place = np.log(expected)
        return expected * np.interp(place, self.at, self.low), expected * np.interp(place, self.at, self.high)

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": list(self.at), "low": list(self.low), "high": list(self.high)}


@dataclass(frozen=True)
class Spreads:
    """The spread of customers, and that of accounts that are gone: most of these bring nothing, few bring much."""

    customers: Spread
    gone: Spread

    @classmethod
    def of(cls, expected: Floats, came: Floats, gone: NDArray[np.bool_]) -> "Spreads":
        """Each measured on its own rows; where those are few, on all."""
        apart = [
            Spread.of(expected[rows], came[rows]) if rows.sum() >= FEWEST_IN_BIN else Spread.of(expected, came)
            for rows in (~gone, gone)
        ]
        return cls(*apart)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Spreads":
        """What ``state()`` wrote."""
        return cls(Spread.restored(state["customers"]), Spread.restored(state["gone"]))

    def around(self, expected: Floats, gone: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Low and high of each expectation; they include it."""
        left, stayed = self.gone.around(expected), self.customers.around(expected)
        return np.where(gone, left[0], stayed[0]), np.where(gone, left[1], stayed[1])

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {"customers": self.customers.state(), "gone": self.gone.state()}
