"""Platt scaling: probabilities from raw scores, with the interval of the observed rate around each.

Platt (1999) fits a logistic curve through the log-odds of scores of rows that the model was not fitted on. The
interval is the 80 % interval of the rate among rows with such scores, not a prediction for one row.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

from data.arrays import Floats
from data.statistics import rate_interval
from models.evaluation.metrics import MIN_PROBABILITY, equal_count_bins

MAX_INTERCEPT = 30.0
"""Bound of the search for an intercept, in log-odds."""
MAX_STEPS = 50
MAX_STEP = 3.0
STEP_TOLERANCE = 1e-8
MAX_HALVINGS = 20
LOSS_TOLERANCE = 1e-6
SLOPE_PRIOR_PRECISION = 0.25
"""Of a normal prior around slope 1 (deviation 2): it keeps the fit finite where scores separate the outcomes."""
INTERCEPT_PRIOR_PRECISION = 1e-3


@dataclass(frozen=True)
class Calibration:
    """A logistic curve, and offsets in log-odds of the interval's bounds at a grid of log-odds."""

    slope: float
    intercept: float
    log_odds_grid: tuple[float, ...]
    low_offsets: tuple[float, ...]
    high_offsets: tuple[float, ...]

    @classmethod
    def fit(cls, raw: Floats, outcomes: Floats, offset: Floats | float = 0.0) -> "Calibration":
        """The curve through raw probabilities of rows that were not fitted on, and their outcomes (0 or 1).

        ``offset`` is added to the log-odds of each row with coefficient 1.
        """
        slope, intercept = _fit_platt(_log_odds(raw), outcomes, offset)
        curve = cls(slope, intercept, (), (), ())
        return cls(slope, intercept, *_interval_offsets(curve.apply(raw, offset), outcomes, 0.0))

    @classmethod
    def without_scaling(cls, raw: Floats, outcomes: Floats, widening: float = 0.0) -> "Calibration":
        """Raw probabilities unchanged, with the interval from out-of-time outcomes, widened by ``widening`` log-odds
        (see ``calibration_in_the_large``).

        For models fitted by likelihood on many dates: scaling to a few test dates would fit their season.
        """
        return cls(1.0, 0.0, *_interval_offsets(raw, outcomes, widening))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Calibration":
        """The calibration that ``state()`` wrote."""
        grid, low, high = (tuple(state[name]) for name in ("log_odds_grid", "low_offsets", "high_offsets"))
        return cls(state["slope"], state["intercept"], grid, low, high)

    def state(self) -> dict[str, Any]:
        """The calibration as JSON."""
        return asdict(self)

    def apply(self, raw: Floats, offset: Floats | float = 0.0) -> Floats:
        """Calibrated probabilities of raw ones, ``offset`` added to their log-odds."""
        log_odds = self.intercept + self.slope * _log_odds(raw) + offset
        return np.asarray(np.clip(expit(log_odds), MIN_PROBABILITY, 1 - MIN_PROBABILITY))

    def interval(self, probabilities: Floats) -> tuple[Floats, Floats]:
        """Bounds of the observed rate at each calibrated probability, which lies between them."""
        log_odds = _log_odds(probabilities)
        low = expit(log_odds + np.interp(log_odds, self.log_odds_grid, self.low_offsets))
        high = expit(log_odds + np.interp(log_odds, self.log_odds_grid, self.high_offsets))
        return np.minimum(low, probabilities), np.maximum(high, probabilities)


UNCALIBRATED = Calibration(1.0, 0.0, (0.0,), (0.0,), (0.0,))
"""Raw scores unchanged and without an interval: before calibration, or where no rows are left to calibrate on."""


def calibration_in_the_large(probabilities: Floats, outcomes: Floats) -> float:
    """Absolute difference in log-odds between mean prediction and mean outcome."""
    predicted, observed = probabilities.mean(keepdims=True), (outcomes.sum(keepdims=True) + 0.5) / (len(outcomes) + 1)
    return float(abs(_log_odds(predicted) - _log_odds(observed))[0])


def _fit_platt(log_odds: Floats, outcomes: Floats, offset: Floats | float) -> tuple[float, float]:
    """Slope and intercept by Newton's method; slope 0 at the overall rate where it is below its standard error."""
    slope, intercept = 1.0, 0.0
    for _ in range(MAX_STEPS):
        p = expit(intercept + slope * log_odds + offset)
        weight = np.maximum(p * (1 - p), 1e-9)
        gradient = np.array(
            [
                np.sum((p - outcomes) * log_odds) + (slope - 1) * SLOPE_PRIOR_PRECISION,
                np.sum(p - outcomes) + intercept * INTERCEPT_PRIOR_PRECISION,
            ]
        )
        curvature = np.array(
            [
                [np.sum(weight * log_odds * log_odds) + SLOPE_PRIOR_PRECISION, np.sum(weight * log_odds)],
                [np.sum(weight * log_odds), np.sum(weight) + INTERCEPT_PRIOR_PRECISION],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, MAX_STEP / (np.abs(step).max() + 1e-12))
        loss = _penalized_loss(log_odds, outcomes, offset, slope, intercept)
        for _ in range(MAX_HALVINGS):  # a full step may overshoot, and then oscillate
            if (
                _penalized_loss(log_odds, outcomes, offset, slope - step[0], intercept - step[1])
                <= loss + LOSS_TOLERANCE
            ):
                break
            step /= 2
        slope, intercept = slope - step[0], intercept - step[1]
        if np.abs(step).max() < STEP_TOLERANCE:
            break
    slope_error = float(np.sqrt(np.linalg.inv(curvature)[0, 0]))
    if slope < slope_error:
        return 0.0, _intercept_at_rate(np.broadcast_to(offset, log_odds.shape), outcomes)
    return float(slope), float(intercept)


def _penalized_loss(
    log_odds: Floats, outcomes: Floats, offset: Floats | float, slope: float, intercept: float
) -> float:
    """Negative log-likelihood plus that of the priors."""
    fitted = intercept + slope * log_odds + offset
    prior = SLOPE_PRIOR_PRECISION * (slope - 1) ** 2 + INTERCEPT_PRIOR_PRECISION * intercept**2
    return float(np.sum(np.logaddexp(0, fitted) - outcomes * fitted) + prior / 2)


def _intercept_at_rate(offset: Floats, outcomes: Floats) -> float:
    """The intercept at which the mean probability of the rows equals their outcome rate."""
    from scipy.optimize import brentq

    events = len(offset) * (outcomes.sum() + 0.5) / (len(outcomes) + 1)
    return float(brentq(lambda level: expit(level + offset).sum() - events, -MAX_INTERCEPT, MAX_INTERCEPT))


def _interval_offsets(probabilities: Floats, outcomes: Floats, widening: float) -> tuple[tuple[float, ...], ...]:
    """Log-odds of each bin's mean prediction, and the offsets of bounds around both prediction and observed rate."""
    grid, low, high = [], [], []
    for rows in equal_count_bins(probabilities):
        predicted = float(_log_odds(probabilities[rows].mean(keepdims=True))[0])
        bounds = rate_interval(float(outcomes[rows].sum()), len(rows))
        observed = float(logit((outcomes[rows].sum() + 0.5) / (len(rows) + 1)))
        grid.append(predicted)
        low.append(float(logit(bounds[0])) - max(predicted, observed) - widening)
        high.append(float(logit(bounds[1])) - min(predicted, observed) + widening)
    return tuple(grid), tuple(low), tuple(high)


def _log_odds(probabilities: Floats) -> Floats:
    return np.asarray(logit(np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)), dtype=np.float64)
