"""What trees memorize of accounts is corrected by accounts that they were not fitted on."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from features.labels.time_to_event import N_PERIODS
from models.churn import CHURN_SPEC as CHURN
from models.estimators.calibration import UNCALIBRATED
from models.model import Challenger
from models.subscription_events import event_spec
from models.survival.hazard_model import train
from models.survival.recalibration import (
    CrossFit,
    OutOfFold,
    cross_fit,
    fit_hazard_trees,
    fit_interval,
    recalibrate_in_the_large,
)
from models.survival.scoring import predict
from tests.models.survival.planted_episodes import AS_OF, MARKS, SPEC, memorizable_episodes, planted_episodes


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hazards_of_memorized_accounts_are_calibrated_out_of_fold(seed: int) -> None:
    spec = replace(SPEC, features=MARKS)
    episodes, _ = memorizable_episodes(400, dates=14, seed=seed)
    fitted = cross_fit(spec, episodes, seed, {})
    assert fitted.trees.calibration.slope < 0.2  # the trees discriminate by the marks alone, which predict nothing
    others, _ = memorizable_episodes(2_000, dates=1, seed=100 + seed)
    assert fitted.trees.predict(others).within(30).mean() == pytest.approx(0.05, abs=0.015)
    for fold in fitted.folds:
        assert len(fold.episodes) > 0
        assert fold.trees.calibration.slope == fitted.trees.calibration.slope
    accounts = [set(fold.episodes["case"]) for fold in fitted.folds]
    assert sum(len(fold.episodes) for fold in fitted.folds) == len(episodes)
    assert all(not first & second for index, first in enumerate(accounts) for second in accounts[:index])


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_survivors_are_predicted_at_the_level_of_trees_that_did_not_see_them_survive(seed: int) -> None:
    spec = replace(SPEC, terminal=True, features=(SPEC.features[0], *MARKS))
    episodes, survivors = memorizable_episodes(600, dates=14, seed=seed, skill=1.0)
    fitted = cross_fit(spec, episodes, seed, {})
    truth = survivors["hazard"].mean()
    assert fitted.trees.predict(survivors).within(30).mean() < 0.8 * truth
    recalibrated = recalibrate_in_the_large(spec, fitted, survivors)
    assert recalibrated.predict(survivors).within(30).mean() == pytest.approx(truth, rel=0.15)
    assert recalibrated.calibration.slope == fitted.trees.calibration.slope
    assert recalibrate_in_the_large(replace(spec, terminal=False), fitted, survivors) is fitted.trees
    single_account = CrossFit(fitted.trees, ())
    assert recalibrate_in_the_large(spec, single_account, survivors) is fitted.trees
    others, _ = memorizable_episodes(600, dates=1, seed=100 + seed, skill=1.0)
    assert recalibrate_in_the_large(spec, fitted, others).calibration.intercept == pytest.approx(
        fitted.trees.calibration.intercept, abs=0.15
    )


def test_training_recalibrates_the_survivors_of_a_terminal_event() -> None:
    episodes, survivors = memorizable_episodes(600, dates=14, seed=1, skill=1.0)
    means = {}
    for terminal in (False, True):
        spec = replace(SPEC, terminal=terminal, features=(SPEC.features[0], *MARKS))
        challenger = train(spec, episodes, AS_OF, seed=1)
        assert isinstance(challenger, Challenger)
        champion = replace(challenger.as_champion("1"), ships="model")
        of_survivors = predict(spec, champion, survivors).within(30).mean()
        means[terminal] = (challenger.evaluation.metrics["mean prediction"], of_survivors)
    assert means[True][0] > 1.1 * means[False][0]
    assert means[True][1] > 1.1 * means[False][1]
    assert CHURN.terminal
    assert event_spec("ends").terminal


def test_intervals_use_dates_with_known_outcomes_and_count_an_account_once() -> None:
    """A case at dates a month apart is one case: the interval is as wide as four separate dates leave it."""
    challenger = train(SPEC, planted_episodes(300), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    interval, metrics = challenger.state["intervals"]["3"], challenger.evaluation.metrics
    widening = abs(logit(metrics["mean prediction"]) - logit(metrics["mean outcome"]))
    widths = np.array(interval["high_offsets"]) - np.array(interval["low_offsets"]) - 2 * widening
    assert widths.min() > 0.36  # of 120 cases in a bin; 390 would leave 0.27


def test_the_interval_of_half_a_year_ignores_dates_of_which_one_month_is_known() -> None:
    trees = fit_hazard_trees(SPEC, planted_episodes(300), 1, {}, UNCALIBRATED)
    episodes = planted_episodes(100, dates=6).query("as_of == as_of.min() or as_of == as_of.max()")
    observed = episodes["as_of"] == episodes["as_of"].min()  # half a year ago
    late = episodes.assign(periods=np.where(observed, N_PERIODS, 1), event=observed)  # all events in the last period
    assert min(fit_interval([OutOfFold(trees, late)], 6, 0.0).high_offsets) > 3.0
