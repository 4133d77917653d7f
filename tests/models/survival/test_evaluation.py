"""Evaluation of hazard models, their cross-validation and tuning."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from models.evaluation.cross_validation import Study, cross_validate, evaluate_fold
from models.evaluation.time_splits import closed_before
from models.model import Challenger, Evaluation
from models.survival.censoring import HORIZON_DAYS
from models.survival.evaluation import HAZARD_SPACE, evaluate, study
from models.survival.hazard_model import train
from models.training.tuning import Budget, TuningResult, tune
from tests.models.survival.planted_episodes import AS_OF, SPEC, planted_episodes


@pytest.fixture(scope="module")
def challenger() -> Challenger:
    challenger = train(SPEC, planted_episodes(300), AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    return challenger


def test_a_champion_is_evaluated_on_the_test_rows_of_its_challenger_but_for_rows_it_was_trained_on(
    challenger: Challenger,
) -> None:
    champion = challenger.as_champion("1")
    older = replace(champion, trained_as_of=AS_OF - timedelta(days=120))
    evaluation = evaluate(SPEC, older, planted_episodes(300))
    assert isinstance(evaluation, Evaluation)
    assert len(evaluation.losses) == len(challenger.evaluation.losses)
    assert not np.isnan(evaluation.losses).any()
    on_own_rows = evaluate(SPEC, champion, planted_episodes(300))
    assert isinstance(on_own_rows, Evaluation)
    assert np.isnan(on_own_rows.losses).all()


def test_training_and_cross_validation_give_intervals_figures_folds_and_a_learning_curve(
    challenger: Challenger,
) -> None:
    assert set(challenger.figures) == {"reliability", "gain", "shap summary"}
    for name in ("auc", "brier"):
        low, high = challenger.evaluation.intervals[name]
        assert low < challenger.evaluation.metrics[name] < high
    studied = study(SPEC, planted_episodes(300), seed=1)
    assert isinstance(studied, Study)
    validated = cross_validate(studied, challenger, seed=1)
    assert validated.folds[-1].test_dates == studied.test_dates
    train_dates = closed_before(studied.dates, studied.test_dates, HORIZON_DAYS)
    fold, _ = evaluate_fold(studied, train_dates, studied.test_dates[-1], {})
    assert np.mean(fold.losses) == pytest.approx(challenger.evaluation.value, rel=0.05)  # episodes end a little earlier
    assert validated.evaluation.metrics["importance stability"] > 0.5
    assert set(validated.figures) == {*challenger.figures, "importance", "folds", "learning curve"}


def test_tuned_parameters_are_used_and_logged(challenger: Challenger) -> None:
    studied = study(SPEC, planted_episodes(100), seed=1)
    assert isinstance(studied, Study)
    result = tune(studied, Budget(trials=2), seed=1)
    assert isinstance(result, TuningResult)
    assert set(result.trials[1].params) == set(HAZARD_SPACE)
    tuned = train(SPEC, planted_episodes(300), AS_OF, 1, {"trees": 10, "num_leaves": 4})
    assert isinstance(tuned, Challenger)
    assert tuned.estimator.num_trees() == 10
    assert (tuned.params["trees"], tuned.tuned_params) == (10, {"trees": 10, "num_leaves": 4})
    assert challenger.estimator.num_trees() == challenger.params["trees"] != 10


@pytest.mark.parametrize("accounts", [1, 2, 8])
def test_few_accounts_with_many_cases_are_trained_and_cross_validated(accounts: int) -> None:
    spec = replace(SPEC, account="owner")
    episodes = planted_episodes(60).assign(owner=lambda rows: rows["case"].str[1:].astype(int) % accounts)
    challenger = train(spec, episodes, AS_OF, seed=1)
    assert isinstance(challenger, Challenger)
    studied = study(spec, episodes, seed=1)
    assert isinstance(studied, Study)
    assert cross_validate(studied, challenger, seed=1).folds
