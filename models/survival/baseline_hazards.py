"""Empirical hazards by band of one column, shrunken: the baseline of a hazard model.

A band's hazard in each coming period is its share of events in that period, shrunken to the band's hazard over all
periods, and that to the hazard of all (as the posterior mean of a beta prior).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from data.arrays import Floats
from data.statistics import rate_interval
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from features.percent import format_probability
from features.revenue.dimensions import UNKNOWN
from models.evaluation.baseline import best_of
from models.evaluation.metrics import MIN_PROBABILITY
from models.survival.censoring import HORIZON_DAYS, PERIOD_ENDS, TEST_PERIODS, event_within
from models.survival.curves import SurvivalCurve

N_RECENT_DATES = 3
PRIOR_PERIODS = 20.0
"""Weight of the prior, in observed periods at the hazard that a band (or a period of it) is shrunken to."""


@dataclass(frozen=True)
class Bands:
    """How rows are grouped: by the ``cuts`` of a column (each band with its lower bound), or not at all (``None``).

    ``label`` names the column for people ("Days since the last order"). ``recent``: only the latest dates count.
    ``counts_down``: the column holds the days to a due date (negative after it), so a row changes its band with every
    coming period: due in 40 days, it is due within 30 in the second period, and overdue in the third.
    """

    column: str | None = None
    cuts: tuple[float, ...] = ()
    label: str = ""
    recent: bool = False
    counts_down: bool = False

    @property
    def name(self) -> str:
        """The baseline's name for people."""
        if self.column is None:
            return "recent rate of all" if self.recent else "rate of all"
        return f"rate by {self.label[0].lower()}{self.label[1:]}"

    def of_rows(self, rows: pd.DataFrame, ahead: int = 0) -> "pd.Series[str]":
        """The band of each row in the period that begins ``ahead`` periods after its date."""
        if self.column is None:
            return pd.Series("all", index=rows.index, dtype=object)
        names = [
            "below 0",
            *(f"{low:g} to {high:g}" for low, high in zip((0.0, *self.cuts), self.cuts, strict=False)),
            f"over {self.cuts[-1]:g}",
        ]
        values = rows[self.column].astype("float64") - (PERIOD_DAYS * ahead if self.counts_down else 0)
        indices = np.searchsorted(np.array([0.0, *self.cuts]), values.fillna(0).to_numpy(), side="right")
        bands = pd.Series([names[index] for index in indices], index=rows.index, dtype=object)
        return bands.where(values.notna(), UNKNOWN)


