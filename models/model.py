"""The protocol of a model: it trains a challenger on a company's past, and scores the company with a champion.

Each model is one file. It abstains, with a reason that people can act on, instead of publishing a bad score.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from data.statistics import mean_gain
from features.company import Company
from models.plots.figures import LazyFigures

ROUNDING_TOLERANCE = 1e-12
"""Losses nearer than this are equal but for the order of summation."""

SHIPPING_STANDARD_ERRORS = 1.0
"""Standard errors by which a model's mean gain over its baseline must exceed 0 (84 % confidence, one-sided)."""


@dataclass(frozen=True)
class Abstention:
    """No score, and the reason: a sentence that says what would change it."""

    model: str
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """A model's losses out of time, with those of its baseline on the same test rows.

    ``losses`` and ``baseline_losses`` hold one loss per test row (lower is better), aligned, so that two versions
    evaluated on the same rows can be compared in pairs. ``value`` and ``baseline_value`` are what people read.
    ``intervals`` bound some of the ``metrics`` (or ``metric`` itself), at 95 %.
    """

    metric: str
    value: float
    baseline: str
    baseline_value: float
    losses: tuple[float, ...]
    baseline_losses: tuple[float, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """The evaluation in five values; ``skill``: the fraction of the baseline's loss that is saved by what ships."""
        loss, baseline_loss = (float(np.mean(losses or (0.0,))) for losses in (self.shipped, self.baseline_losses))
        return {
            "metric": self.metric,
            "value": self.value,
            "baseline": self.baseline,
            "baseline_value": self.baseline_value,
            "skill": 1 - loss / baseline_loss if baseline_loss > 0 else 0.0,
        }

    @property
    def shipped(self) -> tuple[float, ...]:
        """The losses of what ships: the model's or the baseline's."""
        return self.losses if self.ships == "model" else self.baseline_losses

    @property
    def ships(self) -> Literal["model", "baseline"]:
        """The model, if its mean gain in loss over the baseline exceeds one standard error; the baseline otherwise."""
        gain = mean_gain(np.array(self.baseline_losses), np.array(self.losses))
        return "model" if gain.exceeds(SHIPPING_STANDARD_ERRORS, ROUNDING_TOLERANCE) else "baseline"


@dataclass(frozen=True)
class Fold:
    """One split of a rolling-origin evaluation: the number of training rows, and the metrics on its test dates.

    ``losses`` hold one loss per test row, as those of an ``Evaluation`` do.
    """

    name: str
    test_dates: tuple[date, ...]
    rows: int
    metrics: dict[str, float]
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Challenger:
    """The result of a training, which may become the version that scores.

    ``estimator`` is a native LightGBM, scikit-learn or Prophet object (``flavor``) fitted on all rows, which MLflow
    logs and loads without this project. ``state`` is JSON: calibration, interval widths, baseline rates and all else
    that scoring needs. ``example`` is a few input rows for the signature. ``folds`` are earlier splits, oldest first;
    ``tuned_params`` are the parameters that a tuning found and this training used.
    """

    model: str
    flavor: Literal["lightgbm", "sklearn", "prophet"]
    estimator: Any
    state: dict[str, Any]
    evaluation: Evaluation
    features_hash: str
    example: pd.DataFrame
    params: dict[str, Any]
    figures: LazyFigures
    trained_as_of: date
    rows: int
    folds: tuple[Fold, ...] = ()
    tuned_params: dict[str, Any] = field(default_factory=dict)
    excluded_features: dict[str, str] = field(default_factory=dict)
    """Features that were left out because they leak the outcome, with the reason."""

    def as_champion(self, version: str) -> "Champion":
        """The champion that the challenger becomes under the version as which it was logged."""
        return Champion(
            model=self.model,
            version=version,
            ships=self.evaluation.ships,
            estimator=self.estimator,
            state=self.state,
            features_hash=self.features_hash,
            trained_as_of=self.trained_as_of,
            evaluation=self.evaluation.summary,
            tuned_params=self.tuned_params,
        )


@dataclass(frozen=True)
class Champion:
    """The version that scores, as loaded from the model store."""

    model: str
    version: str
    ships: Literal["model", "baseline"]
    estimator: Any
    state: dict[str, Any]
    features_hash: str
    trained_as_of: date
    evaluation: dict[str, Any] = field(default_factory=dict)
    """Its evaluation when it was logged: ``metric, value, baseline, baseline_value, skill``."""
    tuned_params: dict[str, Any] = field(default_factory=dict)
    """Parameters that a tuning found: the next challenger is trained with them too."""
    pinned: bool = False
    """Whether a person chose it: no challenger replaces it until it is released."""

    @property
    def label(self) -> str:
        """The maker of a score as published: model, version, and whether the baseline ships."""
        return f"{self.model} v{self.version}" + (" (baseline)" if self.ships == "baseline" else "")

    def check(self, features_hash: str) -> None:
        """Raises ``ValueError`` if it was trained on other features than those of the hash."""
        if self.features_hash != features_hash:
            raise ValueError(
                f"{self.model} v{self.version} was trained on features {self.features_hash}, "
                f"today's are {features_hash}: train it again"
            )


class Model(Protocol):
    """One kind of prediction; ``models.registry.MODELS`` lists them."""

    @property
    def name(self) -> str:
        """The name of its versions and results."""
        ...

    @property
    def question(self) -> str:
        """The question that it answers, for people."""
        ...

    @property
    def needs(self) -> tuple[tuple[str, ...], ...]:
        """Contract tables: at least one non-empty table of every group."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the frames that ``score`` returns."""
        ...

    @property
    def rows(self) -> str:
        """The kind of rows that it reads: models of one kind run in one worker, which makes these rows once."""
        ...

    @property
    def features_hash(self) -> str:
        """Hash of the features that it reads today; a champion trained on others cannot score."""
        ...

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger fitted on the company's past, evaluated out of time against its baseline."""
        ...

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test rows and window on which ``train`` evaluates a challenger."""
        ...

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """Frames of scores as of the company's date, one per name in ``tables``."""
        ...
