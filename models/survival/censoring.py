"""What was known of lives on a day, and which dates judge what is learnt from those before."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from features.labels.time_to_event import PERIOD_DAYS
from models.model import Abstention

JUDGED = 3
"""Periods within which a challenger is judged."""
HORIZON_DAYS = JUDGED * PERIOD_DAYS

FEWEST_LIVES = 50
FEWEST_EVENTS = 20
"""Fewer past cases with the event (or without it) carry no probability that is worth money."""
JUDGED_OF_EACH = 10
MOST_JUDGED = 3
"""The judged part is one date, or up to three where one holds too few events."""


@dataclass(frozen=True)
class Parts:
    """Dates that judge, before which is learnt; and earlier ones, latest first, whose judged periods lie apart from
    those of each other."""

    judge: tuple[date, ...]
    apart: tuple[date, ...]


def cut(lives: pd.DataFrame, day: date) -> pd.DataFrame:
    """The lives as far as they were known on a day: later periods are not seen, nor what came in them."""
    closed = np.array([(day - at).days // PERIOD_DAYS for at in lives["as_of"]], dtype=np.int64)
    periods = np.minimum(lives["periods"].to_numpy(dtype=np.int64), closed)
    same = periods == lives["periods"].to_numpy()
    event = lives["event"].to_numpy(dtype=bool) & same
    known: pd.DataFrame = lives.assign(periods=periods, event=event)[periods > 0]
    return known


def happened(lives: pd.DataFrame, periods: int) -> tuple[Floats, "np.ndarray[Any, Any]"]:
    """Whether the event came within so many periods (0 or 1), and for which lives that is known."""
    seen = lives["periods"].to_numpy(dtype=np.int64)
    event = lives["event"].to_numpy(dtype=bool)
    return (event & (seen <= periods)).astype(np.float64), event | (seen >= periods)


def closed(lives: pd.DataFrame, periods: int) -> pd.DataFrame:
    """The lives of dates after which so many periods are over: of later dates, only events would be known."""
    known = pd.Series(happened(lives, periods)[1], index=lives.index).groupby(lives["as_of"]).transform("all")
    over: pd.DataFrame = lives[known.astype(bool)]
    return over


def split(model: str, outcome: str, lives: pd.DataFrame) -> Parts | Abstention:
    """The dates that judge, or what the lives lack; ``outcome`` completes "past cases that …"."""
    came = lives["event"].to_numpy(dtype=bool)
    found = f"found {int(came.sum())} of {len(lives)} past cases at {lives['as_of'].nunique()} dates"
    needs = f"needs {FEWEST_EVENTS} past cases that {outcome}, and {FEWEST_EVENTS} that did not"
    if len(lives) < FEWEST_LIVES:
        return Abstention(model, f"{needs}, in at least {FEWEST_LIVES}; {found}")
    whole = sorted(closed(lives, JUDGED)["as_of"].unique())
    for count in range(1, MOST_JUDGED + 1):
        days = tuple(whole[-count:])
        if len(days) < count:
            break
        learnt = cut(lives, days[0])
        if of_each(learnt["event"]) >= FEWEST_EVENTS and (
            of_each(pd.Series(happened(lives_at(lives, days), JUDGED)[0] > 0)) >= JUDGED_OF_EACH
        ):
            earlier = [day for day in whole if day + timedelta(days=HORIZON_DAYS) <= days[0]]
            return Parts(days, tuple(earlier[::-JUDGED]))
    why = f"before a later date with {JUDGED_OF_EACH} of each to be judged on"
    return Abstention(model, f"{needs}, {why}; {found}")


def lives_at(lives: pd.DataFrame, dates: tuple[date, ...]) -> pd.DataFrame:
    """The lives that begin at some dates."""
    return lives[lives["as_of"].isin(dates)]


def of_each(event: "pd.Series[bool]") -> int:
    """Lives of the rarer kind."""
    came = int(event.sum())
    return min(came, len(event) - came)