@dataclass(frozen=True)
class BandedHazards:
    """The hazard of all rows, and the counts observed in each band and period ahead."""

    bands: Bands
    hazard: float
    observed: dict[str, list[list[float]]]
    """By band: episodes at risk and their events, for each period ahead."""

    @classmethod
    def fit(cls, bands: Bands, episodes: pd.DataFrame) -> "BandedHazards":
        """The hazards of episodes (the bands' column, ``as_of``, ``periods``, ``event``)."""
        if bands.recent:
            episodes = episodes[episodes["as_of"].isin(sorted(episodes["as_of"].unique())[-N_RECENT_DATES:])]
        observed: dict[str, list[list[float]]] = {}
        for ahead in range(N_PERIODS):
            at_risk = episodes[episodes["periods"] > ahead]
            events = (at_risk["event"] & (at_risk["periods"] == ahead + 1)).astype(float)
            for band, in_band in events.groupby(bands.of_rows(at_risk, ahead)):
                counts = observed.setdefault(str(band), [[0.0, 0.0] for _ in range(N_PERIODS)])
                counts[ahead] = [float(len(in_band)), float(in_band.sum())]
        n_at_risk, n_events = np.array(list(observed.values())).sum(axis=(0, 1))
        return cls(bands, float(n_events / n_at_risk), observed)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "BandedHazards":
        """What ``state()`` wrote."""
        bands = Bands(**{**state["bands"], "cuts": tuple(state["bands"]["cuts"])})
        return cls(bands, state["hazard"], state["observed"])

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def predict(self, rows: pd.DataFrame) -> SurvivalCurve:
        """The cumulative incidence of each row."""
        return self.predict_interval(rows)[0]

    def predict_interval(self, rows: pd.DataFrame) -> tuple[SurvivalCurve, SurvivalCurve, SurvivalCurve]:
        """The cumulative incidence of each row, and its 80 % bounds: expected, low, high."""
        periods = [self.hazards(rows, ahead) for ahead in range(N_PERIODS)]
        expected, low, high = (
            SurvivalCurve.from_hazards(PERIOD_ENDS, np.column_stack([period[side] for period in periods]))
            for side in range(3)
        )
        return expected, low, high

    def hazards(self, rows: pd.DataFrame, ahead: int) -> tuple[Floats, Floats, Floats]:
        """The hazard of each row in one period ahead, and its 80 % bounds; that of all in a band never observed."""
        bands = self.bands.of_rows(rows, ahead)
        hazards = {band: self._hazard(str(band), ahead) for band in pd.unique(bands)}
        table = np.array([hazards[band] for band in bands], dtype=np.float64).reshape(len(rows), 3)
        return table[:, 0], table[:, 1], table[:, 2]

    def log_odds(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: log-odds of the hazards."""
        hazards = np.column_stack([self.hazards(rows, ahead)[0] for ahead in range(N_PERIODS)])
        return np.asarray(logit(np.clip(hazards, MIN_PROBABILITY, 1 - MIN_PROBABILITY)))

    def explain(self, rows: pd.DataFrame, outcome: str) -> list[list[str]]:
        """One sentence per row: the hazard of its band, and of the bands that it reaches within the test horizon.

        ``outcome`` completes "12% of such cases … within 30 days" in the past tense: "left".
        """
        hazards = [self.hazards(rows, ahead)[0] for ahead in range(TEST_PERIODS)]
        event = f"{outcome} within {PERIOD_DAYS} days"
        if self.bands.column is None:
            return [
                [f"{format_probability(hazard)} of all {event}; no known feature predicts better"]
                for hazard in hazards[0]
            ]
        bands = [self.bands.of_rows(rows, ahead).tolist() for ahead in range(TEST_PERIODS)]
        sentences = []
        for row in range(len(rows)):
            first = format_probability(hazards[0][row])
            sentence = f"{self.bands.label}: {bands[0][row]}; {first} of such cases {event}"
            for ahead in range(1, TEST_PERIODS):
                if bands[ahead][row] != bands[ahead - 1][row]:
                    sentence += f"; then {bands[ahead][row]}: {format_probability(hazards[ahead][row])}"
            sentences.append([sentence])
        return sentences

    def _hazard(self, band: str, ahead: int) -> tuple[float, float, float]:
        counts = np.array(self.observed.get(band, [[0.0, 0.0]] * N_PERIODS))
        at_risk, events = counts.sum(axis=0)
        of_band = (events + PRIOR_PERIODS * self.hazard) / (at_risk + PRIOR_PERIODS)
        at_risk, events = counts[ahead] + PRIOR_PERIODS * np.array([1.0, of_band])
        low, high = rate_interval(float(events), float(at_risk))
        hazard = float(events / at_risk)
        return hazard, min(low, hazard), max(high, hazard)


def best_baseline(bands: Bands, train: pd.DataFrame, test: pd.DataFrame, level: float) -> tuple[Bands, Floats]:
    """The baseline with the lowest log loss on the test episodes, and its probabilities within the test horizon.

    The bands compete with flat rates, one of them at ``level``, the mean prediction of the model.
    """
    flat = Bands(recent=True)
    predictions = {
        rival: BandedHazards.fit(rival, train).predict(test).within(HORIZON_DAYS)
        for rival in dict.fromkeys((bands, Bands(), flat))
    }
    return best_of(predictions, event_within(test, TEST_PERIODS), flat=flat, level=level)
