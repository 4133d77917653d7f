"""Probabilities that mean what they say: raw scores, put right by what happened to rows that scored like them.

Platt's scaling (a logistic curve through the log-odds of the raw score, two numbers), fitted on rows that the scores
were not learnt from (later ones, or those of other accounts), with a slope that may shrink to zero where the score
tells nothing. The interval is that of a rate: among past rows with such a score, between which bounds the share with
the outcome lies, at 80 % (Jeffreys' interval per bin of equal counts).
It is widened by how far the level of all had moved, out of time, from what was said: seasons and trends move it.
It says how sure the probability is, not what will become of the one row, which is yes or no.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import beta

from data.arrays import Floats
from models.plots.style import GREY, INK, PALE, plain, sheet

CONFIDENCE = 0.8
FEWEST_IN_BIN = 100
FEWEST_IN_POINT = 25
"""Rows of a point in a picture, which shows how sure it is."""

MOST_BINS = 10
FARTHEST = 30.0
"""No level that a rate asks for lies farther off, in log-odds."""
FLOOR = 1e-4
"""No probability is nearer to 0 or 1 than this: no history here is long enough to know better."""


@dataclass(frozen=True)
class Calibration:
    """A logistic curve, and the bounds of the rate at a few log-odds (``low`` and ``high`` are offsets to them)."""

    slope: float
    intercept: float
    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def fit(cls, raw: Floats, outcomes: Floats, starts: Floats | float = 0.0) -> "Calibration":
        """The curve through raw probabilities of rows that were not learnt from, and what became of them (0 or 1).

        ``starts`` are log-odds that were known before: added to those of the raw ones, and believed as they are.
        """
        slope, intercept = _platt(_log_odds(raw), outcomes, starts)
        curve = cls(slope, intercept, (), (), ())
        return cls(slope, intercept, *_bounds(curve.apply(raw, starts), outcomes, 0.0))

    @classmethod
    def as_said(cls, raw: Floats, outcomes: Floats, moved: float = 0.0) -> "Calibration":
        """Raw probabilities left as they are, with the bounds that out-of-time outcomes give them, widened by
        ``moved`` in log-odds (see ``level_moved``).

        For scores that were fitted by likelihood on many dates: the season of a few judged ones would only move them.
        """
        return cls(1.0, 0.0, *_bounds(raw, outcomes, moved))

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Calibration":
        """What ``state()`` wrote."""
        return cls(state["slope"], state["intercept"], tuple(state["at"]), tuple(state["low"]), tuple(state["high"]))

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def apply(self, raw: Floats, starts: Floats | float = 0.0) -> Floats:
        """Calibrated probabilities of raw ones, ``starts`` added to their log-odds."""
        return np.asarray(np.clip(expit(self.intercept + self.slope * _log_odds(raw) + starts), FLOOR, 1 - FLOOR))

    def interval(self, probabilities: Floats) -> tuple[Floats, Floats]:
        """Bounds of the rate at each calibrated probability; they include it."""
        odds = _log_odds(probabilities)
        low = expit(odds + np.interp(odds, self.at, self.low))
        high = expit(odds + np.interp(odds, self.at, self.high))
        return np.minimum(low, probabilities), np.maximum(high, probabilities)


UNCALIBRATED = Calibration(1.0, 0.0, (0.0,), (0.0,), (0.0,))
"""Raw scores as they are: before they are put right, or where nothing is left to put them right by."""


def level_moved(probabilities: Floats, outcomes: Floats) -> float:
    """How far apart, in log-odds, what was said of all and what happened to all are."""
    said, happened = probabilities.mean(keepdims=True), (outcomes.sum(keepdims=True) + 0.5) / (len(outcomes) + 1)
    return float(abs(_log_odds(said) - _log_odds(happened))[0])


def log_losses(probabilities: Floats, outcomes: Floats) -> Floats:
    """One loss per row: minus the log of the probability that was given to what happened."""
    p = np.clip(probabilities, FLOOR, 1 - FLOOR)
    return -np.where(outcomes > 0, np.log(p), np.log1p(-p))


def auc(scores: Floats, outcomes: Floats) -> float:
    """How often a row with the outcome scores above one without (ties count half); NaN when one kind is missing."""
    positives = outcomes > 0
    n, m = int(positives.sum()), int((~positives).sum())
    if n == 0 or m == 0:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[inverse][positives].sum() - n * (n + 1) / 2) / (n * m))


def calibration_error(probabilities: Floats, outcomes: Floats) -> float:
    """Mean distance between what was said and what happened, over bins of equal counts, weighted by their rows."""
    bins = _bins(probabilities)
    return float(
        sum(len(rows) * abs(probabilities[rows].mean() - outcomes[rows].mean()) for rows in bins) / len(outcomes)
    )


def lift(probabilities: Floats, outcomes: Floats, share: float = 0.1) -> float:
    """How much more frequent the outcome is in the top share of scores than overall; NaN where it never happened."""
    top = np.argsort(-probabilities, kind="stable")[: max(1, round(share * len(outcomes)))]
    overall = outcomes.mean()
    return float(outcomes[top].mean() / overall) if overall > 0 else float("nan")


def reliability_picture(title: str, probabilities: Floats, outcomes: Floats) -> Figure:
    """What was said against what happened, out of time, with the interval of each bin's rate; below, how many rows."""
    figure = sheet(5.6, 5.6)
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[5, 1])
    top = 0.05
    for rows in _bins(probabilities, FEWEST_IN_POINT):
        said, happened = probabilities[rows].mean(), outcomes[rows].mean()
        low, high = jeffreys(float(outcomes[rows].sum()), len(rows))
        axes.plot([said, said], [low, high], color=PALE, linewidth=4, solid_capstyle="butt")
        axes.plot(said, happened, "o", color=INK)
        top = max(top, said, high)
    top = min(1.0, max(top, float(probabilities.max())) * 1.05)
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, zorder=0)
    axes.set(xlim=(0, top), ylim=(0, top))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    plain(axes, title, ylabel="happened (bar: 80 % interval of the rate)")
    counts.hist(probabilities, bins=40, range=(0, top), color=PALE)
    counts.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    plain(counts, "", "said", "rows")
    return figure


