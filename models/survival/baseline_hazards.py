"""The plain baselines of a hazard, which a model must beat: what came in a month among past rows of the same band.

A band's hazard in the first of the coming months, the second, … is the share of the lives seen in that month in which
the event came, drawn to that of all its months: what cannot have the event any more (``features.labels.time_to_event``) is more of the
later ones. Where bands count down to a day that is due (``Bands.counts_down``), each month is of the band in which it
begins: a contract that is due in 40 days is in the month of its term only in the second of the coming months, and past
it in the third.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from data.arrays import Floats
from features.labels.time_to_event import PERIOD_DAYS, PERIODS
from features.percent import likely
from features.revenue.dimensions import UNKNOWN
from models.estimators.calibration import FLOOR, jeffreys, log_losses
from models.survival.censoring import JUDGED, happened

RECENT_DATES = 3
PRIOR_MONTHS = 20.0
"""A band's hazard is drawn to that of all as if this many more months had shown it, and that of one of its months to
that of them all."""


@dataclass(frozen=True)
class Bands:
    """How rows are parted: by ``cuts`` of a number, each band with its lower bound, or not at all (no column).

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

    def of(self, rows: pd.DataFrame, ahead: int = 0) -> "pd.Series[str]":
        """The band of each row; where they count down, of the row as it stands so many months ahead."""
        if self.column is None:
            return pd.Series("all", index=rows.index, dtype=object)
        names = [
            "below 0",
            *(f"{low:g} to {high:g}" for low, high in zip((0.0, *self.cuts), self.cuts, strict=False)),
            f"over {self.cuts[-1]:g}",
        ]
        number = rows[self.column].astype("float64") - (PERIOD_DAYS * ahead if self.counts_down else 0)
        places = np.searchsorted(np.array([0.0, *self.cuts]), number.fillna(0).to_numpy(), side="right")
        named = pd.Series([names[place] for place in places], index=rows.index, dtype=object)
        return named.where(number.notna(), UNKNOWN)


@dataclass(frozen=True)
class PlainHazards:
    """The hazard of all, and the lives that were seen in each band and month ahead, with their events."""

    bands: Bands
    hazard: float
    seen: dict[str, list[list[float]]]
    """By band: lives and events, for each month ahead."""

    @classmethod
    def of(cls, bands: Bands, lives: pd.DataFrame) -> "PlainHazards":
        """What lives show (the bands' column, ``as_of``, ``periods``, ``event``)."""
        if bands.recent:
            lives = lives[lives["as_of"].isin(sorted(lives["as_of"].unique())[-RECENT_DATES:])]
        seen: dict[str, list[list[float]]] = {}
        for ahead in range(PERIODS):
            alive = lives[lives["periods"] > ahead]
            came = (alive["event"] & (alive["periods"] == ahead + 1)).astype(float)
            for band, events in came.groupby(bands.of(alive, ahead)):
                months = seen.setdefault(str(band), [[0.0, 0.0] for _ in range(PERIODS)])
                months[ahead] = [float(len(events)), float(events.sum())]
        all_lives, all_events = np.array(list(seen.values())).sum(axis=(0, 1))
        return cls(bands, float(all_events / all_lives), seen)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "PlainHazards":
        """What ``state()`` wrote."""
        bands = Bands(**{**state["bands"], "cuts": tuple(state["bands"]["cuts"])})
        return cls(bands, state["hazard"], state["seen"])

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def chances(self, rows: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
        """Rows × periods: the chance that the event comes within so many, its low and its high (80 %)."""
        months = [self.hazards(rows, ahead) for ahead in range(PERIODS)]
        value, low, high = (within(np.column_stack([month[side] for month in months])) for side in range(3))
        return value, low, high

    def hazards(self, rows: pd.DataFrame, ahead: int) -> tuple[Floats, Floats, Floats]:
        """The hazard of the month so many ahead, low and high (80 %); that of all in a band never seen."""
        bands = self.bands.of(rows, ahead)
        known = {band: self._hazard(str(band), ahead) for band in pd.unique(bands)}
        table = np.array([known[band] for band in bands], dtype=np.float64).reshape(len(rows), 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def _hazard(self, band: str, ahead: int) -> tuple[float, float, float]:
        months = np.array(self.seen.get(band, [[0.0, 0.0]] * PERIODS))
        lives, events = months.sum(axis=0)
        whole = (events + PRIOR_MONTHS * self.hazard) / (lives + PRIOR_MONTHS)
        lives, events = months[ahead] + PRIOR_MONTHS * np.array([1.0, whole])
        low, high = jeffreys(float(events), float(lives))
        hazard = float(events / lives)
        return hazard, min(low, hazard), max(high, hazard)

    def log_odds(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: log-odds of the hazards of the coming months."""
        hazards = np.column_stack([self.hazards(rows, ahead)[0] for ahead in range(PERIODS)])
        return np.asarray(logit(np.clip(hazards, FLOOR, 1 - FLOOR)))

    def reasons(self, rows: pd.DataFrame, outcome: str) -> list[list[str]]:
        """One sentence per row: how frequently the event comes in a month of its band, and of those that it comes to
        in the judged months. ``outcome``: "left"."""
        hazards = [self.hazards(rows, ahead)[0] for ahead in range(JUDGED)]
        often = f"{outcome} within {PERIOD_DAYS} days"
        if self.bands.column is None:
            return [
                [f"{likely(hazard)} of all {often}; nothing known tells them apart better"] for hazard in hazards[0]
            ]
        bands = [self.bands.of(rows, ahead).tolist() for ahead in range(JUDGED)]
        told = []
        for row in range(len(rows)):
            sentence = f"{self.bands.says}: {bands[0][row]}; {likely(hazards[0][row])} of such cases {often}"
            for ahead in range(1, JUDGED):
                if bands[ahead][row] != bands[ahead - 1][row]:
                    sentence += f"; then {bands[ahead][row]}: {likely(hazards[ahead][row])}"
            told.append([sentence])
        return told


def within(hazards: Floats) -> Floats:
    """Chances that the event comes within 1, 2, … periods, from the hazards of each (rows × periods)."""
    return np.asarray(1.0 - np.cumprod(1.0 - hazards, axis=1))


def best_plain(bands: Bands, learnt: pd.DataFrame, judged: pd.DataFrame, level: float) -> tuple[Bands, Floats]:
    """The plain baseline that did best on the judged lives, and what it said for the judged periods.

    Flat rates stand beside the bands, one of them at the ``level`` of the model's own mean: so a model wins by telling
    cases apart, never because bands are noise or because the rate has moved.
    """
    came = happened(judged, JUDGED)[0]
    flat = Bands(recent=True)
    rivals = dict.fromkeys((bands, Bands(), flat))
    said = {plain: PlainHazards.of(plain, learnt).chances(judged)[0][:, JUDGED - 1] for plain in rivals}
    level_said = np.full(len(judged), level)
    if log_losses(level_said, came).mean() < log_losses(said[flat], came).mean():
        said[flat] = level_said
    best = min(said, key=lambda plain: float(log_losses(said[plain], came).mean()))
    return best, said[best]
