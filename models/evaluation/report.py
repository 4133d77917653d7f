"""The figures and the ``Evaluation`` of predicted probabilities out of time, of any model."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from data.statistics import auc
from models.evaluation.importance import importance_stability, sample_contributions
from models.evaluation.metrics import brier_score, calibration_error, log_losses, top_decile_lift
from models.evaluation.reliability import reliability_figure
from models.model import Evaluation
from models.plots.diagnostics import plot_gain, plot_importance, plot_shap_summary
from models.plots.figures import LazyFigures

if TYPE_CHECKING:
    import lightgbm as lgb


def evaluate_probabilities(
    outcomes: Floats, probabilities: Floats, baseline: str, baseline_probabilities: Floats, seen: Bools | None = None
) -> Evaluation:
    """Probabilities against a named baseline on the same test rows, by log loss; losses of ``seen`` rows, which the
    model was fitted on, are NaN."""
    losses, baseline_losses = log_losses(probabilities, outcomes), log_losses(baseline_probabilities, outcomes)
    unseen_losses = losses if seen is None else np.where(seen, np.nan, losses)
    return Evaluation(
        metric="log loss",
        value=float(losses.mean()),
        baseline=baseline,
        baseline_value=float(baseline_losses.mean()),
        losses=tuple(unseen_losses.tolist()),
        baseline_losses=tuple(baseline_losses.tolist()),
        metrics={
            "auc": auc(probabilities, outcomes),
            "baseline auc": auc(baseline_probabilities, outcomes),
            "brier": brier_score(probabilities, outcomes),
            "baseline brier": brier_score(baseline_probabilities, outcomes),
            "calibration error": calibration_error(probabilities, outcomes),
            "top-decile lift": top_decile_lift(probabilities, outcomes),
            "mean prediction": float(probabilities.mean()),
            "mean outcome": float(outcomes.mean()),
            "test rows": float(len(outcomes)),
        },
    )


def probability_figures(
    title: str,
    probabilities: Floats,
    outcomes: Floats,
    booster: "lgb.Booster | None" = None,
    encoded: pd.DataFrame | None = None,
    feature_labels: Mapping[str, str] | None = None,
) -> LazyFigures:
    """Reliability, gain and lift out of time and, with trees and their encoded rows, the contributions of features.

    ``feature_labels`` are plain-English labels by feature name.
    """
    figures = LazyFigures(
        {
            "reliability": lambda: reliability_figure(title, probabilities, outcomes),
            "gain": lambda: plot_gain(title, probabilities, outcomes),
        }
    )
    if booster is None or encoded is None:
        return figures
    return figures | contribution_figures(booster, encoded, feature_labels)


def contribution_figures(
    booster: "lgb.Booster", encoded: pd.DataFrame, feature_labels: Mapping[str, str] | None = None
) -> LazyFigures:
    """``shap summary``: what each feature adds to the raw score of a sample of rows; empty without rows."""
    if encoded.empty:
        return LazyFigures()
    return LazyFigures(
        {"shap summary": lambda: plot_shap_summary(*sample_contributions(booster, encoded), feature_labels or {})}
    )


def importance_figures(
    importances: Sequence[Mapping[str, float]], feature_labels: Mapping[str, str] | None = None
) -> tuple[dict[str, float], LazyFigures]:
    """The metric ``importance stability`` and its figure from the importance of every fold; empty for one fold."""
    if len(importances) < 2 or not any(importances):
        return {}, LazyFigures()
    table = pd.DataFrame([dict(fold) for fold in importances]).fillna(0.0)
    return {"importance stability": importance_stability(table)}, LazyFigures(
        {"importance": lambda: plot_importance(table, feature_labels or {})}
    )
