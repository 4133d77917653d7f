"""Gain importance of boosted trees, its stability over folds, and contributions of features to sampled rows."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import lightgbm as lgb

MAX_EXPLAINED_ROWS = 400
"""Rows in the figure of contributions, which take time in proportion to the rows."""


def gain_importance(booster: "lgb.Booster") -> dict[str, float]:
    """Each feature's fraction of the gain of all splits."""
    gains = np.asarray(booster.feature_importance("gain"), dtype=np.float64)
    total = max(float(gains.sum()), 1e-12)
    return {str(name): float(gain / total) for name, gain in zip(booster.feature_name(), gains, strict=True)}


def importance_stability(importances: pd.DataFrame) -> float:
    """Mean Spearman correlation of importance over all pairs of folds (rows); NaN where a fold ranks nothing."""
    from scipy.stats import spearmanr

    table = importances.to_numpy(dtype=np.float64)
    if (np.ptp(table, axis=1) == 0).any():
        return float("nan")
    correlations = [
        spearmanr(table[first], table[second]).statistic
        for first, second in zip(*np.triu_indices(len(table), 1), strict=True)
    ]
    return float(np.mean(correlations))


def sample_contributions(booster: "lgb.Booster", encoded: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Up to ``MAX_EXPLAINED_ROWS`` evenly spaced rows, and the contribution of each feature to their raw score:
    LightGBM's Shapley values of trees (Lundberg and others, 2020).
    """
    positions = np.unique(np.linspace(0, len(encoded) - 1, min(MAX_EXPLAINED_ROWS, len(encoded))).astype(int))
    rows = encoded.iloc[positions]
    if rows.empty:
        return rows, rows
    values = np.asarray(booster.predict(rows, pred_contrib=True), dtype=np.float64)[:, : rows.shape[1]]
    return rows, pd.DataFrame(values, index=rows.index, columns=rows.columns)
