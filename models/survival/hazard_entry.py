"""The model protocol for hazard models: an entry names its specification, its episodes and the rows to score."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from features.company import Company
from models.evaluation.cross_validation import Params, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.survival import evaluation, hazard_model, scoring
from models.survival.censoring import HORIZON_DAYS
from models.survival.curves import SurvivalCurve
from models.survival.hazard_spec import HazardSpec
from models.training.leakage_guard import LeakageGuard


@dataclass(frozen=True)
class RiskSet:
    """Rows to score as of the company's date: features of the cases ``at_risk`` and, for the other cases, their keys
    and the reason in ``abstained``."""

    at_risk: pd.DataFrame
    not_at_risk: pd.DataFrame | None = None


@dataclass(frozen=True)
class Scored:
    """The cases at risk, their curves and their published scores, row by row."""

    at_risk: pd.DataFrame
    curve: SurvivalCurve
    scores: pd.DataFrame


def _no_columns(company: Company, scored: Scored) -> dict[str, Any]:
    return {}


def _no_tables(company: Company, scored: Scored) -> dict[str, pd.DataFrame]:
    return {}


def _no_notes(company: Company) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class HazardEntry:
    """A hazard model as an entry of ``MODELS``.

    ``episodes`` gives the training episodes of a company, ``risk_set`` the rows to score. ``extra_columns`` are added
    to the scores of the cases at risk, ``extra_tables`` are published too, ``notes`` are logged with training.
    """

    spec: HazardSpec
    question: str
    needs: tuple[tuple[str, ...], ...]
    rows: str
    episodes: Callable[[Company], pd.DataFrame]
    risk_set: Callable[[Company], RiskSet]
    extra_columns: Callable[[Company, Scored], Mapping[str, Any]] = _no_columns
    extra_tables: Callable[[Company, Scored], Mapping[str, pd.DataFrame]] = _no_tables
    extra_table_names: tuple[str, ...] = ()
    notes: Callable[[Company], Mapping[str, str]] = _no_notes
    params: Params = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's name, and that of its table of scores."""
        return self.spec.model

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the frames that ``score`` returns."""
        return (self.name, *self.extra_table_names)

    @property
    def features_hash(self) -> str:
        """Of the features that the model takes today."""
        return self.spec.features_hash

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger trained on the company's past episodes, without leaking features."""
        episodes = self.episodes(company)
        guard = self._guard(episodes, company.seed)
        challenger = hazard_model.train(self.spec, guard.exclude(episodes), company.as_of, company.seed, self.params)
        if isinstance(challenger, Abstention):
            return challenger
        excluded = dict(guard.reasons)
        return replace(
            challenger,
            state={**challenger.state, "excluded_features": excluded},
            params={**challenger.params, **self.notes(company)},
            excluded_features=excluded,
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the test episodes of a challenger."""
        episodes = LeakageGuard.of_champion(champion).exclude(self.episodes(company))
        return evaluation.evaluate(self.spec, champion, episodes)

    def study(self, company: Company) -> Study | Abstention:
        """The specification for cross-validation and tuning on the company's past."""
        episodes = self.episodes(company)
        guard = self._guard(episodes, company.seed)
        return evaluation.study(self.spec, guard.exclude(episodes), company.seed)

    def with_params(self, params: Params) -> "HazardEntry":
        """The same model, with parameters that override the default ones."""
        return replace(self, params=params)

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """One row per case, in order of its keys: as ``scoring.score`` with the extra columns; cases that are not at
        risk have no probability, but a reason. And the extra tables."""
        risk_set = self.risk_set(company)
        at_risk = LeakageGuard.of_champion(champion).exclude(risk_set.at_risk)
        scores = scoring.score(self.spec, champion, at_risk, company.currency)
        scored = Scored(at_risk, scoring.predict(self.spec, champion, at_risk), scores)
        frame = scores.assign(**self.extra_columns(company, scored))
        if risk_set.not_at_risk is not None:
            abstained = risk_set.not_at_risk.assign(horizon_days=HORIZON_DAYS).reindex(columns=frame.columns)
            frame = pd.concat([frame, abstained], ignore_index=True) if len(abstained) else frame
            frame = frame.sort_values(list(self.spec.keys), ignore_index=True)
        return {self.name: frame, **self.extra_tables(company, scored)}

    def _guard(self, episodes: pd.DataFrame, seed: int) -> LeakageGuard:
        """Leaks of the event among the account's columns without a history."""
        features = [feature.name for feature in (*self.spec.features, *self.spec.categories)]
        outcomes = episodes["event"].to_numpy(dtype="float64")
        return LeakageGuard.inspect_undated(episodes, outcomes, self.spec.keys[0], features, seed)
