"""Cross-validation of a model by rolling origins, the stability of its importance, and its learning curve.

A model that can be cross-validated and tuned defines, in a ``Study``, how it is fitted and evaluated on any rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.arrays import Floats
from features.company import Company
from models.evaluation.bootstrap import loss_interval_metrics, mean_interval
from models.evaluation.report import importance_figures
from models.evaluation.time_splits import closed_before, rolling_origin_splits
from models.model import Abstention, Challenger, Fold, Model
from models.plots.diagnostics import plot_learning_curve, plot_metric_by_fold
from models.plots.figures import LazyFigures

MAX_FOLDS = 5
LEARNING_CURVE_FRACTIONS = (0.125, 0.25, 0.5, 1.0)
"""Fractions of the cases with training rows: the points of the learning curve."""

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """The values that a parameter may take in tuning: an interval, searched evenly or on a log scale."""

    low: float
    high: float
    log_scale: bool = False
    integer: bool = False


@dataclass(frozen=True)
class FittedModel:
    """A fitted model's prediction function, and each feature's fraction of importance."""

    predict: Callable[[pd.DataFrame], Floats]
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """How a model is fitted and evaluated on any rows.

    ``rows``: one row per case and past date (``as_of``; the case's key is in column ``key``). ``test_dates`` test
    challengers: nothing is tuned on them, nor on rows whose label windows overlap theirs. ``fit`` takes rows and
    parameters that replace default ones; ``losses`` and ``metrics`` take predictions and their rows.
    """

    key: str
    rows: pd.DataFrame
    horizon_days: int
    test_dates: tuple[date, ...]
    metric: str
    fit: Callable[[pd.DataFrame, Params], FittedModel]
    losses: Callable[[Floats, pd.DataFrame], Floats]
    metrics: Callable[[Floats, pd.DataFrame], dict[str, float]]
    predict_baseline: Callable[[pd.DataFrame, pd.DataFrame], Floats]
    """Predictions of the flat baseline, fitted on the first rows, for the second."""
    space: Mapping[str, Range]
    """Parameters that may be tuned."""
    feature_labels: Mapping[str, str]
    """Plain-English labels of features by name."""

    @property
    def dates(self) -> tuple[date, ...]:
        """Dates that have rows, oldest first."""
        return tuple(sorted(self.rows["as_of"].unique()))

    def at(self, dates: tuple[date, ...]) -> pd.DataFrame:
        """The rows of some dates."""
        return self.rows[self.rows["as_of"].isin(dates)]


@runtime_checkable
class Tunable(Protocol):
    """A model that can be cross-validated and tuned."""

    def study(self, company: Company) -> Study | Abstention:
        """How challengers are fitted and evaluated on the company's past, or why it is too short."""
        ...

    def with_params(self, params: Params) -> Model:
        """The same model with parameters that replace default ones in training."""
        ...


def cross_validate(study: Study, challenger: Challenger, seed: int) -> Challenger:
    """The challenger with the folds of rolling origins, the stability of its importance, and its learning curve."""
    results = [evaluate_fold(study, train, test, challenger.tuned_params) for train, test in _splits(study)]
    metrics, figures = importance_figures([fitted.importance for _, fitted in results], study.feature_labels)
    folds = tuple(
        replace(fold, metrics=fold.metrics | loss_interval_metrics(study.metric, fold.losses, seed))
        for fold, _ in results
    )
    curve = learning_curve(study, challenger.tuned_params, seed)
    figures |= LazyFigures({"folds": lambda: _figure_by_fold(study, folds, seed), "learning curve": lambda: curve})
    evaluation = replace(challenger.evaluation, metrics={**challenger.evaluation.metrics, **metrics})
    return replace(challenger, folds=folds, evaluation=evaluation, figures=challenger.figures | figures)


def evaluate_fold(
    study: Study, train_dates: tuple[date, ...], test_date: date, params: Params
) -> tuple[Fold, FittedModel]:
    """The metrics on one date of a model fitted on earlier ones, and that model."""
    train, test = study.at(train_dates), study.at((test_date,))
    fitted = study.fit(train, params)
    predictions = fitted.predict(test)
    losses = study.losses(predictions, test)
    metrics = {study.metric: float(losses.mean()), **study.metrics(predictions, test)}
    return Fold(str(test_date), (test_date,), len(train), metrics, tuple(losses.tolist())), fitted


def learning_curve(study: Study, params: Params, seed: int) -> Figure:
    """Training and test loss by the number of training rows: growing random subsets of cases, on all training dates."""
    train = study.at(closed_before(study.dates, study.test_dates, study.horizon_days))
    test = study.at(study.test_dates)
    cases = np.sort(train[study.key].unique())
    rank = pd.Series(np.random.default_rng(seed).permutation(len(cases)) / len(cases), index=cases)
    case_rank = train[study.key].map(rank)
    counts, train_losses, test_losses = [], [], []
    for fraction in LEARNING_CURVE_FRACTIONS:
        subset = train[case_rank < fraction]
        if subset.empty:
            continue
        fitted = study.fit(subset, params)
        counts.append(len(subset))
        train_losses.append(float(study.losses(fitted.predict(subset), subset).mean()))
        test_losses.append(float(study.losses(fitted.predict(test), test).mean()))
    baseline_loss = float(study.losses(study.predict_baseline(train, test), test).mean())
    return plot_learning_curve(study.metric, counts, train_losses, test_losses, baseline_loss)


def _splits(study: Study) -> list[tuple[tuple[date, ...], date]]:
    return rolling_origin_splits(study.dates, study.horizon_days, MAX_FOLDS)


def _figure_by_fold(study: Study, folds: tuple[Fold, ...], seed: int) -> Figure:
    values = [fold.metrics[study.metric] for fold in folds]
    bounds = [mean_interval(fold.losses, seed) or (value, value) for fold, value in zip(folds, values, strict=True)]
    return plot_metric_by_fold(study.metric, [fold.name for fold in folds], values, bounds)
