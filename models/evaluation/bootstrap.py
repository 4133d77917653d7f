"""Floats that show how good a model is: intervals of metrics, the gain curve, importance, what features did.

All are functions of what was said, what happened and the trees: any model calls them, whatever it predicts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from models.estimators.calibration import auc, calibration_error, lift, log_losses, reliability_picture
from models.model import Evaluation
from models.plots.diagnostics import gain_picture, importance_picture, shares_picture
from models.plots.figures import LazyFigures

SURE = 0.95
"""How often a bootstrap interval of a metric holds it."""

RESAMPLES = 200
MOST_RESAMPLED = 3_000_000
"""So many rows are drawn in all: a metric of very many rows is steady enough for fewer resamples."""

FEWEST_RESAMPLES = 40
EXPLAINED_ROWS = 400
"""So many rows show what features did; the cost of contributions follows the rows."""

Metric = Callable[[Floats, Floats], float]

CHANCES: dict[str, Metric] = {
    "log loss": lambda said, happened: float(log_losses(said, happened).mean()),
    "auc": auc,
    "brier": lambda said, happened: float(np.mean((said - happened) ** 2)),
    "lift of top tenth": lift,
}
"""Metrics of probabilities against what happened (0 or 1). The calibration error is none of them: being a distance, it
grows with every resample, and the interval would not hold it."""


def chance_evidence(
    title: str,
    said: Floats,
    happened: Floats,
    booster: lgb.Booster | None = None,
    encoded: pd.DataFrame | None = None,
    words: Mapping[str, str] | None = None,
) -> LazyFigures:
    """Pictures of probabilities, out of time: reliability, gain and lift, and with the trees and the rows that they
    were given, what features did. ``words`` say features as people do, by their names.
    """
    pictures = LazyFigures(
        {
            "reliability": lambda: reliability_picture(title, said, happened),
            "gain": lambda: gain_picture(title, said, happened),
        }
    )
    return pictures if booster is None or encoded is None else pictures | tree_evidence(booster, encoded, words)


def tree_evidence(booster: lgb.Booster, encoded: pd.DataFrame, words: Mapping[str, str] | None = None) -> LazyFigures:
    """Pictures of any trees: what each feature adds to the raw score of rows, a sample of the given ones."""
    if encoded.empty:
        return LazyFigures()
    return LazyFigures({"shap summary": lambda: shares_picture(*contributions(booster, encoded), words or {})})


def stable_evidence(
    importances: Sequence[Mapping[str, float]], words: Mapping[str, str] | None = None
) -> tuple[dict[str, float], LazyFigures]:
    """The metric ``importance stability`` and its picture, from the importance of every fold."""
    if len(importances) < 2 or not any(importances):
        return {}, LazyFigures()
    table = pd.DataFrame([dict(each) for each in importances]).fillna(0.0)
    return {"importance stability": stability(table)}, LazyFigures(
        {"importance": lambda: importance_picture(table, words or {})}
    )


def judged_chances(
    came: Floats, said: Floats, named: str, baseline: Floats, seen: "NDArray[np.bool_] | None" = None
) -> Evaluation:
    """How chances did on judged rows, beside those of a plain baseline of that name; NaN losses for rows ``seen``."""
    losses, plain_losses = log_losses(said, came), log_losses(baseline, came)
    marked = losses if seen is None else np.where(seen, np.nan, losses)
    return Evaluation(
        metric="log loss",
        value=float(losses.mean()),
        baseline=named,
        baseline_value=float(plain_losses.mean()),
        losses=tuple(marked.tolist()),
        baseline_losses=tuple(plain_losses.tolist()),
        metrics={
            "auc": auc(said, came),
            "baseline auc": auc(baseline, came),
            "brier": float(np.mean((said - came) ** 2)),
            "baseline brier": float(np.mean((baseline - came) ** 2)),
            "calibration error": calibration_error(said, came),
            "lift of top tenth": lift(said, came),
            "mean said": float(said.mean()),
            "mean happened": float(came.mean()),
            "judged rows": float(len(came)),
        },
    )


def intervals(
    said: Floats,
    happened: Floats,
    seed: int,
    *,
    metrics: Mapping[str, Metric] = CHANCES,
    groups: "NDArray[Any] | None" = None,
) -> dict[str, tuple[float, float]]:
    """Bounds of each metric at 95 %: percentiles over resampled rows (Efron, 1979).

    ``groups`` names whose row each is: one that is judged on several dates is drawn as a whole. A metric that some
    resample does not have (an AUC without one kind) is bounded by the others; one that none has is left out.
    """
    draw = _drawing(len(said), groups)
    rng = np.random.default_rng(seed)
    times = int(np.clip(MOST_RESAMPLED // max(len(said), 1), FEWEST_RESAMPLES, RESAMPLES))
    drawn: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(times):
        rows = draw(rng)
        for name, metric in metrics.items():
            drawn[name].append(metric(said[rows], happened[rows]))
    return {name: bounds for name, values in drawn.items() if (bounds := _percentiles(np.array(values))) is not None}


def mean_interval(losses: Sequence[float], seed: int) -> tuple[float, float] | None:
    """Bounds of a mean loss at 95 %, by the same bootstrap; ``None`` where nothing was judged."""
    values = np.array([loss for loss in losses if not np.isnan(loss)])
    if not len(values):
        return None
    found = intervals(values, values, seed, metrics={"mean": lambda drawn, _: float(drawn.mean())})
    return found.get("mean")


def loss_bounds(metric: str, losses: Sequence[float], seed: int) -> dict[str, float]:
    """Metrics ``<metric> low`` and ``<metric> high`` of a fold: the bounds of its mean loss; none where it has none."""
    found = mean_interval(losses, seed)
    return {} if found is None else {f"{metric} low": found[0], f"{metric} high": found[1]}


def importance(booster: lgb.Booster) -> dict[str, float]:
    """Each feature's share of what all splits gained."""
    gained = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    total = max(float(gained.sum()), 1e-12)
    return {str(name): float(gain / total) for name, gain in zip(booster.feature_name(), gained, strict=True)}


