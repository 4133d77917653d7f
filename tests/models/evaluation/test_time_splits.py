"""Splits by time keep an embargo of one label window, and say which outcomes are missing."""

from datetime import date, timedelta

import numpy as np

from models.evaluation.time_splits import (
    choose_test_dates,
    minority_count,
    rolling_origin_splits,
    split_dates,
    too_few_outcomes,
)
from models.model import Abstention

DAYS = [date(2025, 1, 1) + timedelta(days=30 * month) for month in range(12)]


def test_windows_of_training_dates_close_before_the_dates_that_follow() -> None:
    split = split_dates(DAYS, 90)
    assert split is not None
    assert split.test == (DAYS[-1],)
    assert split.train == tuple(DAYS[:9])
    assert split.calibration == tuple(DAYS[7:9])
    assert split.fit == tuple(DAYS[:5])
    assert all(day + timedelta(days=90) <= split.calibration[0] for day in split.fit)


def test_a_short_history_has_no_calibration_and_a_shorter_one_no_split() -> None:
    split = split_dates(DAYS[:5], 90)
    assert split is not None
    assert (split.train, split.calibration, split.fit) == (tuple(DAYS[:2]), (), ())
    assert split_dates(DAYS[:3], 90) is None


def test_rolling_origins_are_the_latest_dates_with_training_dates_before() -> None:
    splits = rolling_origin_splits(DAYS, 90, max_splits=3)
    assert [test for _, test in splits] == DAYS[-3:]
    assert all(train[-1] + timedelta(days=90) <= test for train, test in splits)
    assert rolling_origin_splits(DAYS[:3], 90, max_splits=3) == []


def test_test_dates_are_the_first_sufficient_count_of_latest_ones() -> None:
    assert choose_test_dates(DAYS, (1, 2, 3), lambda days: len(days) >= 2) == tuple(DAYS[-2:])
    assert choose_test_dates(DAYS, (3, 2, 1), lambda days: len(days) <= 2) == tuple(DAYS[-2:])
    assert choose_test_dates(DAYS[:1], (2, 3), lambda days: True) is None


def test_too_few_outcomes_of_either_class_abstain_with_the_counts() -> None:
    outcomes = np.repeat([True, False], [5, 95])
    assert minority_count(outcomes) == 5
    abstention = too_few_outcomes("churn", "past cases", outcomes, ("churned", "did not"))
    assert isinstance(abstention, Abstention)
    assert abstention.reason == "needs 20 past cases that churned, and 20 that did not; found 5 and 95"
    assert too_few_outcomes("churn", "past cases", ~outcomes, ("churned", "did not")) is not None
    assert too_few_outcomes("churn", "past cases", outcomes, ("churned", "did not"), minimum=5) is None
