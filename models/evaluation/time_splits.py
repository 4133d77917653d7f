"""Splits by time: which past dates train, calibrate and test, and whether they hold enough outcomes.

A date trains only if its label window closed before the first date that it is tested or calibrated on (an embargo of
one horizon), so that nothing in a test window was known in training.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from data.arrays import Bools, Floats
from models.model import Abstention

MAX_CALIBRATION_DATES = 2
"""Two dates a month apart average out the season of one; more would take dates from training."""

MIN_PER_CLASS = 20
"""Fewer training rows with (or without) the outcome support no probability that is worth money."""
MIN_TEST_PER_CLASS = 10
MAX_TEST_DATES = 3
"""One date has its own season and luck; more would take dates from training."""


@dataclass(frozen=True)
class TimeSplit:
    """Past dates by role, oldest first.

    ``train`` precedes ``test``. An estimator fitted on ``fit`` (the dates of ``train`` that precede ``calibration``)
    predicts ``calibration``, which calibrates; both are empty in a short history.
    """

    train: tuple[date, ...]
    calibration: tuple[date, ...]
    test: tuple[date, ...]
    fit: tuple[date, ...] = ()


def split_dates(dates: Sequence[date], horizon_days: int) -> TimeSplit | None:
    """The split with the latest date as test; ``None`` if no date is left to train on."""
    days = sorted(set(dates))
    test = tuple(days[-1:])
    train = closed_before(days, test, horizon_days)
    if not train:
        return None
    fit, calibration = _calibration_dates(train, horizon_days)
    return TimeSplit(train, calibration, test, fit)


def rolling_origin_splits(
    dates: Sequence[date], horizon_days: int, max_splits: int
) -> list[tuple[tuple[date, ...], date]]:
    """Pairs of training dates and test date, oldest first: the latest ``max_splits`` that have training dates."""
    days = sorted(set(dates))
    splits = [(closed_before(days, (day,), horizon_days), day) for day in days]
    return [(train, test) for train, test in splits if train][-max_splits:]


def closed_before(days: Sequence[date], following: Sequence[date], horizon_days: int) -> tuple[date, ...]:
    """The dates whose label window closed by the first of the dates that follow."""
    if not following:
        return ()
    return tuple(day for day in days if day + timedelta(days=horizon_days) <= following[0])


def choose_test_dates(
    days: Sequence[date], counts: Iterable[int], sufficient: Callable[[tuple[date, ...]], bool]
) -> tuple[date, ...] | None:
    """The latest dates as test: the first of ``counts`` that is ``sufficient``; ``None`` if none is."""
    for count in counts:
        latest = tuple(days[-count:])
        if len(latest) == count and sufficient(latest):
            return latest
    return None


def minority_count(outcomes: Bools | Floats) -> int:
    """Rows of the rarer of two classes (0 or 1)."""
    positives = int(outcomes.sum())
    return min(positives, len(outcomes) - positives)


def too_few_outcomes(
    model: str,
    cases: str,
    outcomes: Bools | Floats,
    phrases: tuple[str, str],
    minimum: int = MIN_PER_CLASS,
) -> Abstention | None:
    """The abstention of a model with fewer than ``minimum`` rows of a class; ``None`` if there are enough.

    ``cases`` names the rows ("past cases"), ``phrases`` complete "past cases that …" for 1 and for 0 ("churned", "did
    not").
    """
    if minority_count(outcomes) >= minimum:
        return None
    positives = int(outcomes.sum())
    return Abstention(
        model,
        f"needs {minimum} {cases} that {phrases[0]}, and {minimum} that {phrases[1]};"
        f" found {positives} and {len(outcomes) - positives}",
    )


def _calibration_dates(train: Sequence[date], horizon_days: int) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Of the training dates: those to fit before calibration, and the calibration dates; both empty if too few."""
    for count in range(MAX_CALIBRATION_DATES, 0, -1):
        calibration = tuple(train[-count:])
        fit = closed_before(train, calibration, horizon_days)
        if len(fit) >= count:
            return fit, calibration
    return (), ()
