"""Episodes as known on a date (right-censored), their outcomes within a horizon, and the dates that train and test.

An episode is one row per case and past date: ``as_of``, features, ``periods`` (how many periods of 30 days it was
observed) and ``event`` (whether the event occurred in the last of them), as ``features.labels.time_to_event`` gives it.
"""

from datetime import date

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from models.evaluation.time_splits import (
    MAX_TEST_DATES,
    MIN_PER_CLASS,
    MIN_TEST_PER_CLASS,
    TimeSplit,
    choose_test_dates,
    closed_before,
    minority_count,
)
from models.model import Abstention

PERIOD_ENDS: tuple[int, ...] = tuple(PERIOD_DAYS * number for number in range(1, N_PERIODS + 1))
"""Days after its date on which the periods of an episode end."""
TEST_PERIODS = 3
"""A challenger is tested on whether the event occurs within this number of periods."""
HORIZON_DAYS = TEST_PERIODS * PERIOD_DAYS
MIN_EPISODES = 50


def censor(episodes: pd.DataFrame, day: date) -> pd.DataFrame:
    """The episodes as known on a day: periods that end later are cut off, with the events in them.

    Episodes without a period that ended by then are dropped.
    """
    ended = np.array([(day - as_of).days // PERIOD_DAYS for as_of in episodes["as_of"]], dtype=np.int64)
    observed = episodes["periods"].to_numpy(dtype=np.int64)
    periods = np.minimum(observed, ended)
    event = episodes["event"].to_numpy(dtype=bool) & (periods == observed)
    censored: pd.DataFrame = episodes.assign(periods=periods, event=event)[periods > 0]
    return censored


def event_within(episodes: pd.DataFrame, periods: int) -> Floats:
    """1 for each episode whose event occurred within ``periods``, else 0."""
    observed = episodes["periods"].to_numpy(dtype=np.int64)
    return (episodes["event"].to_numpy(dtype=bool) & (observed <= periods)).astype(np.float64)


def outcome_known(episodes: pd.DataFrame, periods: int) -> Bools:
    """Whether it is known of each episode if the event occurs within ``periods``: it did, or all were observed."""
    observed = episodes["periods"].to_numpy(dtype=np.int64)
    return np.asarray(episodes["event"].to_numpy(dtype=bool) | (observed >= periods))


def fully_observed(episodes: pd.DataFrame, periods: int) -> pd.DataFrame:
    """The episodes of dates on which every outcome within ``periods`` is known.

    Of later dates only the events would be known, and their share would be too high.
    """
    outcomes_known = pd.Series(outcome_known(episodes, periods), index=episodes.index)
    observed: pd.DataFrame = episodes[outcomes_known.groupby(episodes["as_of"]).transform("all").astype(bool)]
    return observed


def starting_on(episodes: pd.DataFrame, dates: tuple[date, ...]) -> pd.DataFrame:
    """The episodes of some dates."""
    return episodes[episodes["as_of"].isin(dates)]


def split_episodes(model: str, outcome: str, episodes: pd.DataFrame) -> TimeSplit | Abstention:
    """The latest dates as test, and before them training dates (whose episodes are censored at the first test date).

    The calibration dates are fully observed before the test, and no two of them share a day of their test horizon.
    Abstains if the episodes are too few; ``outcome`` completes "past cases that …" ("churned").
    """
    events = int(episodes["event"].to_numpy(dtype=bool).sum())
    n_found = f"found {events} of {len(episodes)} past cases at {episodes['as_of'].nunique()} dates"
    needs = f"needs {MIN_PER_CLASS} past cases that {outcome}, and {MIN_PER_CLASS} that did not"
    if len(episodes) < MIN_EPISODES:
        return Abstention(model, f"{needs}, in at least {MIN_EPISODES}; {n_found}")
    dates = sorted(fully_observed(episodes, TEST_PERIODS)["as_of"].unique())

    def sufficient(test: tuple[date, ...]) -> bool:
        train = censor(episodes, test[0])
        outcomes = event_within(starting_on(episodes, test), TEST_PERIODS)
        return (
            minority_count(train["event"].to_numpy(dtype=bool)) >= MIN_PER_CLASS
            and minority_count(outcomes) >= MIN_TEST_PER_CLASS
        )

    test = choose_test_dates(dates, range(1, MAX_TEST_DATES + 1), sufficient)
    if test is None:
        on_test = f"before a later date with {MIN_TEST_PER_CLASS} of each to test on"
        return Abstention(model, f"{needs}, {on_test}; {n_found}")
    closed = closed_before(dates, test, HORIZON_DAYS)
    train = closed_before(sorted(episodes["as_of"].unique()), test, PERIOD_DAYS)
    return TimeSplit(train=train, calibration=closed[::-TEST_PERIODS][::-1], test=test)
