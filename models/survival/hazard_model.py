"""When something happens: the chance of an event in each coming month, given that it has not come before.

Discrete-time hazards (Singer & Willett 1993): every case is a row for each period of 30 days until its event, and trees
learn whether it came. What is not over yet counts as far as it goes, so that the latest months teach too. The chance
within 30, 90 and 180 days follows from one curve, and can only rise with time.

A life is cut at the date before which something is learnt: what happened later is not known to it. A calibration puts
the hazards right by what trees said of accounts that they had not learnt from; all of it is judged on later dates, and
so is the plain baseline (``models.survival.baseline_hazards``), which learns from the same lives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logit

from data.arrays import Floats
from features.feature import Feature, features_hash, form
from features.labels.time_to_event import PERIOD_DAYS, PERIODS
from models.estimators.calibration import (
    FARTHEST,
    FLOOR,
    UNCALIBRATED,
    Calibration,
    auc,
    calibration_error,
    level_moved,
    log_losses,
)
from models.estimators.explanations import Voice, as_json, middle, reasons
from models.estimators.gradient_boosting import Encoding
from models.evaluation.bootstrap import chance_evidence, importance, intervals, judged_chances
from models.evaluation.cross_validation import Fitted, Range, Study
from models.model import Abstention, Challenger, Champion, Evaluation
from models.survival.baseline_hazards import Bands, PlainHazards, best_plain, within
from models.survival.censoring import (
    FEWEST_LIVES,
    HORIZON_DAYS,
    JUDGED,
    closed,
    cut,
    happened,
    lives_at,
    split,
)
from models.survival.hazard_curve import (
    CALENDAR,
    DUE,
    PARAMS,
    PERIOD,
    Curve,
    fit_curve,
    long,
    months_seen,
    when,
    with_period,
)

HORIZONS: tuple[int, ...] = (1, 3, 6)
"""Periods within which a chance is published: 30, 90 and 180 days."""
HELD_OUT_PARTS = 3
"""Parts of the accounts, each told by trees that learnt from the others."""

Outs = list[tuple[Curve, pd.DataFrame]]
"""Curves, each with lives that it has not learnt from."""

FORM = form(2)

SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 31, by_ratio=True, whole=True),
    "learning_rate": Range(0.01, 0.15, by_ratio=True),
    "min_data_in_leaf": Range(10, 200, by_ratio=True, whole=True),
    "lambda_l2": Range(0.1, 50.0, by_ratio=True),
    "feature_fraction": Range(0.3, 1.0),
    "trees": Range(40, 300, by_ratio=True, whole=True),
}
"""What a tuning may change. Leaves and trees end where reasons would cost too much."""


@dataclass(frozen=True)
class Question:
    """What is asked of the lives: whose event, which one, and how it is said.

    ``keys`` name a case; ``outcome`` completes "12 % of such cases … within 30 days" in the past tense: "left".
    """

    model: str
    keys: tuple[str, ...]
    outcome: str
    features: tuple[Feature, ...]
    categories: tuple[Feature, ...]
    bands: Bands
    """Of the plain baseline, beside the flat hazard of all: the better one on the judged lives is the one to beat."""
    raises: str
    lowers: str
    account: str = "account_id"
    """The column that says whose life it is: what is learnt of an account is not tried on itself."""
    ends: bool = False
    """Whether the event ends the case, so that whoever is there to be told has been seen to have none."""
    due: str | None = None
    """The feature that counts the days to what is due, where the event may fall on that day."""

    @property
    def features_hash(self) -> str:
        """Changes with all that a version is made on: features, the times of its months, the form of its state."""
        due = () if self.due is None else (DUE,)
        return features_hash((*self.features, *self.categories, PERIOD, *due, CALENDAR, FORM))

    @property
    def words(self) -> dict[str, str]:
        """Features as people say them."""
        return {feature.name: feature.says for feature in (*self.features, *self.categories, PERIOD, DUE, CALENDAR)}

    def voice(self, currency: str) -> Voice:
        """How its reasons speak."""
        return Voice(self.raises, self.lowers, currency)


def train(
    question: Question, lives: pd.DataFrame, as_of: date, seed: int, params: Mapping[str, Any] | None = None
) -> Challenger | Abstention:
    """A challenger fitted on all lives (keys, ``as_of``, features, ``periods`` seen, ``event`` in the last),
    judged on the latest that are known for three periods; or why they are too few.

    ``params`` stand in place of the usual ones of the trees: those that a tuning found.
    """
    tuned = dict(params or {})
    parts = split(question.model, question.outcome, lives)
    if isinstance(parts, Abstention):
        return parts
    learnt, judged = cut(lives, parts.judge[0]), lives_at(lives, parts.judge)
    known, outs = _calibrated(question, learnt, seed, tuned)
    made = _levelled(question, known, outs, judged)
    came, _ = happened(judged, JUDGED)
    said = made.chances(judged)
    plain = best_plain(question.bands, learnt, judged, float(said[:, JUDGED - 1].mean()))
    judgement = _judgement(judged, said, plain)
    whose = judged[question.account].to_numpy()
    judgement = replace(judgement, intervals=intervals(said[:, JUDGED - 1], came, seed, groups=whose))

    apart = _calibration([(known, judged), *outs])
    known, outs = replace(known, calibration=apart), _with(outs, apart)
    levelled = _levelled(question, known, outs, judged)  # the final trees have seen as much of whom they will tell
    final = _fit(question, lives, seed, levelled.calibration, tuned)
    told = [(levelled, judged), *((curve, lives_at(part, parts.apart)) for curve, part in outs)]
    moved = level_moved(said[:, JUDGED - 1], came)
    state = {
        "horizon_days": HORIZON_DAYS,
        "encoding": final.encoding.state(),
        "calibration": final.calibration.state(),
        "bounds": {str(ahead): _bounds(told, ahead, moved).state() for ahead in HORIZONS},
        "baseline": PlainHazards.of(plain[0], lives).state(),
        "starts": None if final.plain is None else final.plain.state(),
        "usual": middle(lives, question.features),
    }
    title = f"{question.model}: said as of {' and '.join(map(str, parts.judge))},\nand within {HORIZON_DAYS} days"
    return Challenger(
        model=question.model,
        flavor="lightgbm",
        estimator=final.booster,
        state=state,
        evaluation=judgement,
        features_hash=question.features_hash,
        example=long(final.encoding, lives.head(5).assign(periods=1))[0],
        params={
            **PARAMS,
            **tuned,
            "seed": seed,
            "period_days": PERIOD_DAYS,
            "periods": PERIODS,
            "dates": lives["as_of"].nunique(),
            "judged": ", ".join(map(str, parts.judge)),
        },
        figures=chance_evidence(
            title,
            said[:, JUDGED - 1],
            came,
            made.booster,
            long(made.encoding, judged.assign(periods=1))[0],
            question.words,
        ),
        trained_as_of=as_of,
        rows=len(lives),
        tuned_params=tuned,
    )


def evaluate(question: Question, champion: Champion, lives: pd.DataFrame) -> Evaluation | Abstention:
    """What the champion ships, on the lives that ``learn`` judges; NaN for those that it has learnt from."""
    parts = split(question.model, question.outcome, lives)
    if isinstance(parts, Abstention):
        return parts
    learnt, judged = cut(lives, parts.judge[0]), lives_at(lives, parts.judge)
    said = chances(question, champion, judged)
    seen = np.array([at < champion.trained_as_of for at in judged["as_of"]], dtype=bool)
    plain = best_plain(question.bands, learnt, judged, float(said[:, JUDGED - 1].mean()))
    return _judgement(judged, said, plain, seen)


def study(question: Question, lives: pd.DataFrame, seed: int) -> Study | Abstention:
    """How the question is learnt and judged on any lives, for folds, the learning curve and tuning.

    Lives are cut after the judged periods, so that the windows of all that is learnt from had closed before what
    judges it.
    """
    parts = split(question.model, question.outcome, lives)
    if isinstance(parts, Abstention):
        return parts
    known = closed(lives, JUDGED)
    periods = known["periods"].clip(upper=JUDGED)
    same = periods == known["periods"]
    rows = known.assign(periods=periods, event=known["event"] & same)

    def fitted(learnt: pd.DataFrame, params: Mapping[str, Any]) -> Fitted:
        curve, outs = _calibrated(question, learnt, seed, dict(params))

        def said(judged: pd.DataFrame) -> Floats:
            return _levelled(question, curve, outs, judged).chances(judged)[:, JUDGED - 1]

        return Fitted(said, importance(curve.booster))

    return Study(
        key=question.account,
        rows=rows,
        horizon_days=HORIZON_DAYS,
        judged=parts.judge,
        metric="log loss",
        fit=fitted,
        losses=lambda said, judged: log_losses(said, happened(judged, JUDGED)[0]),
        metrics=lambda said, judged: {"auc": auc(said, happened(judged, JUDGED)[0])},
        plain=lambda learnt, judged: PlainHazards.of(Bands(), learnt).chances(judged)[0][:, JUDGED - 1],
        space=SPACE,
        words=question.words,
    )


def score(question: Question, champion: Champion, rows: pd.DataFrame, currency: str) -> pd.DataFrame:
    """One row per row given: its keys, ``value, low, high`` within 90 days, ``within_30`` and ``within_180`` with their
    bounds, ``reasons``, ``horizon_days``, ``abstained``."""
    said = chances(question, champion, rows)
    if champion.ships == "baseline" or rows.empty:
        why = PlainHazards.restored(champion.state["baseline"]).reasons(rows, question.outcome)
    else:
        encoding = Encoding.restored(champion.state["encoding"])
        voice, usual = question.voice(currency), champion.state["usual"]
        asked = rows.assign(**when(encoding, rows, JUDGED))
        named = (*question.features, *question.categories)
        same = {} if encoding.due is None else {DUE.name: encoding.due}
        begins, scale = _begins(champion, rows, asked[PERIOD.name].to_numpy(dtype=np.int64))
        why = reasons(champion.estimator, with_period(encoding), asked, named, usual, voice, same, scale, begins)
    frame: dict[str, Any] = {key: rows[key].to_numpy() for key in question.keys}
    names = dict(zip(HORIZONS, ("within_30", "value", "within_180"), strict=True))
    for ahead, name in names.items():
        low, high = _around(champion, rows, said[:, ahead - 1], ahead)
        sides = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
        frame |= {name: said[:, ahead - 1].round(6), sides[0]: low.round(6), sides[1]: high.round(6)}
    return pd.DataFrame(
        {
            **frame,
            "reasons": as_json(why),
            "horizon_days": HORIZON_DAYS,
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def chances(question: Question, champion: Champion, rows: pd.DataFrame) -> Floats:
    """Rows × periods: the chance within so many periods, of the model or of the baseline, whichever ships.

    Raises ``ValueError`` when the champion was made on other features than today's.
    """
    champion.check(question.features_hash)
    state = champion.state
    if champion.ships == "baseline" or rows.empty:
        return PlainHazards.restored(state["baseline"]).chances(rows)[0]
    encoding, calibration = Encoding.restored(state["encoding"]), Calibration.of(state["calibration"])
    return Curve(champion.estimator, encoding, calibration, _plain(state)).chances(rows)


def _plain(state: dict[str, Any]) -> PlainHazards | None:
    """Where the trees of a champion begin."""
    return None if state["starts"] is None else PlainHazards.restored(state["starts"])


def _begins(champion: Champion, rows: pd.DataFrame, month: "NDArray[np.int64]") -> tuple[dict[str, Floats], float]:
    """How far where the trees begin, in one month of each row (1, 2, …), lies from what is usual, by the feature that
    says it; and how much of the trees is believed beside it."""
    plain = _plain(champion.state)
    if plain is None or plain.bands.column is None:
        return {}, 1.0
    usual = float(logit(np.clip(plain.hazard, FLOOR, 1 - FLOOR)))
    share = plain.log_odds(rows)[np.arange(len(rows)), month - 1] - usual
    return {plain.bands.column: share}, float(champion.state["calibration"]["slope"])


def _calibrated(question: Question, lives: pd.DataFrame, seed: int, params: dict[str, Any]) -> tuple[Curve, Outs]:
    """The curve learnt from lives, put right by what curves that know nothing of an account said of its lives; and
    these curves, put right alike.

    Trees that learn from a few hundred events remember some of them, and say too little of others and too much of a
    few: by how much is seen where each part of the accounts is told by trees that learnt from the other parts. Trees
    of an earlier date would show it too, but having learnt from less, they remember more, and put too much right.
    """
    outs = _held_out(question, lives, seed, params)
    calibration = _calibration(outs)
    return _fit(question, lives, seed, calibration, params), _with(outs, calibration)


def _with(outs: Outs, calibration: Calibration) -> Outs:
    return [(replace(curve, calibration=calibration), lives) for curve, lives in outs]


def _levelled(question: Question, curve: Curve, outs: Outs, told: pd.DataFrame) -> Curve:
    """The curve with the intercept at which it says of ``told`` together what the curves do that do not know their
    accounts; as it is where the event ends no case.

    Whoever is still there has been seen to stay, by the trees too. That tells accounts apart, but it makes all of them
    safer than they are. Nothing of what becomes of ``told`` is read.
    """
    if not question.ends or not outs or told.empty:
        return curve
    each = np.array([one.chances(told)[:, JUDGED - 1] for one, _ in outs])
    strange = np.array([told[question.account].isin(lives[question.account]) for _, lives in outs])
    strange |= ~strange.any(axis=0)  # nobody has learnt from an account that is new
    target = float(np.average(each, weights=strange, axis=0).mean())
    raw, starts = curve.raw(told), curve.starts(told)

    def moved(by: float) -> Calibration:
        return replace(curve.calibration, intercept=curve.calibration.intercept + by)

    def beyond(by: float) -> float:
        return float(within(moved(by).apply(raw, starts))[:, JUDGED - 1].mean()) - target

    return replace(curve, calibration=moved(float(brentq(beyond, -FARTHEST, FARTHEST))))


def _held_out(question: Question, lives: pd.DataFrame, seed: int, params: dict[str, Any]) -> Outs:
    """Curves that learnt without a part of the accounts, each with the lives of that part; none of a single account."""
    accounts, known = pd.factorize(lives[question.account], sort=True)
    parts = min(HELD_OUT_PARTS, len(known))
    drawn = np.random.default_rng(seed).permutation(np.arange(len(known)) % max(parts, 1))[accounts]
    return [
        (_fit(question, lives[drawn != part], seed, UNCALIBRATED, params), lives[drawn == part])
        for part in range(parts if parts > 1 else 0)
    ]


def _fit(question: Question, lives: pd.DataFrame, seed: int, calibration: Calibration, params: dict[str, Any]) -> Curve:
    encoding = Encoding.of(question.features, question.categories, lives, question.due)
    plain = PlainHazards.of(question.bands, lives) if question.bands.counts_down else None
    return fit_curve(encoding, lives, seed, calibration, params, plain)


def _calibration(outs: Outs) -> Calibration:
    """What puts hazards right, from those that were said of lives not learnt from, period by period."""
    parts = [np.zeros((3, 0))]
    for curve, lives in outs:
        seen = months_seen(lives)
        parts.append(np.array([curve.raw(lives)[seen], curve.starts(lives)[seen], long(curve.encoding, lives)[1]]))
    raw, starts, events = np.hstack(parts)
    return Calibration.fit(raw, events, starts) if 0 < events.sum() < len(events) else UNCALIBRATED


def _bounds(told: Outs, ahead: int, moved: float) -> Calibration:
    """Bounds of the chance within so many periods, from lives of dates of which it is known; where they are few, those
    of the judged periods, widened once more."""
    dates = tuple(closed(pd.concat([lives for _, lives in told]), ahead)["as_of"].unique())
    known = [(curve, lives_at(lives, dates)) for curve, lives in told]
    if sum(len(lives) for _, lives in known) < FEWEST_LIVES:
        return _bounds(told, JUDGED, 2 * moved) if ahead != JUDGED else UNCALIBRATED
    said = np.concatenate([curve.chances(lives)[:, ahead - 1] for curve, lives in known])
    came = np.concatenate([happened(lives, ahead)[0] for _, lives in known])
    return Calibration.as_said(said, came, moved)


def _around(champion: Champion, rows: pd.DataFrame, said: Floats, ahead: int) -> tuple[Floats, Floats]:
    if champion.ships == "baseline" or rows.empty:
        _, low, high = PlainHazards.restored(champion.state["baseline"]).chances(rows)
        return low[:, ahead - 1], high[:, ahead - 1]
    return Calibration.of(champion.state["bounds"][str(ahead)]).interval(said)


def _judgement(
    judged: pd.DataFrame, curve: Floats, plain: tuple[Bands, Floats], seen: "NDArray[np.bool_] | None" = None
) -> Evaluation:
    made = judged_chances(happened(judged, JUDGED)[0], curve[:, JUDGED - 1], plain[0].named, plain[1], seen)
    first = happened(judged, 1)[0]
    soon = {
        "auc within 30 days": auc(curve[:, 0], first),
        "calibration error within 30 days": calibration_error(curve[:, 0], first),
    }
    return replace(made, metrics={**made.metrics, **soon})
