"""What a model is: it learns a challenger from a company's past, and scores the company with a champion.

A model is one file. It abstains, with a reason a person can act on, rather than score badly. Native estimators and
JSON state are all that a challenger holds, so that what is logged loads where this project is unknown.
"""

from dataclasses import dataclass, field
from datetime import date
from statistics import fmean, stdev
from typing import Any, Literal, Protocol

import pandas as pd

from features.company import Company
from models.plots.figures import LazyFigures

TOLERANCE = 1e-12
"""Losses nearer than this are the same number, written by another sum."""


@dataclass(frozen=True)
class Abstention:
    """No score, and why, in a sentence that says what would change it."""

    model: str
    reason: str


@dataclass(frozen=True)
class Evaluation:
    """How an estimator did out of time, beside the plain baseline on the same rows.

    ``losses`` and ``baseline_losses`` hold one loss per judged row (lower is better), aligned, so that two versions
    judged on the same rows can be compared in pairs. ``value`` and ``baseline_value`` are what people read.
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
        """What is kept in words of it: ``skill`` is the share of the baseline's loss that what ships saves."""
        ours, plain = fmean(self.shipped or (0.0,)), fmean(self.baseline_losses or (0.0,))
        return {
            "metric": self.metric,
            "value": self.value,
            "baseline": self.baseline,
            "baseline_value": self.baseline_value,
            "skill": 1 - ours / plain if plain > 0 else 0.0,
        }

    @property
    def shipped(self) -> tuple[float, ...]:
        """The losses of what ships: the model's or the baseline's."""
        return self.losses if self.ships == "model" else self.baseline_losses

    @property
    def ships(self) -> Literal["model", "baseline"]:
        """The model, where its losses are lower than the baseline's by more than luck; the plain baseline otherwise.

        By more than luck: the mean gain of a row exceeds its standard error (about 84 % sure, one-sided).
        """
        gains = [plain - loss for plain, loss in zip(self.baseline_losses, self.losses, strict=True)]
        error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        return "model" if gains and fmean(gains) > error + TOLERANCE else "baseline"


@dataclass(frozen=True)
class Fold:
    """One judged part of a rolling time split: how many rows were learnt before it, and how that did on it.

    ``losses`` hold one loss per judged row, as those of a ``Judgement`` do.
    """

    name: str
    test_dates: tuple[date, ...]
    rows: int
    metrics: dict[str, float]
    losses: tuple[float, ...] = ()


@dataclass(frozen=True)
class Challenger:
    """What a training brings.

    ``estimator`` is a native LightGBM, scikit-learn or Prophet object (``flavor`` says which), fitted on everything
    known, that MLflow can log and load without this project. ``state`` is JSON: calibration, interval widths, baseline
    rates, whatever else scoring needs. ``example`` is a few input rows for the signature. ``folds`` are earlier judged
    parts, oldest first; ``tuned`` are the parameters that a tuning found and this training used.
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
        """What it is once it was logged as a version and scores."""
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
    """The version that scores: what was logged, loaded again."""

    model: str
    version: str
    ships: Literal["model", "baseline"]
    estimator: Any
    state: dict[str, Any]
    features_hash: str
    trained_as_of: date
    evaluation: dict[str, Any] = field(default_factory=dict)
    """How it was judged when it was logged: ``metric, value, baseline, baseline_value``."""
    tuned_params: dict[str, Any] = field(default_factory=dict)
    """Parameters that a tuning found: the next challenger is trained with them too."""
    pinned: bool = False
    """Whether a person chose it: no challenger takes its place until it is let go."""

    @property
    def label(self) -> str:
        """What is written beside a score: model, version, and whether the plain baseline ships."""
        return f"{self.model} v{self.version}" + (" (baseline)" if self.ships == "baseline" else "")

    def check(self, features_hash: str) -> None:
        """Raises ``ValueError`` when it was made on other features than today's, which are named by their hash."""
        if self.features_hash != features_hash:
            raise ValueError(
                f"{self.model} v{self.version} was made on features {self.features_hash}, "
                f"today's are {features_hash}: train it again"
            )


class Model(Protocol):
    """One kind of prediction. Entries of ``models.MODELS``; each is one file."""

    @property
    def name(self) -> str:
        """What its versions and results are called."""
        ...

    @property
    def question(self) -> str:
        """What it answers, for people."""
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
        """What a row is of: models of the same rows are led together, so that what they read is made once."""
        ...

    @property
    def features_hash(self) -> str:
        """Of the features it is fed today; a champion made on others cannot score."""
        ...

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger fitted on what the company knew, judged out of time beside its plain baseline."""
        ...

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion, judged on the very rows and window on which ``learn`` judges a challenger."""
        ...

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """Frames of scores as of the company's date, one per name in ``tables``."""
        ...
