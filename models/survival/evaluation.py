"""The evaluation of a hazard model on its test dates, and its specification for cross-validation and tuning."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.statistics import auc
from features.labels.time_to_event import PERIOD_DAYS
from models.evaluation.cross_validation import FittedModel, Range, Study
from models.evaluation.importance import gain_importance
from models.evaluation.metrics import calibration_error, log_losses
from models.evaluation.report import evaluate_probabilities
from models.model import Abstention, Champion, Evaluation
from models.survival.baseline_hazards import BandedHazards, Bands, best_baseline
from models.survival.censoring import (
    HORIZON_DAYS,
    TEST_PERIODS,
    censor,
    event_within,
    fully_observed,
    split_episodes,
    starting_on,
)
from models.survival.curves import SurvivalCurve
from models.survival.hazard_spec import HazardSpec
from models.survival.recalibration import cross_fit, recalibrate_in_the_large
from models.survival.scoring import predict

HAZARD_SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 31, log_scale=True, integer=True),
    "learning_rate": Range(0.01, 0.15, log_scale=True),
    "min_data_in_leaf": Range(10, 200, log_scale=True, integer=True),
    "lambda_l2": Range(0.1, 50.0, log_scale=True),
    "feature_fraction": Range(0.3, 1.0),
    "trees": Range(40, 300, log_scale=True, integer=True),
}
"""Parameters that may be tuned. Leaves and trees end where explanations would take too long."""


def evaluate(spec: HazardSpec, champion: Champion, episodes: pd.DataFrame) -> Evaluation | Abstention:
    """The champion on the test episodes of a challenger; losses are NaN for episodes that it was trained on."""
    split = split_episodes(spec.model, spec.outcome, episodes)
    if isinstance(split, Abstention):
        return split
    train, test = censor(episodes, split.test[0]), starting_on(episodes, split.test)
    seen = np.array([as_of < champion.trained_as_of for as_of in test["as_of"]], dtype=bool)
    predictions = predict(spec, champion, test)
    return evaluate_curves(predictions, test, best_for(spec, predictions, train, test), seen)


def best_for(
    spec: HazardSpec, predictions: SurvivalCurve, train: pd.DataFrame, test: pd.DataFrame
) -> tuple[Bands, Floats]:
    """The baseline to beat with some predictions of the test episodes, and its probabilities there."""
    return best_baseline(spec.bands, train, test, float(predictions.within(HORIZON_DAYS).mean()))


def evaluate_curves(
    predictions: SurvivalCurve, test: pd.DataFrame, baseline: tuple[Bands, Floats], seen: Bools | None = None
) -> Evaluation:
    """Predictions of the test episodes against a baseline, within the test horizon; with metrics of the first period.

    Losses of the ``seen`` episodes are NaN.
    """
    bands, baseline_probabilities = baseline
    outcomes = event_within(test, TEST_PERIODS)
    evaluation = evaluate_probabilities(
        outcomes, predictions.within(HORIZON_DAYS), bands.name, baseline_probabilities, seen
    )
    first_outcomes, first = event_within(test, 1), predictions.within(PERIOD_DAYS)
    first_period = {
        "auc within 30 days": auc(first, first_outcomes),
        "calibration error within 30 days": calibration_error(first, first_outcomes),
    }
    return replace(evaluation, metrics={**evaluation.metrics, **first_period})


def study(spec: HazardSpec, episodes: pd.DataFrame, seed: int) -> Study | Abstention:
    """The model's specification for cross-validation, its learning curve and tuning.

    Episodes are censored after the test horizon, so that the windows of all training rows closed before the test.
    """
    split = split_episodes(spec.model, spec.outcome, episodes)
    if isinstance(split, Abstention):
        return split
    observed = fully_observed(episodes, TEST_PERIODS)
    periods = observed["periods"].clip(upper=TEST_PERIODS)
    rows = observed.assign(periods=periods, event=observed["event"] & (periods == observed["periods"]))

    def fit(train: pd.DataFrame, params: Mapping[str, Any]) -> FittedModel:
        fitted = cross_fit(spec, train, seed, dict(params))

        def predictions(test: pd.DataFrame) -> Floats:
            return recalibrate_in_the_large(spec, fitted, test).predict(test).within(HORIZON_DAYS)

        return FittedModel(predictions, gain_importance(fitted.trees.booster))

    return Study(
        key=spec.account,
        rows=rows,
        horizon_days=HORIZON_DAYS,
        test_dates=split.test,
        metric="log loss",
        fit=fit,
        losses=lambda predictions, test: log_losses(predictions, event_within(test, TEST_PERIODS)),
        metrics=lambda predictions, test: {"auc": auc(predictions, event_within(test, TEST_PERIODS))},
        predict_baseline=lambda train, test: BandedHazards.fit(Bands(), train).predict(test).within(HORIZON_DAYS),
        space=HAZARD_SPACE,
        feature_labels=spec.feature_labels,
    )
