"""Platt scaling recovers a planted distortion, and its interval contains the observed rate."""

import numpy as np
import pytest
from scipy.special import expit, logit

from models.estimators.calibration import UNCALIBRATED, Calibration, calibration_in_the_large


def distorted(rows: int = 20_000, slope: float = 0.5, intercept: float = -1.0) -> tuple[np.ndarray, np.ndarray]:
    """Raw probabilities whose log-odds must be multiplied and shifted, and outcomes drawn by the true ones."""
    rng = np.random.default_rng(2)
    log_odds = rng.normal(0, 2, rows)
    return expit(log_odds), (rng.random(rows) < expit(intercept + slope * log_odds)).astype(float)


def test_a_planted_slope_and_intercept_are_recovered() -> None:
    raw, outcomes = distorted()
    curve = Calibration.fit(raw, outcomes)
    assert (curve.slope, curve.intercept) == pytest.approx((0.5, -1.0), abs=0.05)
    assert curve.apply(raw).mean() == pytest.approx(outcomes.mean(), abs=0.005)


def test_noise_gets_slope_0_at_the_overall_rate() -> None:
    rng = np.random.default_rng(0)
    raw, outcomes = rng.random(200), (np.arange(200) % 4 == 0).astype(float)
    curve = Calibration.fit(raw, outcomes)
    if curve.slope == 0.0:
        assert curve.apply(raw) == pytest.approx(np.full(200, 50.5 / 201))
    anti = Calibration.fit(np.where(outcomes > 0, 0.2, 0.8), outcomes)
    assert anti.slope == 0.0
    assert anti.apply(np.array([0.9]))[0] == pytest.approx(50.5 / 201)


def test_an_offset_counts_with_coefficient_1() -> None:
    raw, outcomes = distorted()
    shifted = Calibration.fit(raw, outcomes, offset=0.7)
    assert shifted.intercept == pytest.approx(Calibration.fit(raw, outcomes).intercept - 0.7, abs=1e-3)


def test_intervals_contain_prediction_and_rate_and_widen_on_request() -> None:
    raw, outcomes = distorted(2_000)
    plain, widened = Calibration.without_scaling(raw, outcomes), Calibration.without_scaling(raw, outcomes, 0.5)
    low, high = plain.interval(raw)
    assert (low <= raw).all()
    assert (raw <= high).all()
    assert (widened.interval(raw)[1] - widened.interval(raw)[0] > high - low).all()


def test_the_state_restores_the_calibration() -> None:
    curve = Calibration.fit(*distorted(500))
    assert Calibration.from_state(curve.state()) == curve
    assert UNCALIBRATED.apply(np.array([0.3]))[0] == pytest.approx(0.3)


def test_calibration_in_the_large_is_the_distance_of_the_means_in_log_odds() -> None:
    outcomes = np.repeat([1.0, 0.0], [250, 750])
    difference = abs(logit(0.5) - logit(250.5 / 1001))
    assert calibration_in_the_large(np.full(1000, 0.5), outcomes) == pytest.approx(difference)
