"""Selects the version that scores: champion, promoted challenger, baseline, or abstention with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from data.errors import TrackingError
from data.lake import Draft
from data.outputs.score_tables import MODEL_RESULTS
from features.company import Company, data_digest
from models.evaluation.bootstrap import mean_interval
from models.evaluation.cross_validation import Tunable, cross_validate
from models.model import Abstention, Challenger, Champion, Evaluation, Model
from models.training.promotion import MAX_FORMER_CHAMPIONS, Rival, decide_promotion
from models.training.tracking import Tracking
from models.training.tuning import Budget, TuningResult, tune
from models.training.versions import Provenance

NOT_TUNABLE = "it does not define a study (how it is fitted and evaluated on any rows), which tuning needs"


@dataclass(frozen=True)
class TrainingPolicy:
    """When a challenger is trained: always, or once the champion is older than ``retrain_days``.

    With ``always`` a challenger also gets rolling folds, the stability of its importance and a learning curve; a night,
    which has less time, logs the folds that training yields and one figure. ``replayed_run`` names a run whose
    ``replayed_versions`` (by model) score, whatever is champion now.
    """

    run_id: str
    retrain_days: int
    always: bool = False
    code: str = ""
    commit: str = ""
    replayed_run: str = ""
    replayed_versions: Mapping[str, str] = field(default_factory=dict)


def train(model: Model, company: Company, tracking: Tracking, policy: TrainingPolicy, draft: Draft) -> None:
    """Write ``result``: one row (``MODEL_RESULTS``) with the version that scores, or why the model abstains."""
    draft.write("result", _Training(model, company, tracking, policy).run())


def train_tuned(
    model: Model, company: Company, tracking: Tracking, policy: TrainingPolicy, budget: Budget, draft: Draft
) -> None:
    """Write ``result`` as ``train`` does, after a search for better parameters, and ``tuning``: one row (``model``,
    ``says``) with its outcome. Raises ``TrackingError`` for a model that cannot be tuned, or whose past is too short.
    """
    training = _Training(model, company, tracking, policy)
    study = model.study(company) if isinstance(model, Tunable) else Abstention(model.name, NOT_TUNABLE)
    tuning = study if isinstance(study, Abstention) else tune(study, budget, company.seed)
    if isinstance(tuning, Abstention):
        raise TrackingError(
            f"{model.name} cannot be tuned: {tuning.reason}",
            where="gelir tune",
            remedy="name another model, or wait until more of the past is known",
        )
    tracking.log_tuning(model.name, tuning, training.provenance)
    draft.write("tuning", pd.DataFrame({"model": [model.name], "says": [tuning.summary]}))
    draft.write("result", training.run_tuned(tuning))


@dataclass(frozen=True)
class _Training:
    """One model's training for one company under a policy; its methods return the row of ``result``."""

    model: Model
    company: Company
    tracking: Tracking
    policy: TrainingPolicy

    @cached_property
    def provenance(self) -> Provenance:
        return Provenance(self.policy.run_id, data_digest(self.company), self.policy.code, self.policy.commit)

    def run(self) -> pd.DataFrame:
        """Keep the champion where no challenger is due; otherwise train one and decide."""
        missing = [group for group in self.model.needs if not any(self.company.has(table) for table in group)]
        if missing:
            needed = "; ".join(" or ".join(group) for group in missing)
            return self._row(abstained=f"needs a table that the CRM does not have: {needed}")
        if self.policy.replayed_run:
            return self._replayed()
        champion = self.tracking.champion(self.model.name)
        if champion is not None and not self.policy.always and not self._is_due(champion):
            return self._row(champion, verdict=f"champion since {champion.trained_as_of}; no challenger due")
        tuned = champion.tuned_params if champion is not None else {}
        challenger = self._challenger(tuned, thorough=self.policy.always)
        if isinstance(challenger, Challenger):
            return self._decide(challenger, champion)
        usable = self._usable(champion)
        if usable is None:
            return self._row(abstained=challenger.reason)
        return self._row(usable, verdict=f"champion stays; no challenger: {challenger.reason}")

    def run_tuned(self, tuning: TuningResult) -> pd.DataFrame:
        """Keep the champion where tuning found nothing better; otherwise train with its parameters and decide."""
        champion = self.tracking.champion(self.model.name)
        usable = self._usable(champion)
        if not tuning.params and usable is not None:
            return self._row(usable, verdict=tuning.summary)
        challenger = self._challenger(tuning.params, thorough=True)
        if isinstance(challenger, Challenger):
            return self._decide(challenger, champion)
        return self._row(usable, verdict=challenger.reason, abstained=None if usable else challenger.reason)

    def _challenger(self, tuned: Mapping[str, object], *, thorough: bool) -> Challenger | Abstention:
        """A challenger, with tuned parameters if there are any; ``thorough`` adds its cross-validation."""
        model = self.model.with_params(tuned) if tuned and isinstance(self.model, Tunable) else self.model
        challenger = model.train(self.company)
        if isinstance(challenger, Abstention):
            return challenger
        if thorough and isinstance(self.model, Tunable):
            study = self.model.study(self.company)
            if not isinstance(study, Abstention):
                challenger = cross_validate(study, challenger, self.company.seed)
        if not thorough:
            challenger = replace(challenger, figures=challenger.figures.first())
        return replace(challenger, evaluation=_with_loss_intervals(challenger.evaluation, self.company.seed))

    def _decide(self, challenger: Challenger, champion: Champion | None) -> pd.DataFrame:
        """Log the challenger, and promote it if it beats all rivals on the same rows out of time."""
        usable = self._usable(champion)
        rivals = self._rivals(usable, challenger)
        decision = decide_promotion(challenger.evaluation, rivals)
        version = self.tracking.log(challenger, self.provenance, rivals, decision.reason)
        verdict = decision.reason
        if challenger.excluded_features:
            verdict += f"; left out, as they leak the outcome: {', '.join(challenger.excluded_features)}"
        if not decision.promoted:
            return self._row(decision.champion, verdict=verdict)
        if champion is not None and champion.trained_as_of > self.company.as_of:
            verdict = f"scores this past date only; the champion of {champion.trained_as_of} stays"
            return self._row(challenger.as_champion(version), verdict=verdict)
        if usable is not None and usable.pinned:
            unpin = f"`gelir champion {self.model.name} --release`"
            return self._row(usable, verdict=f"v{usable.version} is pinned until {unpin}; v{version} is better")
        self.tracking.promote(self.model.name, version, by=self.policy.run_id)
        return self._row(challenger.as_champion(version), verdict=verdict)

    def _rivals(self, current: Champion | None, challenger: Challenger) -> list[Rival]:
        """Versions to beat that can be evaluated: the current champion first, then the best former ones."""
        former = self.tracking.former_champions(
            self.model.name, self.model.features_hash, self.company.as_of, MAX_FORMER_CHAMPIONS
        )
        rivals = []
        for champion in [*([current] if current is not None else []), *former]:
            evaluation = self._logged_evaluation(champion, challenger) or self.model.evaluate(champion, self.company)
            if isinstance(evaluation, Abstention):
                continue
            if np.isnan(evaluation.losses).all():
                evaluation = self._retrained_evaluation(champion, challenger) or evaluation
            rivals.append(Rival(champion, evaluation))
        return rivals

    def _logged_evaluation(self, champion: Champion, challenger: Challenger) -> Evaluation | None:
        """The evaluation logged for a champion of the challenger's date and data, on the same test rows.

        What it ships has been trained on these rows since; what was evaluated had not. ``None`` for another date.
        """
        if champion.trained_as_of != challenger.trained_as_of:
            return None
        details = self.tracking.details(champion.model, champion.version)
        evaluation = challenger.evaluation
        if details.version.provenance.data_hash != self.provenance.data_hash:
            return None
        if len(details.losses) != len(evaluation.losses):
            return None
        return replace(evaluation, losses=tuple(details.losses["challenger"].tolist()))

    def _retrained_evaluation(self, champion: Champion, challenger: Challenger) -> Evaluation | None:
        """The evaluation of the champion's parameters trained on the challenger's rows; ``None`` if both have the same.

        It shows whether tuned parameters are better although the champion was trained on every test row.
        """
        if not isinstance(self.model, Tunable) or champion.tuned_params == challenger.tuned_params:
            return None
        retrained = self.model.with_params(champion.tuned_params).train(self.company)
        if isinstance(retrained, Abstention):
            return None
        return replace(retrained.evaluation, losses=retrained.evaluation.shipped)

    def _replayed(self) -> pd.DataFrame:
        """The row of the version that scored in the replayed run."""
        run, version = self.policy.replayed_run, self.policy.replayed_versions.get(self.model.name)
        if version is None:
            return self._row(abstained=f"no version of it scored in run {run}")
        champion = self.tracking.load(self.model.name, version)
        if champion.features_hash != self.model.features_hash:
            raise TrackingError(
                f"v{version} of {self.model.name} was trained on features {champion.features_hash},"
                f" today's are {self.model.features_hash}",
                where=f"the replay of run {run}",
                remedy="replay it with the code of that night: its commit is in the version's tags",
            )
        return self._row(champion, verdict=f"scored in run {run}, which is replayed")

    def _usable(self, champion: Champion | None) -> Champion | None:
        """The champion if it may score this date: trained on today's features, and on nothing after the date."""
        if champion is None or champion.features_hash != self.model.features_hash:
            return None
        return champion if champion.trained_as_of <= self.company.as_of else None

    def _is_due(self, champion: Champion) -> bool:
        age = self.company.as_of - champion.trained_as_of
        return age >= timedelta(days=self.policy.retrain_days) or self._usable(champion) is None

    def _row(
        self, champion: Champion | None = None, *, verdict: str | None = None, abstained: str | None = None
    ) -> pd.DataFrame:
        evaluation = champion.evaluation if champion is not None else {}
        values = {
            "model": self.model.name,
            "version": champion.version if champion is not None else None,
            "ships": champion.ships if champion is not None else None,
            **{name: evaluation.get(name) for name in ("metric", "value", "baseline", "baseline_value")},
            "trained_as_of": champion.trained_as_of if champion is not None else None,
            "verdict": verdict,
            "abstained": abstained,
        }
        return pd.DataFrame([values])[list(MODEL_RESULTS.by_name)]


def _with_loss_intervals(evaluation: Evaluation, seed: int) -> Evaluation:
    """The evaluation with intervals of its mean losses, if its values are these means."""
    intervals = dict(evaluation.intervals)
    for name, value, losses in (
        (evaluation.metric, evaluation.value, evaluation.losses),
        (f"baseline {evaluation.metric}", evaluation.baseline_value, evaluation.baseline_losses),
    ):
        bounds = mean_interval(losses, seed)
        if bounds is not None and abs(sum(losses) / len(losses) - value) < 1e-6 * max(1.0, abs(value)):
            intervals.setdefault(name, bounds)
    return replace(evaluation, intervals=intervals)
