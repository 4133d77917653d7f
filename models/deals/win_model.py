"""Chances of open deals, learnt from every past date at which deals were open: trees on how they end period by period,
judged beside the plain pooled rates.

Trees with three ends (open, won, lost) per deal, date and period. They are judged on later dates that they have not
seen, on what was won within ``HORIZON_DAYS``; where a company is too young or small for that, pooled rates ship, judged
on deals that they have not seen.

Whether a deal is won is judged apart from when it ends: where the trees do not tell won from lost better than the
pooled rates do, by more than luck, those rates say it (and that nothing tells them apart), and the trees say when.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from features.feature import Feature, features_hash
from features.opportunities.table import OPPORTUNITY_CATEGORIES, OPPORTUNITY_FEATURES
from features.percent import likely
from features.revenue.dimensions import UNKNOWN
from models.deals.competing_risks import LOST, OPEN, PERIODS, WON, Curves, person_periods
from models.deals.partial_pooling import Pooled
from models.deals.time_split import HORIZON_DAYS, OUTCOME, Split, split, won_within
from models.estimators.calibration import Calibration, auc, level_moved, log_losses
from models.estimators.explanations import MOST, Voice, as_json, middle, sentences
from models.estimators.gradient_boosting import PARAMS, Encoding, fit
from models.evaluation.bootstrap import chance_evidence, importance, intervals, judged_chances
from models.evaluation.cross_validation import Fitted, Range, Study
from models.model import Abstention, Challenger, Champion, Evaluation

TREES: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": 3,
    "learning_rate": 0.1,
    "trees": 80,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
}
"""Chosen by log loss on the judged dates of the demo company."""
SPACE: dict[str, Range] = {
    "num_leaves": Range(4, 15, by_ratio=True, whole=True),
    "learning_rate": Range(0.02, 0.2, by_ratio=True),
    "min_data_in_leaf": Range(10, 200, by_ratio=True, whole=True),
    "lambda_l2": Range(0.1, 50.0, by_ratio=True),
    "feature_fraction": Range(0.3, 1.0),
    "trees": Range(30, 160, by_ratio=True, whole=True),
}
"""What a tuning may change. Leaves and trees end where reasons would cost too much: there are three trees to each."""
TOLD_PERIOD = 2
"""Reasons are those of one period: the one that holds the middle of what is asked, a month to two ahead."""
CLOSES = {"expected_close": 0.5, "close_earliest": 0.1, "close_latest": 0.9}

LEVELS: tuple[tuple[str, ...], ...] = (("stage", "kind"), ("stage",), ())
"""Plain baselines: rates by the deal's stage and kind, by its stage, of all."""
VOICES = {
    True: ("raises the chance to win", "lowers the chance to win"),
    False: ("makes an early end likelier", "makes an early end less likely"),
}
NUMBERS: tuple[Feature, ...] = OPPORTUNITY_FEATURES
CATEGORIES: tuple[Feature, ...] = OPPORTUNITY_CATEGORIES
PERIOD = Feature("period", "time", "days ahead", "periods")
HASH = features_hash((*NUMBERS, *CATEGORIES, PERIOD))