def stability(importances: pd.DataFrame) -> float:
    """How alike folds rank features: the mean Spearman correlation of importance over all pairs of folds (rows).

    NaN where a fold ranks nothing: its features are all alike, or one.
    """
    ranks = importances.rank(axis=1).to_numpy()
    if (np.ptp(ranks, axis=1) == 0).any():
        return float("nan")
    return float(np.corrcoef(ranks)[np.triu_indices(len(ranks), 1)].mean())


def contributions(booster: lgb.Booster, encoded: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows, evenly taken, and what each feature adds to their raw score: LightGBM's own Shapley values of trees
    (Lundberg and others, 2020).
    """
    places = np.unique(np.linspace(0, len(encoded) - 1, min(EXPLAINED_ROWS, len(encoded))).astype(int))
    rows = encoded.iloc[places]
    if rows.empty:
        return rows, rows
    shares = np.asarray(booster.predict(rows, pred_contrib=True), dtype=np.float64)[:, : rows.shape[1]]
    return rows, pd.DataFrame(shares, index=rows.index, columns=rows.columns)


def _drawing(rows: int, groups: "NDArray[Any] | None") -> Callable[[np.random.Generator], NDArray[np.intp]]:
    """How one resample is drawn: rows, or all rows of drawn groups."""
    if groups is None:
        return lambda rng: rng.integers(0, rows, rows)
    codes = pd.factorize(groups)[0]
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts

    def draw(rng: np.random.Generator) -> NDArray[np.intp]:
        picked = rng.integers(0, len(counts), len(counts))
        lengths = counts[picked]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.asarray(order[np.repeat(starts[picked], lengths) + within])

    return draw


def _percentiles(values: Floats) -> tuple[float, float] | None:
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(low), float(high)
