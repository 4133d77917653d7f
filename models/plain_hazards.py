"""The plain baselines of a hazard: the rate of the coming month in each band, told of every month ahead.

A band's rate is what came in the months that lives of it were seen, by those alive in them. Where bands count down to
a day that is due (``Bands.counts_down``), each month is of the band in which it begins: a contract that is due in 40
days is in the month of its term only in the second of the coming months, and past it in the third.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.lives import PERIOD_DAYS, PERIODS
from models.baseline import Bands
from models.calibration import Numbers, log_losses
from models.curve import within
from models.known_lives import JUDGED, happened

RECENT_DATES = 3


@dataclass(frozen=True)
class PlainHazards:
    """Bands, and the months and events that were seen in each; a band never seen has the rate of all."""

    bands: Bands
    state: dict[str, Any]

    @classmethod
    def of(cls, bands: Bands, lives: pd.DataFrame) -> "PlainHazards":
        """The months and events of lives (the bands' column, ``as_of``, ``periods``, ``event``)."""
        if bands.recent:
            lives = lives[lives["as_of"].isin(sorted(lives["as_of"].unique())[-RECENT_DATES:])]
        months, rates = [], {}
        for ahead in range(PERIODS):
            alive = lives[lives["periods"] > ahead]
            came = (alive["event"] & (alive["periods"] == ahead + 1)).astype(float)
            months.append(pd.DataFrame({"band": bands.of(alive, PERIOD_DAYS * ahead), "came": came}))
        seen = pd.concat(months)
        for band, came in seen.groupby("band")["came"]:
            rates[str(band)] = [float(len(came)), float(came.sum())]
        state = {**asdict(bands), "rate": float(seen["came"].mean()) if len(seen) else 0.0, "counts": rates}
        return cls(bands, state)

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "PlainHazards":
        """What a champion's state holds."""
        return cls(Bands.restored(state), state)

    def chances(self, rows: pd.DataFrame) -> tuple[Numbers, Numbers, Numbers]:
        """Rows × periods: the chance that the event comes within so many, its low and its high (80 %)."""
        months = [self._rates(rows, ahead) for ahead in range(PERIODS)]
        value, low, high = (within(np.column_stack([month[side] for month in months])) for side in range(3))
        return value, low, high

    def reasons(self, rows: pd.DataFrame, outcome: str) -> list[list[str]]:
        """One sentence per row: how frequent the event has been in a month of its band, and of those that it comes to
        within the judged days. ``outcome``: "left"."""
        told = self.bands.reasons(rows, self.state, f"{outcome} within {PERIOD_DAYS} days")
        if not self.bands.counts_down:
            return told
        later = [self.bands.of(rows, PERIOD_DAYS * ahead).tolist() for ahead in range(JUDGED)]
        rates = [self._rates(rows, ahead)[0] for ahead in range(JUDGED)]
        for row, sentences in enumerate(told):
            for ahead in range(1, JUDGED):
                if later[ahead][row] != later[ahead - 1][row]:
                    sentences[0] += f"; then {later[ahead][row]}: {rates[ahead][row]:.0%}"
        return told

    def _rates(self, rows: pd.DataFrame, ahead: int) -> tuple[Numbers, Numbers, Numbers]:
        """The hazard of the month that begins so many later. A month of a life is seen from as many dates as there are
        periods, and counts once in bounds."""
        return self.bands.predict(rows, self.state, days_later=PERIOD_DAYS * ahead, seen=PERIODS)


def best_plain(bands: Bands, learnt: pd.DataFrame, judged: pd.DataFrame, level: float) -> tuple[Bands, Numbers]:
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
