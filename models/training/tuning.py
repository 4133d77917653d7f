"""Tuning on demand: Optuna looks for parameters within a budget, judged by rolling folds before the judged dates.

The dates that judge a challenger, and those whose windows reach into theirs, are never seen by a trial: the winner is a
challenger like any other, and is judged on rows that it was not chosen by (Akiba and others, 2019; TPE: Bergstra and
others, 2011).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evaluation.cross_validation import Study, evaluate_fold
from models.evaluation.time_splits import closed_before, rolling_origin_splits
from models.model import Abstention

FOLDS = 3
FIRST: dict[str, Any] = {}
"""The first trial is of the parameters as they are: a tuning that finds nothing better says so."""


@dataclass(frozen=True)
class Budget:
    """When a tuning ends: after so many trials, or once so many minutes have passed, whichever comes first.

    Trials alone give the same result anywhere; minutes depend on the machine.
    """

    trials: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a budget without end, or without a beginning."""
        if self.trials is None and self.minutes is None:
            raise ValueError("a budget names trials, minutes, or both")
        if (self.trials is not None and self.trials < 1) or (self.minutes is not None and self.minutes <= 0):
            raise ValueError(f"a budget is more than nothing; it is {self.trials} trials, {self.minutes} minutes")


@dataclass(frozen=True)
class Trial:
    """One try: its parameters (none: as they are) and its mean loss over the folds."""

    number: int
    params: dict[str, Any]
    loss: float


@dataclass(frozen=True)
class TuningResult:
    """What a tuning found: the best parameters (none, where nothing was better than as they are), and every trial."""

    params: dict[str, Any]
    trials: tuple[Trial, ...]

    @property
    def summary(self) -> str:
        """The outcome in a sentence."""
        before, best = self.trials[0].loss, min(trial.loss for trial in self.trials)
        if not self.params:
            return f"{len(self.trials)} trials found nothing better than the parameters as they are ({before:.4f})"
        return f"the best of {len(self.trials)} trials lowers the mean loss of folds from {before:.4f} to {best:.4f}"


def tune(study: Study, budget: Budget, seed: int) -> TuningResult | Abstention:
    """The best parameters by the mean loss over rolling folds, and all trials; or why the past is too short to tune."""
    parts = rolling_origin_splits(
        closed_before(study.dates, study.test_dates, study.horizon_days), study.horizon_days, FOLDS
    )
    if not parts:
        why = f"needs {3 * study.horizon_days} days with outcomes known: to learn, to choose by, to be judged on"
        return Abstention(study.metric, why)

    def loss(params: dict[str, Any]) -> float:
        return float(
            np.mean([evaluate_fold(study, learn, day, params)[0].metrics[study.metric] for learn, day in parts])
        )

    return _search(study, budget, seed, loss)


def _search(study: Study, budget: Budget, seed: int, loss: Callable[[dict[str, Any]], float]) -> TuningResult:
    import optuna  # takes a second, and only a tuning needs it

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = [Trial(0, FIRST, loss(FIRST))]

    def objective(trial: optuna.Trial) -> float:
        params = {name: _suggest(trial, name, study) for name in study.space}
        trials.append(Trial(len(trials), params, loss(params)))
        return trials[-1].loss

    search = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    seconds = None if budget.minutes is None else 60 * budget.minutes
    search.optimize(objective, n_trials=budget.trials, timeout=seconds)
    best = min(trials, key=lambda trial: (trial.loss, trial.number))
    return TuningResult(best.params, tuple(trials))


def _suggest(trial: Any, name: str, study: Study) -> float:
    span = study.space[name]
    if span.integer:
        return int(trial.suggest_int(name, int(span.low), int(span.high), log=span.log_scale))
    return float(trial.suggest_float(name, span.low, span.high, log=span.log_scale))