def train(
    rows: pd.DataFrame, as_of: date, seed: int, params: Mapping[str, Any] | None = None
) -> Challenger | Abstention:
    """A challenger fitted on every past row and judged on what it had not seen; or why the past is too thin.

    ``rows``: one per deal and past date: features, ``days`` to its end, ``won``, ``seen_days``. ``params`` stand in
    place of the usual ones of the trees: those that a tuning found.
    """
    tuned = dict(params or {})
    parts = split(rows)
    if isinstance(parts, Abstention):
        return parts
    judged = parts.judged
    won = won_within(judged)
    told = Curves.together([_fitted(part.learnt, seed, tuned).curves(part.judged) for part in parts.parts])
    shares, pooled = _plain_shares(parts)
    tells = _tells(told, pooled, judged)
    said = (told if tells else told.shared_as(pooled)).within(HORIZON_DAYS)
    levels, named, plain = _baseline(parts, float(said.mean()))
    if parts.thin:
        said = plain
    final = _fitted(rows, seed, tuned)
    state = {
        "horizon_days": HORIZON_DAYS,
        "encoding": final.encoding.state(),
        "calibration": Calibration.as_said(said, won, level_moved(said, won)).state(),
        "baseline": Pooled.of(rows, levels).state(),
        "tells": tells,
        "shares": Pooled.of(rows, shares).state(),
        "usual": middle(rows, NUMBERS),
    }
    judged_by = judged_chances(won, said, named, plain)
    whose = judged["opportunity_id"].to_numpy()
    return Challenger(
        model="win",
        flavor="lightgbm",
        estimator=final.booster,
        state=state,
        evaluation=replace(judged_by, intervals=intervals(said, won, seed, groups=whose)),
        features_hash=HASH,
        example=final.encode(rows.head(5), TOLD_PERIOD),
        params={**PARAMS, **TREES, **tuned, "seed": seed, "horizon_days": HORIZON_DAYS, "judged": parts.says},
        figures=chance_evidence(_title(parts), said, won),
        trained_as_of=as_of,
        rows=len(rows),
        tuned_params=tuned,
    )


def evaluate(champion: Champion, rows: pd.DataFrame) -> Evaluation | Abstention:
    """What the champion ships, on the rows that ``learn`` judges; NaN for rows that it has learnt from."""
    parts = split(rows)
    if isinstance(parts, Abstention):
        return parts
    judged = parts.judged
    said = curves(champion, judged).within(HORIZON_DAYS)
    _, named, plain = _baseline(parts, float(said.mean()))
    seen = (judged["as_of"] < champion.trained_as_of).to_numpy()
    return judged_chances(won_within(judged), said, named, plain, seen)


def study(rows: pd.DataFrame, seed: int) -> Study | Abstention:
    """How it is learnt and judged on any rows, for folds, the learning curve and tuning.

    Deals are seen for ``HORIZON_DAYS`` after each date, so that all that is learnt from was over before what judges it.
    """
    parts = split(rows)
    if isinstance(parts, Abstention):
        return parts
    if parts.thin:
        return Abstention("win", "the past is too thin for later dates to judge trees: pooled rates ship")
    known = rows[rows["seen_days"] >= HORIZON_DAYS]
    over = (known["days"] < HORIZON_DAYS).to_numpy()
    seen = known.assign(
        seen_days=float(HORIZON_DAYS), days=known["days"].where(over), won=known["won"].to_numpy() & over
    )

    def fitted(learnt: pd.DataFrame, params: Mapping[str, Any]) -> Fitted:
        made = _fitted(learnt, seed, params)
        return Fitted(lambda judged: made.curves(judged).within(HORIZON_DAYS), importance(made.booster))

    return Study(
        key="opportunity_id",
        rows=seen,
        horizon_days=HORIZON_DAYS,
        judged=tuple(sorted(parts.judged["as_of"].unique())),
        metric="log loss",
        fit=fitted,
        losses=lambda said, judged: log_losses(said, won_within(judged)),
        metrics=lambda said, judged: {"auc": auc(said, won_within(judged))},
        plain=lambda learnt, judged: Pooled.of(learnt, ()).curves(judged).within(HORIZON_DAYS),
        space=SPACE,
        words={feature.name: feature.says for feature in (*NUMBERS, *CATEGORIES, PERIOD)},
    )


