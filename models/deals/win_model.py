"""Training and evaluation of the win model: trees on how deals end period by period, against pooled rates.

The test is what was won within ``WIN_HORIZON_DAYS`` on later dates. In a company too young or small for that, pooled
rates ship, tested on deals left out. Whether trees discriminate won from lost is tested separately.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd

from data.statistics import auc
from features.opportunities.table import OPPORTUNITY_FEATURES
from models.deals.baseline import beats_pooled_rates, choose_baseline, choose_win_shares
from models.deals.competing_risks import WinCurves
from models.deals.partial_pooling import PooledRates
from models.deals.scoring import predict
from models.deals.time_split import WIN_HORIZON_DAYS, split_deals, won_within_horizon
from models.deals.win_trees import (
    DEAL_PERIOD,
    EXPLAINED_PERIOD,
    WIN_FEATURES,
    WIN_FEATURES_HASH,
    WIN_TREE_PARAMS,
    WinTrees,
)
from models.estimators.calibration import Calibration, calibration_in_the_large
from models.estimators.explanations import typical_values
from models.estimators.gradient_boosting import BOOSTING_PARAMS
from models.evaluation.bootstrap import metric_intervals
from models.evaluation.cross_validation import FittedModel, Range, Study
from models.evaluation.importance import gain_importance
from models.evaluation.metrics import log_losses
from models.evaluation.report import evaluate_probabilities, probability_figures
from models.model import Abstention, Challenger, Champion, Evaluation

WIN_SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 15, log_scale=True, integer=True),
    "learning_rate": Range(0.02, 0.2, log_scale=True),
    "min_data_in_leaf": Range(10, 200, log_scale=True, integer=True),
    "lambda_l2": Range(0.1, 50.0, log_scale=True),
    "feature_fraction": Range(0.3, 1.0),
    "trees": Range(30, 160, log_scale=True, integer=True),
}
"""Parameters that may be tuned. Leaves and trees end where explanations would take too long: there are three trees to
each."""


def train(
    rows: pd.DataFrame, as_of: date, seed: int, params: Mapping[str, Any] | None = None
) -> Challenger | Abstention:
    """A challenger trained on all past rows, and evaluated by trees that were trained before the test dates. Abstains
    if the past is too thin.

    ``rows``: one per deal and past date: features, ``days`` to its closing, ``won``, ``seen_days``. ``params`` override
    those of the trees.
    """
    tuned = dict(params or {})
    split = split_deals(rows)
    if isinstance(split, Abstention):
        return split
    test, won = split.test, won_within_horizon(split.test)
    curves = WinCurves.concatenate([WinTrees.fit(fold.train, seed, tuned).predict(fold.test) for fold in split.folds])
    win_share_levels, pooled = choose_win_shares(split)
    discriminates = beats_pooled_rates(curves, pooled, test)
    probabilities = (curves if discriminates else curves.with_win_shares_of(pooled)).within(WIN_HORIZON_DAYS)
    baseline = choose_baseline(split, float(probabilities.mean()))
    if split.by_deal:
        probabilities = baseline.probabilities
    widening = calibration_in_the_large(probabilities, won)
    intervals = metric_intervals(probabilities, won, seed, clusters=test["opportunity_id"].to_numpy())
    evaluation = evaluate_probabilities(won, probabilities, baseline.name, baseline.probabilities)
    final = WinTrees.fit(rows, seed, tuned)
    return Challenger(
        model="win",
        flavor="lightgbm",
        estimator=final.booster,
        state={
            "horizon_days": WIN_HORIZON_DAYS,
            "encoding": final.encoding.state(),
            "calibration": Calibration.without_scaling(probabilities, won, widening).state(),
            "baseline": PooledRates.fit(rows, baseline.levels).state(),
            "discriminates": discriminates,
            "win_shares": PooledRates.fit(rows, win_share_levels).state(),
            "typical_values": typical_values(rows, OPPORTUNITY_FEATURES),
        },
        evaluation=replace(evaluation, intervals=intervals),
        features_hash=WIN_FEATURES_HASH,
        example=final.encode(rows.head(5), EXPLAINED_PERIOD),
        params={
            **BOOSTING_PARAMS,
            **WIN_TREE_PARAMS,
            **tuned,
            "seed": seed,
            "horizon_days": WIN_HORIZON_DAYS,
            "test_dates": split.description,
        },
        figures=probability_figures(
            f"win: predicted as of {split.description},\nwithin {WIN_HORIZON_DAYS} days", probabilities, won
        ),
        trained_as_of=as_of,
        rows=len(rows),
        tuned_params=tuned,
    )


def evaluate(champion: Champion, rows: pd.DataFrame) -> Evaluation | Abstention:
    """The champion on the test rows of a challenger; losses are NaN for rows that it was trained on."""
    split = split_deals(rows)
    if isinstance(split, Abstention):
        return split
    probabilities = predict(champion, split.test).within(WIN_HORIZON_DAYS)
    baseline = choose_baseline(split, float(probabilities.mean()))
    seen = (split.test["as_of"] < champion.trained_as_of).to_numpy()
    return evaluate_probabilities(
        won_within_horizon(split.test), probabilities, baseline.name, baseline.probabilities, seen
    )


def study(rows: pd.DataFrame, seed: int) -> Study | Abstention:
    """The model's specification for cross-validation, its learning curve and tuning.

    Deals are observed for ``WIN_HORIZON_DAYS`` after each date, so that the windows of all training rows closed before
    the test.
    """
    split = split_deals(rows)
    if isinstance(split, Abstention):
        return split
    if split.by_deal:
        return Abstention("win", "the past is too short to test trees on later dates: pooled rates are used")
    fully_observed = rows[rows["seen_days"] >= WIN_HORIZON_DAYS]
    closed = (fully_observed["days"] < WIN_HORIZON_DAYS).to_numpy()
    observed = fully_observed.assign(
        seen_days=float(WIN_HORIZON_DAYS),
        days=fully_observed["days"].where(closed),
        won=fully_observed["won"].to_numpy() & closed,
    )

    def fit(train_rows: pd.DataFrame, params: Mapping[str, Any]) -> FittedModel:
        trees = WinTrees.fit(train_rows, seed, params)
        return FittedModel(lambda test: trees.predict(test).within(WIN_HORIZON_DAYS), gain_importance(trees.booster))

    return Study(
        key="opportunity_id",
        rows=observed,
        horizon_days=WIN_HORIZON_DAYS,
        test_dates=tuple(sorted(split.test["as_of"].unique())),
        metric="log loss",
        fit=fit,
        losses=lambda predictions, test: log_losses(predictions, won_within_horizon(test)),
        metrics=lambda predictions, test: {"auc": auc(predictions, won_within_horizon(test))},
        predict_baseline=lambda train_rows, test: (
            PooledRates.fit(train_rows, ()).predict(test).within(WIN_HORIZON_DAYS)
        ),
        space=WIN_SPACE,
        feature_labels={feature.name: feature.description for feature in (*WIN_FEATURES, DEAL_PERIOD)},
    )
