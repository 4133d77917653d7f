"""Chances of a yes or no within a horizon, learnt from past dates: what churn, upsell and win share.

Trees learn from past dates whose label windows had closed before the judged date; a calibration that is itself fitted
out of time puts their probabilities right; the plain baseline (rates per band) learns from the same dates and is
judged on the same rows. Then the trees are fitted again on everything known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from features.feature import Feature
from models.baseline import Bands
from models.boosting import PARAMS, TREES, Encoding, fit
from models.calibration import (
    UNCALIBRATED,
    Calibration,
    Numbers,
    auc,
    calibration_error,
    level_moved,
    lift,
    log_losses,
)
from models.evidence import chance_evidence, importance, intervals
from models.folds import Folds, calibrating_parts, folds
from models.model import Abstention, Challenger, Champion, Fold, Judgement
from models.reasons import Voice, as_json, middle, reasons
from models.study import Fitted, Range, Study

FEWEST_ROWS = 50
FEWEST_OF_EACH = 20
"""Fewer past rows with (or without) the outcome carry no probability that is worth money."""

JUDGED_OF_EACH = 10
RECENT_DATES = 3
MOST_JUDGED = 3
"""The judged part is one date, or up to three where one holds too few of an outcome."""

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
class Task:
    """What is asked of the rows: whose chance, of what, within how many days, and how it is said.

    ``outcome`` completes "12 % of such accounts …"; ``counted`` completes "20 past cases that …, 20 that did not".
    """

    model: str
    key: str
    outcome: str
    horizon_days: int
    features: tuple[Feature, ...]
    categories: tuple[Feature, ...]
    features_hash: str
    bands: Bands
    """The plain baseline, beside the flat rate of all: the better one on the judged rows is the one to beat."""
    raises: str
    lowers: str

    @property
    def words(self) -> dict[str, str]:
        """Features as people say them."""
        return {feature.name: feature.says for feature in (*self.features, *self.categories)}

    def voice(self, currency: str) -> Voice:
        """How its reasons speak."""
        return Voice(self.raises, self.lowers, currency)


@dataclass(frozen=True)
class Past:
    """Labelled rows of past dates: the key, ``as_of`` (a date), features, and ``outcome`` (bool)."""

    rows: pd.DataFrame

    def at(self, dates: tuple[date, ...]) -> pd.DataFrame:
        """The rows of some dates, in their order."""
        return self.rows[self.rows["as_of"].isin(dates)]

    @property
    def dates(self) -> tuple[date, ...]:
        """Dates that have rows, oldest first."""
        return tuple(sorted(self.rows["as_of"].unique()))


@dataclass(frozen=True)
class _Made:
    """Trees and what turns their raw scores into chances."""

    booster: lgb.Booster
    encoding: Encoding
    calibration: Calibration

    def raw(self, rows: pd.DataFrame) -> Numbers:
        return np.asarray(self.booster.predict(self.encoding.encode(rows)), dtype=np.float64)

    def chances(self, rows: pd.DataFrame) -> Numbers:
        return self.calibration.apply(self.raw(rows))


def learn(
    task: Task, past: Past, as_of: date, seed: int, params: Mapping[str, Any] | None = None
) -> Challenger | Abstention:
    """A challenger fitted on every past row, judged on the latest; or why the past is too thin.

    ``params`` stand in place of the usual ones of the trees: those that a tuning found.
    """
    tuned = dict(params or {})
    parts = split(task, past)
    if isinstance(parts, Abstention):
        return parts
    learnt, judged = past.at(parts.learn), past.at(parts.judge)
    calibrating = past.at(parts.calibrate)
    made, early = _calibrated(task, learnt, parts, seed, tuned)
    said = made.chances(judged)
    plain = _baseline(task, learnt, judged, float(said.mean()))
    judgement = _judgement(judged, said, plain)
    whose = judged[task.key].to_numpy() if len(parts.judge) > 1 else None
    judgement = replace(judgement, intervals=intervals(said, _outcomes(judged), seed, groups=whose))

    final = _fit(task, past.rows, seed, UNCALIBRATED, tuned)
    moved = level_moved(said, _outcomes(judged))
    outs = [(made.raw(judged), _outcomes(judged))]
    if early is not None:
        outs.append((early.raw(calibrating), _outcomes(calibrating)))
    calibrated = Calibration.fit(np.concatenate([o[0] for o in outs]), np.concatenate([o[1] for o in outs]), moved)
    state = {
        "horizon_days": task.horizon_days,
        "encoding": final.encoding.state(),
        "calibration": calibrated.state(),
        "baseline": _rates(plain[0], past.rows),
        "usual": middle(past.rows, task.features),
    }
    return Challenger(
        model=task.model,
        flavor="lightgbm",
        estimator=final.booster,
        state=state,
        judgement=judgement,
        features_hash=task.features_hash,
        example=final.encoding.encode(past.rows.head(5)),
        params={
            **PARAMS,
            "trees": TREES,
            **tuned,
            "seed": seed,
            "horizon_days": task.horizon_days,
            "dates": len(past.dates),
            "judged": ", ".join(map(str, parts.judge)),
        },
        pictures=chance_evidence(
            _title(task, parts), said, _outcomes(judged), made.booster, made.encoding.encode(judged), task.words
        ),
        trained_as_of=as_of,
        rows=len(past.rows),
        folds=_folds(task, past, parts, judgement, early),
        tuned=tuned,
    )


def study(task: Task, past: Past, seed: int) -> Study | Abstention:
    """How the task is learnt and judged on any of its rows, for folds, the learning curve and tuning."""
    parts = split(task, past)
    if isinstance(parts, Abstention):
        return parts

    def fitted(rows: pd.DataFrame, params: Mapping[str, Any]) -> Fitted:
        days = tuple(sorted(rows["as_of"].unique()))
        within = Folds(*calibrating_parts(days, task.horizon_days), days, ())
        made, _ = _calibrated(task, rows, within, seed, dict(params))
        return Fitted(made.chances, importance(made.booster))

    return Study(
        key=task.key,
        rows=past.rows,
        horizon_days=task.horizon_days,
        judged=parts.judge,
        metric="log loss",
        fit=fitted,
        losses=lambda said, rows: log_losses(said, _outcomes(rows)),
        metrics=lambda said, rows: {"auc": auc(said, _outcomes(rows))},
        plain=lambda learnt, rows: Bands().predict(rows, _rates(Bands(), learnt))[0],
        space=SPACE,
        words=task.words,
    )


def judge(task: Task, champion: Champion, past: Past) -> Judgement | Abstention:
    """What the champion ships, on the rows that ``learn`` judges; NaN for rows that it has learnt from."""
    parts = split(task, past)
    if isinstance(parts, Abstention):
        return parts
    learnt, judged = past.at(parts.learn), past.at(parts.judge)
    said = chances(task, champion, judged)[0]
    seen = (judged["as_of"] < champion.trained_as_of).to_numpy()
    return _judgement(judged, said, _baseline(task, learnt, judged, float(said.mean())), seen)


def score(task: Task, champion: Champion, rows: pd.DataFrame, currency: str) -> pd.DataFrame:
    """One row per row given: its key, ``value, low, high, reasons, horizon_days, abstained``."""
    value, low, high = chances(task, champion, rows)
    if champion.ships == "baseline" or rows.empty:
        plain = champion.state["baseline"]
        said = Bands.restored(plain).reasons(rows, plain, task.outcome)
    else:
        encoding = Encoding.restored(champion.state["encoding"])
        features = (*task.features, *task.categories)
        usual = champion.state["usual"]
        said = reasons(champion.estimator, encoding, rows, features, usual, task.voice(currency))
    return pd.DataFrame(
        {
            task.key: rows[task.key].to_numpy(),
            "value": value.round(6),
            "low": low.round(6),
            "high": high.round(6),
            "reasons": as_json(said),
            "horizon_days": champion.state["horizon_days"],
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def chances(task: Task, champion: Champion, rows: pd.DataFrame) -> tuple[Numbers, Numbers, Numbers]:
    """Probability, low and high (80 %) of each row, of the model or of the baseline, whichever ships.

    Raises ``ValueError`` when the champion was made on other features than today's.
    """
    champion.check(task.features_hash)
    state = champion.state
    if champion.ships == "baseline" or rows.empty:
        return Bands.restored(state["baseline"]).predict(rows, state["baseline"])
    made = _Made(champion.estimator, Encoding.restored(state["encoding"]), Calibration.of(state["calibration"]))
    value = made.calibration.apply(made.raw(rows))
    return (value, *made.calibration.interval(value))


def split(task: Task, past: Past) -> Folds | Abstention:
    """The parts of the past, or what it lacks."""
    counts = past.rows["outcome"].sum() if len(past.rows) else 0
    found = f"found {int(counts)} and {len(past.rows) - int(counts)} in {len(past.dates)} past dates"
    needs = (
        f"{FEWEST_OF_EACH} past cases of which it is known that they {task.outcome}, and {FEWEST_OF_EACH} that did not"
    )
    if len(past.rows) < FEWEST_ROWS:
        return Abstention(task.model, f"needs {FEWEST_ROWS} past cases, {needs}; {found}")
    for judged in range(1, MOST_JUDGED + 1):
        parts = folds(past.dates, task.horizon_days, judged)
        if parts is None:
            break
        enough = _of_each(past.at(parts.learn)) >= FEWEST_OF_EACH
        if enough and _of_each(past.at(parts.judge)) >= JUDGED_OF_EACH:
            return parts
    if folds(past.dates, task.horizon_days) is None:
        why = (
            f"needs {2 * task.horizon_days} days of sales with outcomes known, to learn on some and be judged on later"
        )
        return Abstention(task.model, f"{why} ones; {found}")
    return Abstention(
        task.model,
        f"needs {needs}, before a later date with {JUDGED_OF_EACH} of each to be judged on; {found}",
    )


def _calibrated(
    task: Task, rows: pd.DataFrame, parts: Folds, seed: int, params: dict[str, Any]
) -> tuple[_Made, _Made | None]:
    """Trees on all rows, put right by what earlier trees, on the first of them, said of those that calibrate; and these
    earlier trees, where the history is long enough for them."""
    calibration = UNCALIBRATED
    first, calibrating = (rows[rows["as_of"].isin(days)] for days in (parts.first, parts.calibrate))
    early = _fit(task, first, seed, UNCALIBRATED, params) if len(first) else None
    if early is not None and _both(calibrating):
        calibration = Calibration.fit(early.raw(calibrating), _outcomes(calibrating))
    return _fit(task, rows, seed, calibration, params), early


def _fit(task: Task, rows: pd.DataFrame, seed: int, calibration: Calibration, params: dict[str, Any]) -> _Made:
    encoding = Encoding.of(task.features, task.categories, rows)
    return _Made(fit(encoding, rows, _outcomes(rows), objective="binary", seed=seed, **params), encoding, calibration)


def _folds(task: Task, past: Past, parts: Folds, judgement: Judgement, early: _Made | None) -> tuple[Fold, ...]:
    """The folds that a training has anyway: the judged part, and the earlier one that calibrates, raw scores still."""
    metrics = {judgement.metric: judgement.value, "auc": judgement.metrics["auc"]}
    names = [", ".join(map(str, days)) for days in (parts.calibrate, parts.judge)]
    last = Fold(names[1], parts.judge, len(past.at(parts.learn)), metrics, judgement.losses)
    if early is None:
        return (last,)
    rows = past.at(parts.calibrate)
    losses = log_losses(early.raw(rows), _outcomes(rows))
    metrics = {judgement.metric: float(losses.mean()), "auc": auc(early.raw(rows), _outcomes(rows))}
    name = f"{names[0]} (not calibrated)"
    return (Fold(name, parts.calibrate, len(past.at(parts.first)), metrics, tuple(losses.tolist())), last)


def _rates(plain: Bands, rows: pd.DataFrame) -> dict[str, Any]:
    """A baseline's rates, from all rows or from the latest dates alone."""
    if plain.recent:
        rows = rows[rows["as_of"].isin(sorted(rows["as_of"].unique())[-RECENT_DATES:])]
    return plain.rates(rows, _outcomes(rows))


