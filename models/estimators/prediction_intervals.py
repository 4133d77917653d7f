"""Prediction intervals of amounts of money, from the ratio of actual to expected amounts out of time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import Bools, Floats

MAX_RATIO_BINS = 8
MIN_RATIO_BIN_ROWS = 50
QUANTILES = (0.1, 0.9)


@dataclass(frozen=True)
class RatioInterval:
    """Quantiles of actual over expected amounts, on a grid of log expected amounts."""

    log_expected_grid: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, expected: Floats, actual: Floats) -> "RatioInterval":
        """Quantiles in bins of equal counts, ordered by the expected amount; the interval includes it."""
        order = np.argsort(expected, kind="stable")
        bins = np.array_split(order, max(1, min(MAX_RATIO_BINS, len(order) // MIN_RATIO_BIN_ROWS)))
        ratios = [np.quantile(actual[rows] / expected[rows], QUANTILES) for rows in bins]
        grid = tuple(float(np.log(expected[rows]).mean()) for rows in bins)
        return cls(grid, tuple(min(1.0, float(r[0])) for r in ratios), tuple(max(1.0, float(r[1])) for r in ratios))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RatioInterval":
        """The interval that ``state()`` wrote."""
        return cls(*(tuple(state[name]) for name in ("log_expected_grid", "low", "high")))

    def interval(self, expected: Floats) -> tuple[Floats, Floats]:
        """Bounds of the actual amount around each expected one."""
        position = np.log(expected)
        low, high = (np.interp(position, self.log_expected_grid, ratios) for ratios in (self.low, self.high))
        return expected * low, expected * high

    def state(self) -> dict[str, Any]:
        """The interval as JSON."""
        return {"log_expected_grid": list(self.log_expected_grid), "low": list(self.low), "high": list(self.high)}


@dataclass(frozen=True)
class RatioIntervals:
    """The intervals of active and of lapsed accounts: most lapsed ones bring nothing, few bring much."""

    active: RatioInterval
    lapsed: RatioInterval

    @classmethod
    def fit(cls, expected: Floats, actual: Floats, lapsed: Bools) -> "RatioIntervals":
        """Each fitted on its own rows, or on all where these are few."""
        return cls(*(_fit_on(expected, actual, rows) for rows in (~lapsed, lapsed)))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "RatioIntervals":
        """The intervals that ``state()`` wrote."""
        return cls(RatioInterval.from_state(state["active"]), RatioInterval.from_state(state["lapsed"]))

    def interval(self, expected: Floats, lapsed: Bools) -> tuple[Floats, Floats]:
        """Bounds of the actual amount around each expected one."""
        of_lapsed, of_active = self.lapsed.interval(expected), self.active.interval(expected)
        return np.where(lapsed, of_lapsed[0], of_active[0]), np.where(lapsed, of_lapsed[1], of_active[1])

    def state(self) -> dict[str, Any]:
        """The intervals as JSON."""
        return {"active": self.active.state(), "lapsed": self.lapsed.state()}


def _fit_on(expected: Floats, actual: Floats, rows: Bools) -> RatioInterval:
    enough = rows.sum() >= MIN_RATIO_BIN_ROWS
    return RatioInterval.fit(expected[rows], actual[rows]) if enough else RatioInterval.fit(expected, actual)
