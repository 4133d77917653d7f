"""The plain baselines that a model must beat: the rate of the outcome among past rows of the same band."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.places import UNKNOWN
from models.calibration import Numbers, jeffreys

PRIOR_ROWS = 20.0
"""A band's rate is pulled towards the overall one as if this many more rows had shown it."""

SEEN = 3.0
"""Windows of 90 days a month apart overlap: a case is seen about three times, and its outcome counts once in bounds."""


@dataclass(frozen=True)
class Bands:
    """How rows are parted: by ``cuts`` of a number, by the values of a text column, or not at all (no column).

    ``says`` names the bands for people: "Days since the last order". ``recent``: learnt from the latest dates alone.
    ``counts_down``: the column counts the days to a day that is due, and is below 0 when that is over.
    """

    column: str | None = None
    cuts: tuple[float, ...] = ()
    says: str = ""
    recent: bool = False
    counts_down: bool = False

    @property
    def named(self) -> str:
        """What people call this baseline."""
        if self.column is None:
            return "recent rate of all" if self.recent else "rate of all"
        return f"rate by {self.says[0].lower()}{self.says[1:]}"

    def of(self, rows: pd.DataFrame, days_later: int = 0) -> "pd.Series[str]":
        """The band of each row; where they count down, of the row as it stands so many days later."""
        if self.column is None:
            return pd.Series("all", index=rows.index, dtype=object)
        values = rows[self.column]
        if not self.cuts:
            return values.astype(object).where(values.notna(), UNKNOWN).astype(str).astype(object)
        names = [
            "below 0",
            *(f"{low:g} to {high:g}" for low, high in zip((0.0, *self.cuts), self.cuts, strict=False)),
            f"over {self.cuts[-1]:g}",
        ]
        number = values.astype("float64") - (days_later if self.counts_down else 0)
        places = np.searchsorted(np.array([0.0, *self.cuts]), number.fillna(0).to_numpy(), side="right")
        named = pd.Series([names[place] for place in places], index=rows.index, dtype=object)
        return named.where(number.notna(), UNKNOWN)

    def rates(self, rows: pd.DataFrame, outcomes: Numbers) -> dict[str, Any]:
        """The baseline's state: overall rate, and rows and events of each band."""
        grouped = pd.Series(outcomes, index=rows.index).groupby(self.of(rows)).agg(["size", "sum"])
        counts = {
            str(band): [float(n), float(events)]
            for band, (n, events) in zip(grouped.index, grouped.values, strict=True)
        }
        return {**asdict(self), "rate": float(outcomes.mean()), "counts": counts}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "Bands":
        """The bands whose rates a state holds."""
        return cls(state["column"], tuple(state["cuts"]), state["says"], state["recent"], state["counts_down"])

    def predict(
        self, rows: pd.DataFrame, state: dict[str, Any], *, days_later: int = 0, seen: float = SEEN
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Rate, low and high (80 %) of each row's band so many days later; a band never seen has the overall rate.
        ``seen``: how frequently one case is among those that were counted."""
        bands = self.of(rows, days_later)
        overall = float(state["rate"])
        known: dict[str, tuple[float, float, float]] = {}
        for band in pd.unique(bands):
            n, events = state["counts"].get(band, [0.0, 0.0])
            rate = (events + PRIOR_ROWS * overall) / (n + PRIOR_ROWS)
            low, high = jeffreys((events + PRIOR_ROWS * overall) / seen, (n + PRIOR_ROWS) / seen)
            known[band] = (rate, min(low, rate), max(high, rate))
        table = np.array([known[band] for band in bands], dtype=np.float64).reshape(len(rows), 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def reasons(self, rows: pd.DataFrame, state: dict[str, Any], outcome: str) -> list[list[str]]:
        """One sentence per row: how frequent the outcome has been in its band. ``outcome``: "left within 90 days"."""
        bands = self.of(rows)
        rates = self.predict(rows, state)[0]
        if self.column is None:
            return [[f"{rate:.0%} of all {outcome}; nothing known tells them apart better"] for rate in rates]
        return [
            [f"{self.says}: {band}; {rate:.0%} of such cases {outcome}"]
            for band, rate in zip(bands, rates, strict=True)
        ]
