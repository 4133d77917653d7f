"""Metrics of probabilities against outcomes, by hand and against scikit-learn."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from models.evaluation.metrics import (
    MIN_PROBABILITY,
    calibration_error,
    equal_count_bins,
    log_loss,
    log_losses,
    top_decile_lift,
)


def test_losses_per_row_average_to_scikit_learns_log_loss_and_stay_finite() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random(500)
    outcomes = (rng.random(500) < probabilities).astype(float)
    losses = log_losses(probabilities, outcomes)
    clipped = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    assert losses.mean() == pytest.approx(sklearn_metrics.log_loss(outcomes, clipped))
    assert log_loss(probabilities, outcomes) == pytest.approx(losses.mean())
    assert log_loss(np.array([0.3]), np.ones(1)) == pytest.approx(-np.log(0.3))
    assert log_losses(np.array([0.0]), np.ones(1))[0] == pytest.approx(-np.log(MIN_PROBABILITY))


def test_calibration_error_is_the_distance_of_predicted_and_observed_rates() -> None:
    probabilities = np.repeat([0.2, 0.6], 100)
    outcomes = np.concatenate([np.repeat([1.0, 0.0], [30, 70]), np.repeat([1.0, 0.0], [60, 40])])
    assert calibration_error(probabilities, outcomes) == pytest.approx(0.05)


def test_lift_is_the_rate_of_the_top_tenth_over_the_rate_of_all() -> None:
    probabilities = np.arange(100)[::-1] / 100
    assert top_decile_lift(probabilities, (np.arange(100) < 20).astype(float)) == pytest.approx(5.0)
    assert np.isnan(top_decile_lift(probabilities, np.zeros(100)))


def test_bins_have_equal_counts_and_never_split_equal_values() -> None:
    assert [len(rows) for rows in equal_count_bins(np.arange(400.0))] == [100] * 4
    bins = equal_count_bins(np.repeat([1.0, 2.0], [250, 150]))
    assert sorted(len(rows) for rows in bins) == [150, 250]


def test_importing_metrics_loads_neither_plots_nor_estimators() -> None:
    script = "import sys, models.evaluation.metrics; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert {"sklearn", "matplotlib", "lightgbm", "pandas", "features"}.isdisjoint(modules)
