"""How a model does over time and with more to learn from: rolling folds, their importance, and the learning curve.

A model that can be studied says, in a ``Study``, how it is learnt and judged on any rows; everything here is made from
that alone. Each fold learns from dates whose label windows had closed before the one date that judges it.
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

MOST_FOLDS = 5
SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of what can be learnt from, taken by whole cases: the points of the learning curve."""

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Range:
    """Values that a parameter may take: between two bounds, evenly or by ratio; whole numbers where they are whole."""

    low: float
    high: float
    log_scale: bool = False
    integer: bool = False


@dataclass(frozen=True)
class FittedModel:
    """What was learnt: what it says of rows, and each feature's share of importance."""

    predict: Callable[[pd.DataFrame], Floats]
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """How a model is learnt and judged on any rows.

    ``rows`` hold one row per case and past date (``as_of``, and whose case it is in ``key``). ``judged`` are the dates
    that judge a challenger: nothing is tuned on them, nor on rows whose windows reach into theirs. ``fit`` learns from
    rows with parameters beside the usual ones; ``losses`` are of what was said of rows, lower is better.
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
    """What the flat baseline, learnt from the first rows, says of the second."""
    space: Mapping[str, Range]
    """Parameters that may be tuned, and their values."""
    feature_labels: Mapping[str, str]
    """Features as people say them, by their names."""

    @property
    def dates(self) -> tuple[date, ...]:
        """Dates that have rows, oldest first."""
        return tuple(sorted(self.rows["as_of"].unique()))

    def at(self, dates: tuple[date, ...]) -> pd.DataFrame:
        """The rows of some dates."""
        return self.rows[self.rows["as_of"].isin(dates)]


@runtime_checkable
class Tunable(Protocol):
    """A model that can be studied and tuned."""

    def study(self, company: Company) -> Study | Abstention:
        """How it is learnt and judged on the company's past, or why that is too thin."""
        ...

    def with_params(self, params: Params) -> Model:
        """The same model, whose challengers are trained with parameters beside the usual ones."""
        ...


def cross_validate(study: Study, challenger: Challenger, seed: int) -> Challenger:
    """The challenger, with the folds of the rolling split, how stable its importance is, and its learning curve."""
    made = [evaluate_fold(study, learn, day, challenger.tuned_params) for learn, day in _parts(study)]
    metrics, pictures = importance_figures([fitted.importance for _, fitted in made], study.feature_labels)
    folds = tuple(
        replace(fold, metrics=fold.metrics | loss_interval_metrics(study.metric, fold.losses, seed)) for fold, _ in made
    )
    curve = learning_curve(study, challenger.tuned_params, seed)
    pictures |= LazyFigures({"folds": lambda: _by_date(study, folds, seed), "learning curve": lambda: curve})
    judgement = replace(challenger.evaluation, metrics={**challenger.evaluation.metrics, **metrics})
    return replace(challenger, folds=folds, evaluation=judgement, figures=challenger.figures | pictures)


def evaluate_fold(study: Study, learn: tuple[date, ...], day: date, params: Params) -> tuple[Fold, FittedModel]:
    """What is learnt from some dates, and how it did on a later one."""
    learnt, judged = study.at(learn), study.at((day,))
    fitted = study.fit(learnt, params)
    said = fitted.predict(judged)
    losses = study.losses(said, judged)
    metrics = {study.metric: float(losses.mean()), **study.metrics(said, judged)}
    return Fold(str(day), (day,), len(learnt), metrics, tuple(losses.tolist())), fitted


def learning_curve(study: Study, params: Params, seed: int) -> Figure:
    """The loss on judged rows and on rows learnt from, by how many were learnt from: shares of all cases, drawn once.

    All dates are learnt from whose windows had closed before the judged ones.
    """
    learnt, judged = (
        study.at(closed_before(study.dates, study.test_dates, study.horizon_days)),
        study.at(study.test_dates),
    )
    cases = np.sort(learnt[study.key].unique())
    order = pd.Series(np.random.default_rng(seed).permutation(len(cases)) / len(cases), index=cases)
    place = learnt[study.key].map(order)
    counts, within, outside = [], [], []
    for share in SHARES:
        part = learnt[place < share]
        if part.empty:
            continue
        fitted = study.fit(part, params)
        counts.append(len(part))
        within.append(float(study.losses(fitted.predict(part), part).mean()))
        outside.append(float(study.losses(fitted.predict(judged), judged).mean()))
    flat = float(study.losses(study.predict_baseline(learnt, judged), judged).mean())
    return plot_learning_curve(study.metric, counts, within, outside, flat)


def _parts(study: Study) -> list[tuple[tuple[date, ...], date]]:
    return rolling_origin_splits(study.dates, study.horizon_days, MOST_FOLDS)


def _by_date(study: Study, folds: tuple[Fold, ...], seed: int) -> Figure:
    values = [fold.metrics[study.metric] for fold in folds]
    bounds = [mean_interval(fold.losses, seed) or (value, value) for fold, value in zip(folds, values, strict=True)]
    return plot_metric_by_fold(study.metric, [fold.name for fold in folds], values, bounds)
