"""Who scores tonight: the champion, a challenger that beat it, the plain baseline, or nobody, with the reason."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from data.lake import Draft
from data.scoring import MODEL_RESULTS
from features.company import Company
from models.model import Abstention, Challenger, Champion, Model
from models.tracking import Tracking


@dataclass(frozen=True)
class Terms:
    """When a champion meets a challenger: at once when ``always``, otherwise once it is older than ``retrain_days``."""

    run_id: str
    retrain_days: int
    always: bool = False


def learn(model: Model, company: Company, tracking: Tracking, terms: Terms, draft: Draft) -> None:
    """Write ``result``: one row, the columns of ``MODEL_RESULTS``: the version that scores, how it was judged, or why
    the model abstains.
    """
    draft.write("result", _learnt(model, company, tracking, terms))


def _learnt(model: Model, company: Company, tracking: Tracking, terms: Terms) -> pd.DataFrame:
    missing = [group for group in model.needs if not any(company.has(table) for table in group)]
    if missing:
        wanted = "; ".join(" or ".join(group) for group in missing)
        return _row(model, abstained=f"needs a table that the CRM does not have: {wanted}")
    champion = tracking.champion(model.name)
    if champion is not None and not terms.always and not _due(model, champion, company, terms):
        return _row(model, champion=champion, verdict=f"champion since {champion.trained_as_of}; no challenger due")
    usable = champion if champion is not None and _usable(model, champion, company) else None
    challenger = model.learn(company)
    if isinstance(challenger, Abstention):
        if usable is None:
            return _row(model, abstained=challenger.why)
        return _row(model, champion=usable, verdict=f"champion stays; no challenger: {challenger.why}")
    return _settle(model, company, tracking, terms, challenger, champion, usable)


def _settle(
    model: Model,
    company: Company,
    tracking: Tracking,
    terms: Terms,
    challenger: Challenger,
    champion: Champion | None,
    usable: Champion | None,
) -> pd.DataFrame:
    """The row of whoever wins: both judged on the same rows out of time."""
    version = tracking.log(challenger, terms.run_id)
    judged = model.judge(usable, company) if usable is not None else None
    verdict = tracking.settle(challenger, None if isinstance(judged, Abstention) else judged)
    if usable is not None and not verdict.promoted:
        return _row(model, champion=usable, verdict=verdict.why)
    replayed = champion is not None and champion.trained_as_of > company.as_of
    if replayed:
        why = f"scores this past date only; the champion of {champion.trained_as_of} stays" if champion else ""
        return _row(model, champion=tracking.load(model.name, version), verdict=why)
    tracking.promote(model.name, version)
    return _row(model, champion=tracking.load(model.name, version), verdict=verdict.why)


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
    judged = champion.judged if champion is not None else {}
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
