"""Past dates in the order of time: what is learnt from, what calibrates, what judges.

A date may be learnt from only when its label window had closed before the first date that follows in the chain, so
that nothing that happened within a judged window was known to what is judged on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

CALIBRATING_DATES = 2
"""Two dates a month apart steady the calibration against the luck of one; more would take dates from learning."""


@dataclass(frozen=True)
class Folds:
    """Dates of each part, oldest first.

    An estimator fitted on ``first`` predicts ``calibrate``, which calibrates; one fitted on ``learn`` (``first``,
    ``calibrate`` and what lies between) predicts ``judge``. ``first`` and ``calibrate`` are empty in a short history.
    """

    first: tuple[date, ...]
    calibrate: tuple[date, ...]
    learn: tuple[date, ...]
    judge: tuple[date, ...]


def folds(dates: Sequence[date], horizon_days: int) -> Folds | None:
    """The parts of a history, its latest date judging; ``None`` when no date is left to learn from."""
    days = sorted(set(dates))
    judge = tuple(days[-1:])
    learn = closed_before(days, judge, horizon_days)
    return Folds(*_calibrating_parts(learn, horizon_days), learn, judge) if learn else None


def rolling(dates: Sequence[date], horizon_days: int, most: int) -> list[tuple[tuple[date, ...], date]]:
    """Judged dates of a rolling split with the dates to learn from before each, oldest first; the latest ``most``."""
    days = sorted(set(dates))
    parts = [(closed_before(days, (day,), horizon_days), day) for day in days]
    return [(learn, day) for learn, day in parts if learn][-most:]


def closed_before(days: Sequence[date], following: Sequence[date], horizon_days: int) -> tuple[date, ...]:
    """The dates whose label window had closed by the first of the dates that follow."""
    if not following:
        return ()
    return tuple(day for day in days if day + timedelta(days=horizon_days) <= following[0])


def _calibrating_parts(learn: Sequence[date], horizon_days: int) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Of the dates to learn from: those to learn from ``first``, and later ones to ``calibrate``; both empty where too
    few are left."""
    for calibrating in range(CALIBRATING_DATES, 0, -1):
        calibrate = tuple(learn[-calibrating:])
        first = closed_before(learn, calibrate, horizon_days)
        if len(first) >= calibrating:
            return first, calibrate
    return (), ()