def score(champion: Champion, rows: pd.DataFrame, currency: str) -> tuple[pd.DataFrame, Curves]:
    """One row per row given: its key, ``value, low, high`` (won within the horizon), ``eventually`` with its bounds,
    ``reasons, horizon_days, abstained``; and the curves."""
    told = curves(champion, rows)
    value, ever = told.within(HORIZON_DAYS), told.eventually
    if champion.ships == "baseline" or rows.empty:
        pooled = Pooled.restored(champion.state["baseline"])
        bounds = [pooled.interval(rows, chances) for chances in (value, ever)]
        said = _plain_reasons(pooled, rows, value)
    else:
        calibration = Calibration.of(champion.state["calibration"])
        bounds = [calibration.interval(chances) for chances in (value, ever)]
        made = _Made(champion.estimator, Encoding.restored(champion.state["encoding"]))
        tells = bool(champion.state["tells"])
        voice = VOICES[tells]
        shares = made.shares(rows, told, tells)
        said = sentences(shares, rows, (*NUMBERS, *CATEGORIES), champion.state["usual"], Voice(*voice, currency))
        if not tells:
            who = _who_wins(Pooled.restored(champion.state["shares"]), rows, ever)
            said = [[first, *each[: MOST - 1]] for first, each in zip(who, said, strict=True)]
    frame = pd.DataFrame(
        {
            "opportunity_id": rows["opportunity_id"].to_numpy(),
            "value": value.round(6),
            "low": bounds[0][0].round(6),
            "high": bounds[0][1].round(6),
            "eventually": ever.round(6),
            "eventually_low": bounds[1][0].round(6),
            "eventually_high": bounds[1][1].round(6),
            "reasons": as_json(said),
            "horizon_days": champion.state["horizon_days"],
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )
    return frame, told


def curves(champion: Champion, rows: pd.DataFrame) -> Curves:
    """How each open deal ends, by the model or the baseline, whichever ships.

    Raises ``ValueError`` when the champion was made on other features than today's.
    """
    champion.check(HASH)
    state = champion.state
    if champion.ships == "baseline" or rows.empty:
        return Pooled.restored(state["baseline"]).curves(rows)
    told = _Made(champion.estimator, Encoding.restored(state["encoding"])).curves(rows)
    return told if state["tells"] else told.shared_as(Pooled.restored(state["shares"]).curves(rows))


@dataclass(frozen=True)
class _Made:
    """Trees and how rows become numbers for them."""

    booster: lgb.Booster
    encoding: Encoding

    def encode(self, rows: pd.DataFrame, period: int) -> pd.DataFrame:
        return self.encoding.encode(rows.assign(period=float(period)))

    def curves(self, rows: pd.DataFrame) -> Curves:
        encoded = self.encode(rows, 0)
        chances = [self.booster.predict(encoded.assign(period=float(period))) for period in range(PERIODS)]
        return Curves.chained(np.stack(chances, axis=1))

    def shares(self, rows: pd.DataFrame, told: Curves, tells: bool) -> dict[str, Floats]:
        """How much each feature moves the log odds of a win within the horizon against what else becomes of the deal:
        lost or open, each for as much as it is likely. Where won is not told from lost: those of any end."""
        columns = self.encoding.columns
        each = np.asarray(self.booster.predict(self.encode(rows, TOLD_PERIOD), pred_contrib=True))
        each = each.reshape(len(rows), 3, len(columns) + 1)[:, :, :-1]
        lost = told.lost_within(HORIZON_DAYS)
        other = np.maximum(1 - told.within(HORIZON_DAYS), 1e-9)
        part = (lost / other)[:, None]
        if tells:
            moved = each[:, WON] - part * each[:, LOST] - (1 - part) * each[:, OPEN]
        else:
            moved = (each[:, WON] + each[:, LOST]) / 2 - each[:, OPEN]
        return {name: moved[:, place] for place, name in enumerate(columns) if name != PERIOD.name}


def _fitted(rows: pd.DataFrame, seed: int, params: Mapping[str, Any]) -> _Made:
    told = person_periods(rows)
    encoding = Encoding.of((*NUMBERS, PERIOD), CATEGORIES, rows.assign(period=0.0))
    return _Made(
        fit(encoding, told, told["ended"].to_numpy(dtype=np.float64), seed=seed, **{**TREES, **params}), encoding
    )


def _baseline(parts: Split, level: float) -> tuple[tuple[str, ...], str, Floats]:
    """The levels of the plain baseline that did best on the judged rows, its name, and what it said.

    One rival is the ``level`` of the model's own mean for all: so a model wins by telling deals apart, never because
    the rate has moved.
    """
    won = won_within(parts.judged)
    said: dict[tuple[str, ...], Floats] = {}
    for levels in LEVELS:
        said[levels] = np.concatenate(
            [Pooled.of(part.learnt, levels).curves(part.judged).within(HORIZON_DAYS) for part in parts.parts]
        )
    level_said = np.full(len(won), level)
    if log_losses(level_said, won).mean() < log_losses(said[()], won).mean():
        said[()] = level_said
    best = min(LEVELS, key=lambda levels: float(log_losses(said[levels], won).mean()))
    return best, Pooled(best, {}, {}, ()).named, said[best]


def _plain_shares(parts: Split) -> tuple[tuple[str, ...], Curves]:
    """The levels of the pooled rates that tell won from lost best on judged deals that are over, and their curves."""
    judged = parts.judged
    said = {
        levels: Curves.together([Pooled.of(part.learnt, levels).curves(part.judged) for part in parts.parts])
        for levels in LEVELS
    }
    best = min(LEVELS, key=lambda levels: float(_end_losses(said[levels], judged).mean()))
    return best, said[best]


def _tells(told: Curves, pooled: Curves, judged: pd.DataFrame) -> bool:
    """Whether won is told from lost better than by pooled rates, by more than luck (a standard error of the mean, each
    deal counted once, at however many dates it was seen)."""
    gains = pd.Series(_end_losses(pooled, judged) - _end_losses(told, judged))
    over = judged["days"].notna().to_numpy()
    each = gains.groupby(judged.loc[over, "opportunity_id"].to_numpy()).mean()
    return bool(len(each) > 1 and each.mean() > each.std() / len(each) ** 0.5)


def _end_losses(said: Curves, judged: pd.DataFrame) -> Floats:
    """Log losses of the chance to be won in the end, of the judged deals that are over."""
    over = judged["days"].notna().to_numpy()
    return log_losses(said.eventually[over], judged["won"].to_numpy(dtype=np.float64)[over])


def _plain_reasons(pooled: Pooled, rows: pd.DataFrame, value: Floats) -> list[list[str]]:
    if not pooled.levels:
        return [[f"{likely(rate)} of all {OUTCOME}; nothing known tells them apart better"] for rate in value]
    named = _named(pooled, rows)
    return [[f"{cell}: {likely(rate)} of such deals {OUTCOME}"] for cell, rate in zip(named, value, strict=True)]


def _who_wins(pooled: Pooled, rows: pd.DataFrame, ever: Floats) -> list[str]:
    """What is said first of each deal where won is told from lost by pooled rates alone."""
    if not pooled.levels:
        return [f"{likely(rate)} of all are won in the end; nothing known tells won from lost better" for rate in ever]
    named = _named(pooled, rows)
    return [f"{cell}: {likely(rate)} of such deals are won in the end" for cell, rate in zip(named, ever, strict=True)]


def _named(pooled: Pooled, rows: pd.DataFrame) -> list[str]:
    """The cell of each row, as people would say it."""
    levels = list(pooled.levels)
    told = rows[levels].astype(object).where(rows[levels].notna(), UNKNOWN)
    cells = [", ".join(f"{name} {cell}" for name, cell in row.items()) for row in told.to_dict("records")]
    return [f"{cell[:1].upper()}{cell[1:]}" for cell in cells]


def _title(parts: Split) -> str:
    return f"win: said as of {parts.says},\nand what happened within {HORIZON_DAYS} days"