def jeffreys(events: float, rows: float) -> tuple[float, float]:
    """Bounds of a rate after ``events`` in ``rows``, at 80 %."""
    tail = (1 - CONFIDENCE) / 2
    bounds = beta.ppf([tail, 1 - tail], events + 0.5, rows - events + 0.5)
    return float(bounds[0]), float(bounds[1])


def _platt(odds: Floats, outcomes: Floats, starts: Floats | float) -> tuple[float, float]:
    """Slope and intercept of a logistic curve, by Newton's method; flat where the slope is within its error of 0, and
    then at the rate of all.

    A weak prior (slope 1, deviation 2) keeps the curve finite where a score parts the outcomes without error.
    """
    slope, intercept = 1.0, 0.0
    for _ in range(50):
        p = expit(intercept + slope * odds + starts)
        weight = np.maximum(p * (1 - p), 1e-9)
        gradient = np.array([np.sum((p - outcomes) * odds) + (slope - 1) / 4, np.sum(p - outcomes) + intercept * 1e-3])
        curvature = np.array(
            [
                [np.sum(weight * odds * odds) + 0.25, np.sum(weight * odds)],
                [np.sum(weight * odds), np.sum(weight) + 1e-3],
            ]
        )
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 3.0 / (np.abs(step).max() + 1e-12))
        slope, intercept = slope - step[0], intercept - step[1]
        if np.abs(step).max() < 1e-8:
            break
    deviation = float(np.sqrt(np.linalg.inv(curvature)[0, 0]))
    if slope < deviation:
        known, events = np.broadcast_to(starts, odds.shape), len(odds) * (outcomes.sum() + 0.5) / (len(outcomes) + 1)
        return 0.0, float(brentq(lambda level: expit(level + known).sum() - events, -FARTHEST, FARTHEST))
    return float(slope), float(intercept)


def _bounds(probabilities: Floats, outcomes: Floats, moved: float) -> tuple[tuple[float, ...], ...]:
    """Log-odds of each bin's mean, and the offsets of bounds that hold it and its rate's own bounds."""
    at, low, high = [], [], []
    for rows in _bins(probabilities):
        said = float(_log_odds(probabilities[rows].mean(keepdims=True))[0])
        bounds = jeffreys(float(outcomes[rows].sum()), len(rows))
        rate = float(logit((outcomes[rows].sum() + 0.5) / (len(rows) + 1)))
        at.append(said)
        low.append(float(logit(bounds[0])) - max(said, rate) - moved)
        high.append(float(logit(bounds[1])) - min(said, rate) + moved)
    return tuple(at), tuple(low), tuple(high)


def _bins(values: Floats, fewest: int = FEWEST_IN_BIN) -> list[NDArray[np.intp]]:
    """Row numbers in order of value, in bins of nearly equal counts; equal values are never parted."""
    order = np.argsort(values, kind="stable")
    wanted = max(1, min(MOST_BINS, len(values) // fewest))
    edges = np.linspace(0, len(values), wanted + 1).round().astype(int)[1:-1]
    ordered = values[order]
    starts = np.unique([np.searchsorted(ordered, ordered[edge]) for edge in edges if ordered[edge] > ordered[0]])
    return [part for part in np.split(order, starts.astype(int)) if len(part)]


def _log_odds(probabilities: Floats) -> Floats:
    return np.asarray(logit(np.clip(probabilities, FLOOR, 1 - FLOOR)), dtype=np.float64)