def _baseline(task: Task, learnt: pd.DataFrame, judged: pd.DataFrame, level: float) -> tuple[Bands, Numbers]:
    """The plain baseline that did best on the judged rows, and what it said.

    Flat rates stand beside the bands, one of them at the ``level`` of the model's own mean: so a model wins by telling
    rows apart, never because bands are noise or because the rate has moved.
    """
    outcomes = _outcomes(judged)
    rivals = dict.fromkeys((task.bands, Bands(), Bands(recent=True)))
    said = {plain: plain.predict(judged, _rates(plain, learnt))[0] for plain in rivals}
    level_said = np.full(len(judged), level)
    if log_losses(level_said, outcomes).mean() < log_losses(said[Bands(recent=True)], outcomes).mean():
        said[Bands(recent=True)] = level_said
    best = min(said, key=lambda plain: float(log_losses(said[plain], outcomes).mean()))
    return best, said[best]


def _judgement(
    judged: pd.DataFrame, said: Numbers, plain: tuple[Bands, Numbers], seen: "np.ndarray[Any, Any] | None" = None
) -> Judgement:
    return judgement(_outcomes(judged), said, plain[0].named, plain[1], seen)


def judgement(
    outcomes: Numbers, said: Numbers, named: str, baseline: Numbers, seen: "np.ndarray[Any, Any] | None" = None
) -> Judgement:
    """How chances did on judged rows, beside those of a plain baseline of that name; NaN losses for rows ``seen``."""
    losses, plain_losses = log_losses(said, outcomes), log_losses(baseline, outcomes)
    marked = losses if seen is None else np.where(seen, np.nan, losses)
    return Judgement(
        metric="log loss",
        value=float(losses.mean()),
        baseline=named,
        baseline_value=float(plain_losses.mean()),
        losses=tuple(marked.tolist()),
        baseline_losses=tuple(plain_losses.tolist()),
        metrics={
            "auc": auc(said, outcomes),
            "baseline auc": auc(baseline, outcomes),
            "brier": float(np.mean((said - outcomes) ** 2)),
            "baseline brier": float(np.mean((baseline - outcomes) ** 2)),
            "calibration error": calibration_error(said, outcomes),
            "lift of top tenth": lift(said, outcomes),
            "mean said": float(said.mean()),
            "mean happened": float(outcomes.mean()),
            "judged rows": float(len(outcomes)),
        },
    )


def _outcomes(rows: pd.DataFrame) -> Numbers:
    return rows["outcome"].to_numpy(dtype=np.float64)


def _of_each(rows: pd.DataFrame) -> int:
    """Rows of the rarer outcome."""
    positives = int(rows["outcome"].sum())
    return min(positives, len(rows) - positives)


def _both(rows: pd.DataFrame) -> bool:
    return _of_each(rows) > 0


def _title(task: Task, parts: Folds) -> str:
    dates = " and ".join(map(str, parts.judge))
    return f"{task.model}: said as of {dates},\nand what happened within {task.horizon_days} days"
