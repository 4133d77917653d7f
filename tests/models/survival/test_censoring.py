"""Episodes as known on a date, and the dates that train, calibrate and test."""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from models.model import Abstention
from models.survival.censoring import (
    HORIZON_DAYS,
    censor,
    event_within,
    fully_observed,
    outcome_known,
    split_episodes,
)
from tests.models.survival.planted_episodes import AS_OF, planted_episodes

EPISODES = pd.DataFrame(
    {"as_of": [AS_OF - timedelta(days=120)] * 3, "periods": [2, 3, 4], "event": [True, True, False]}
)


def test_an_episode_is_censored_on_the_day_before_which_it_is_used() -> None:
    censored = censor(EPISODES, AS_OF - timedelta(days=60))
    assert censored["periods"].tolist() == [2, 2, 2]
    assert censored["event"].tolist() == [True, False, False]
    assert censor(EPISODES, AS_OF - timedelta(days=91)).empty  # no period had ended


def test_an_outcome_is_known_with_its_event_or_the_end_of_the_horizon() -> None:
    assert event_within(EPISODES, 2).tolist() == [1.0, 0.0, 0.0]
    assert event_within(EPISODES, 3).tolist() == [1.0, 1.0, 0.0]
    assert outcome_known(EPISODES, 4).tolist() == [True, True, True]
    assert outcome_known(EPISODES, 5).tolist() == [True, True, False]


def test_dates_with_unknown_outcomes_are_not_fully_observed() -> None:
    observed = fully_observed(planted_episodes(50), 3)
    assert observed["as_of"].max() == AS_OF - timedelta(days=90)
    assert len(observed) == 50 * 12


def test_calibration_and_test_dates_share_no_day_of_their_horizons() -> None:
    split = split_episodes("leaving", "left", planted_episodes(300))
    assert not isinstance(split, Abstention)
    days = [*split.calibration, *split.test]
    assert len(days) == 4  # of fourteen dates a month apart
    assert all((later - earlier).days >= HORIZON_DAYS for earlier, later in pairwise(days))
    assert max(split.train) == split.test[0] - timedelta(days=30)


def test_more_dates_test_where_one_has_too_few_events() -> None:
    episodes = planted_episodes(60, level=-4.5, skill=0.0, seed=5)
    split = split_episodes("leaving", "left", episodes)
    assert not isinstance(split, Abstention)
    assert len(split.test) > 1
    latest = episodes[episodes["as_of"] == max(split.test)]
    assert np.sum(event_within(latest, 3)) < 10
