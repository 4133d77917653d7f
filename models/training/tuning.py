"""Hyper-parameter search on demand (Optuna's TPE; Bergstra and others, 2011) within a budget.

Trials are evaluated on rolling origins before the test dates of a challenger, and before dates whose label windows
overlap theirs: the winner is tested like any other challenger, on rows that it was not chosen by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evaluation.cross_validation import Study, evaluate_fold
from models.evaluation.time_splits import closed_before, rolling_origin_splits
from models.model import Abstention

N_TUNING_FOLDS = 3
DEFAULT_PARAMS: dict[str, Any] = {}
"""The first trial uses the default parameters, which a search must beat."""


@dataclass(frozen=True)
class Budget:
    """The limit of a search: a number of trials, or of minutes, whichever is reached first.

    Trials alone give the same result on every machine.
    """

    trials: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a budget without a limit, or with one of 0."""
        if self.trials is None and self.minutes is None:
            raise ValueError("give a budget of trials, minutes, or both")
        if (self.trials is not None and self.trials < 1) or (self.minutes is not None and self.minutes <= 0):
            raise ValueError(f"a budget must be above 0; it is {self.trials} trials, {self.minutes} minutes")


@dataclass(frozen=True)
class Trial:
    """The mean loss over the folds with some parameters (empty: the defaults)."""

    number: int
    params: dict[str, Any]
    loss: float


@dataclass(frozen=True)
class TuningResult:
    """The best parameters (empty if no trial beat the defaults), and every trial."""

    params: dict[str, Any]
    trials: tuple[Trial, ...]

    @property
    def summary(self) -> str:
        """The outcome in a sentence."""
        default, best = self.trials[0].loss, min(trial.loss for trial in self.trials)
        if not self.params:
            return f"{len(self.trials)} trials found nothing better than the default parameters ({default:.4f})"
        return f"the best of {len(self.trials)} trials lowers the mean loss of folds from {default:.4f} to {best:.4f}"


def tune(study: Study, budget: Budget, seed: int) -> TuningResult | Abstention:
    """The best parameters by mean loss over rolling origins, and all trials; an abstention if the past is too short."""
    days = closed_before(study.dates, study.test_dates, study.horizon_days)
    splits = rolling_origin_splits(days, study.horizon_days, N_TUNING_FOLDS)
    if not splits:
        reason = f"needs {3 * study.horizon_days} days with known outcomes: to train, to choose parameters, and to test"
        return Abstention(study.metric, reason)

    def loss(params: dict[str, Any]) -> float:
        folds = [evaluate_fold(study, train, test, params)[0] for train, test in splits]
        return float(np.mean([fold.metrics[study.metric] for fold in folds]))

    return _search(study, budget, seed, loss)


def _search(study: Study, budget: Budget, seed: int, loss: Callable[[dict[str, Any]], float]) -> TuningResult:
    import optuna  # a second, for a tuning only

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = [Trial(0, DEFAULT_PARAMS, loss(DEFAULT_PARAMS))]

    def objective(trial: optuna.Trial) -> float:
        params = {name: _suggest(trial, name, study) for name in study.space}
        trials.append(Trial(len(trials), params, loss(params)))
        return trials[-1].loss

    optimizer = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    seconds = None if budget.minutes is None else 60 * budget.minutes
    optimizer.optimize(objective, n_trials=budget.trials, timeout=seconds)
    best = min(trials, key=lambda trial: (trial.loss, trial.number))
    return TuningResult(best.params, tuple(trials))


def _suggest(trial: Any, name: str, study: Study) -> float:
    values = study.space[name]
    if values.integer:
        return int(trial.suggest_int(name, int(values.low), int(values.high), log=values.log_scale))
    return float(trial.suggest_float(name, values.low, values.high, log=values.log_scale))
