"""Metrics of predicted probabilities against outcomes (0 or 1)."""

import numpy as np

from data.arrays import Floats, Ints

MIN_PROBABILITY = 1e-4
"""No probability is nearer to 0 or 1: no history here is long enough to support it."""

MIN_BIN_ROWS = 100
MAX_BINS = 10
TOP_FRACTION = 0.1


def log_losses(probabilities: Floats, outcomes: Floats) -> Floats:
    """One loss per row: minus the log of the probability of its outcome, clipped at ``MIN_PROBABILITY``."""
    p = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return -np.where(outcomes > 0, np.log(p), np.log1p(-p))


def log_loss(probabilities: Floats, outcomes: Floats) -> float:
    """Mean of ``log_losses``, by scikit-learn."""
    from sklearn import metrics

    p = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    return float(metrics.log_loss(outcomes > 0, p, labels=[False, True]))


def brier_score(probabilities: Floats, outcomes: Floats) -> float:
    """Mean squared difference between probability and outcome (Brier, 1950)."""
    return float(np.mean((probabilities - outcomes) ** 2))


def calibration_error(probabilities: Floats, outcomes: Floats) -> float:
    """Mean distance between predicted and observed rate over bins of equal counts, weighted by their rows (Naeini and
    others, 2015).

    A distance grows with resampling noise, so a bootstrap interval need not contain it.
    """
    return float(
        sum(
            len(rows) * abs(probabilities[rows].mean() - outcomes[rows].mean())
            for rows in equal_count_bins(probabilities)
        )
        / len(outcomes)
    )


def top_decile_lift(probabilities: Floats, outcomes: Floats) -> float:
    """Outcome rate in the top tenth of probabilities over the rate of all rows; NaN without any outcome."""
    top = np.argsort(-probabilities, kind="stable")[: max(1, round(TOP_FRACTION * len(outcomes)))]
    overall = outcomes.mean()
    return float(outcomes[top].mean() / overall) if overall > 0 else float("nan")


def equal_count_bins(values: Floats, min_rows: int = MIN_BIN_ROWS) -> list[Ints]:
    """Row numbers of up to ``MAX_BINS`` bins of nearly equal counts, in ascending order of value; rows with equal
    values share a bin."""
    order = np.argsort(values, kind="stable")
    n_bins = max(1, min(MAX_BINS, len(values) // min_rows))
    edges = np.linspace(0, len(values), n_bins + 1).round().astype(int)[1:-1]
    ordered = values[order]
    first_rows = np.unique([np.searchsorted(ordered, ordered[edge]) for edge in edges if ordered[edge] > ordered[0]])
    return [rows for rows in np.split(order, first_rows.astype(int)) if len(rows)]
