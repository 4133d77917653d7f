"""Who scores tonight: the champion, a challenger that beat it, the plain baseline, or nobody, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from data.errors import TrackingError
from data.lake import Draft
from data.outputs.score_tables import MODEL_RESULTS
from features.company import Company
from models.evaluation.bootstrap import mean_interval
from models.evaluation.cross_validation import Studied, studied
from models.model import Abstention, Challenger, Champion, Evaluation, Model
from models.training.promotion import MOST_FORMER, Rival, settle
from models.training.tracking import Tracking
from models.training.tuning import Budget, Tuned, tune
from models.training.versions import Provenance

UNTUNABLE = "it does not say how it is learnt and judged on any rows (study), which tuning needs"


@dataclass(frozen=True)
class Terms:
    """When a champion meets a challenger: at once when ``always``, otherwise once it is older than ``retrain_days``.

    With ``always`` a challenger is also studied: rolling folds, the stability of its importance and a learning curve;
    a night, which has less time, logs the folds that it has anyway, and one picture. ``replays`` names a
    run whose ``versions`` (by model) score, whatever is champion now.
    """

    run_id: str
    retrain_days: int
    always: bool = False
    code: str = ""
    commit: str = ""
    replays: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def train(model: Model, company: Company, tracking: Tracking, terms: Terms, draft: Draft) -> None:
    """Write ``result``: one row, the columns of ``MODEL_RESULTS``: the version that scores, how it was judged, or why
    the model abstains.
    """
    draft.write("result", _learnt(model, company, tracking, terms))


def train_tuned(model: Model, company: Company, tracking: Tracking, terms: Terms, budget: Budget, draft: Draft) -> None:
    """Write ``result`` as ``learn`` does, after a search for better parameters, and ``tuning``: one row that says what
    the search found. Raises ``TrackingError`` for a model that cannot be tuned, or whose past is too short.
    """
    study = model.study(company) if isinstance(model, Studied) else Abstention(model.name, UNTUNABLE)
    tuned = study if isinstance(study, Abstention) else tune(study, budget, company.seed)
    if isinstance(tuned, Abstention) or not isinstance(model, Studied):
        why = tuned.reason if isinstance(tuned, Abstention) else UNTUNABLE
        raise TrackingError(
            f"{model.name} cannot be tuned: {why}",
            where="gelir tune",
            remedy="name another model, or wait until more of the past is known",
        )
    made = Provenance(terms.run_id, company.digest(), terms.code, terms.commit)
    tracking.log_tuning(model.name, tuned, made)
    draft.write("tuning", pd.DataFrame({"model": [model.name], "says": [tuned.says]}))
    draft.write("result", _tuned_result(model, company, tracking, terms, tuned))


def _tuned_result(model: Model, company: Company, tracking: Tracking, terms: Terms, tuned: Tuned) -> pd.DataFrame:
    champion = tracking.champion(model.name)
    usable = champion if champion is not None and _usable(model, champion, company) else None
    if not tuned.params and usable is not None:
        return _row(model, champion=usable, verdict=tuned.says)
    challenger = _challenger(model, company, tuned.params, thorough=True)
    if isinstance(challenger, Abstention):
        return _row(model, champion=usable, abstained=None if usable else challenger.reason, verdict=challenger.reason)
    return _settle(model, company, tracking, terms, challenger, champion, usable)


def _learnt(model: Model, company: Company, tracking: Tracking, terms: Terms) -> pd.DataFrame:
    missing = [group for group in model.needs if not any(company.has(table) for table in group)]
    if missing:
        wanted = "; ".join(" or ".join(group) for group in missing)
        return _row(model, abstained=f"needs a table that the CRM does not have: {wanted}")
    if terms.replays:
        return _replayed(model, tracking, terms)
    champion = tracking.champion(model.name)
    if champion is not None and not terms.always and not _due(model, champion, company, terms):
        return _row(model, champion=champion, verdict=f"champion since {champion.trained_as_of}; no challenger due")
    usable = champion if champion is not None and _usable(model, champion, company) else None
    challenger = _challenger(
        model, company, champion.tuned_params if champion is not None else {}, thorough=terms.always
    )
    if isinstance(challenger, Abstention):
        if usable is None:
            return _row(model, abstained=challenger.reason)
        return _row(model, champion=usable, verdict=f"champion stays; no challenger: {challenger.reason}")
    return _settle(model, company, tracking, terms, challenger, champion, usable)


def _challenger(
    model: Model, company: Company, tuned: Mapping[str, object], *, thorough: bool
) -> Challenger | Abstention:
    """A challenger, trained with tuned parameters where there are some; studied, where there is time for it."""
    maker = model.with_params(tuned) if tuned and isinstance(model, Studied) else model
    challenger = maker.train(company)
    if isinstance(challenger, Abstention):
        return challenger
    if thorough and isinstance(model, Studied):
        study = model.study(company)
        if not isinstance(study, Abstention):
            challenger = studied(study, challenger, company.seed)
    if not thorough:
        challenger = replace(challenger, figures=challenger.figures.first())
    return replace(challenger, evaluation=_bounded(challenger.evaluation, company.seed))


def _bounded(judgement: Evaluation, seed: int) -> Evaluation:
    """The judgement with the interval of its mean losses, where its value is the mean of them."""
    found = dict(judgement.intervals)
    for name, value, losses in (
        (judgement.metric, judgement.value, judgement.losses),
        (f"baseline {judgement.metric}", judgement.baseline_value, judgement.baseline_losses),
    ):
        bounds = mean_interval(losses, seed)
        if bounds is not None and abs(sum(losses) / len(losses) - value) < 1e-6 * max(1.0, abs(value)):
            found.setdefault(name, bounds)
    return replace(judgement, intervals=found)


def _settle(
    model: Model,
    company: Company,
    tracking: Tracking,
    terms: Terms,
    challenger: Challenger,
    champion: Champion | None,
    usable: Champion | None,
) -> pd.DataFrame:
    """The row of whoever wins: all judged on the same rows out of time."""
    made = Provenance(terms.run_id, company.digest(), terms.code, terms.commit)
    rivals = _rivals(model, company, tracking, usable, challenger, made)
    verdict = settle(challenger.evaluation, rivals)
    version = tracking.log(challenger, made, rivals, verdict.why)
    if not verdict.promoted:
        return _row(model, champion=verdict.stays, verdict=verdict.why)
    if champion is not None and champion.trained_as_of > company.as_of:
        why = f"scores this past date only; the champion of {champion.trained_as_of} stays"
        return _row(model, champion=challenger.as_champion(version), verdict=why)
    if usable is not None and usable.pinned:
        why = f"v{usable.version} is held by hand until `gelir champion {model.name} --release`; v{version} is better"
        return _row(model, champion=usable, verdict=why)
    tracking.promote(model.name, version, by=terms.run_id)
    return _row(model, champion=challenger.as_champion(version), verdict=verdict.why)


def _rivals(
    model: Model,
    company: Company,
    tracking: Tracking,
    usable: Champion | None,
    challenger: Challenger,
    made: Provenance,
) -> list[Rival]:
    """Who must be beaten: the current champion first, then the best former ones, as far as they can be judged."""
    former = tracking.former(model.name, model.features_hash, company.as_of, MOST_FORMER)
    rivals = []
    for champion in [*([usable] if usable is not None else []), *former]:
        judged = _recorded(champion, tracking, challenger, made) or model.evaluate(champion, company)
        if isinstance(judged, Abstention):
            continue
        if np.isnan(judged.losses).all():
            judged = _recipe(model, company, champion, challenger) or judged
        rivals.append(Rival(champion, judged))
    return rivals


def _recorded(champion: Champion, tracking: Tracking, challenger: Challenger, made: Provenance) -> Evaluation | None:
    """How a champion of the same date and data was judged when it was made, on the very rows that judge the challenger:
    what it ships has learnt from them since, but what was judged had not. ``None`` for one of another date.
    """
    if champion.trained_as_of != challenger.trained_as_of:
        return None
    kept = tracking.details(champion.model, champion.version)
    judged = challenger.evaluation
    if kept.version.made.data_hash != made.data_hash or len(kept.losses) != len(judged.losses):
        return None
    return replace(judged, losses=tuple(kept.losses["challenger"].tolist()))


def _recipe(model: Model, company: Company, champion: Champion, challenger: Challenger) -> Evaluation | None:
    """How a champion's parameters do when they learn from what the challenger learnt from, where the two differ: of
    tuned parameters it can so be told whether they are better, though the champion has seen every judged row.
    """
    if not isinstance(model, Studied) or champion.tuned_params == challenger.tuned_params:
        return None
    again = model.with_params(champion.tuned_params).train(company)
    if isinstance(again, Abstention):
        return None
    return replace(again.evaluation, losses=again.evaluation.shipped)


def _replayed(model: Model, tracking: Tracking, terms: Terms) -> pd.DataFrame:
    """The row of the version that scored in the run that is replayed."""
    version = terms.versions.get(model.name)
    if version is None:
        return _row(model, abstained=f"no version of it scored in run {terms.replays}")
    champion = tracking.load(model.name, version)
    if champion.features_hash != model.features_hash:
        raise TrackingError(
            f"v{version} of {model.name} was made on features {champion.features_hash},"
            f" today's are {model.features_hash}",
            where=f"the replay of run {terms.replays}",
            remedy="replay it with the code of that night: its commit stands in the version's tags",
        )
    return _row(model, champion=champion, verdict=f"scored in run {terms.replays}, which is replayed")


def _usable(model: Model, champion: Champion, company: Company) -> bool:
    """Whether a champion may score this date: made on today's features, and not by knowing what came later."""
    return champion.features_hash == model.features_hash and champion.trained_as_of <= company.as_of


def _due(model: Model, champion: Champion, company: Company, terms: Terms) -> bool:
    """Whether a challenger is wanted: the champion is old, or may not score this date."""
    old = company.as_of - champion.trained_as_of >= timedelta(days=terms.retrain_days)
    return old or not _usable(model, champion, company)


def _row(
    model: Model, *, champion: Champion | None = None, verdict: str | None = None, abstained: str | None = None
) -> pd.DataFrame:
    judged = champion.evaluation if champion is not None else {}
    values = {
        "model": model.name,
        "version": champion.version if champion is not None else None,
        "ships": champion.ships if champion is not None else None,
        **{name: judged.get(name) for name in ("metric", "value", "baseline", "baseline_value")},
        "trained_as_of": champion.trained_as_of if champion is not None else None,
        "verdict": verdict,
        "abstained": abstained,
    }
    return pd.DataFrame([values])[list(MODEL_RESULTS.by_name)]
