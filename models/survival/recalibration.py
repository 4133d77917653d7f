"""Cross-fitted hazard trees and what is estimated out of fold: their calibration, their level and their intervals.

Trees memorize some of the few hundred events that they are fitted on; held-out accounts show by how much. (Trees fitted
on earlier dates have fewer rows and memorize more of them: their correction would be too strong.)
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from data.arrays import Floats
from models.estimators.calibration import MAX_INTERCEPT, UNCALIBRATED, Calibration
from models.estimators.gradient_boosting import Encoding
from models.survival.baseline_hazards import BandedHazards
from models.survival.censoring import (
    HORIZON_DAYS,
    MIN_EPISODES,
    PERIOD_ENDS,
    TEST_PERIODS,
    event_within,
    fully_observed,
    starting_on,
)
from models.survival.curves import SurvivalCurve
from models.survival.hazard_spec import HazardSpec
from models.survival.hazard_trees import HazardTrees
from models.survival.person_periods import observed_periods, person_period_rows

N_ACCOUNT_FOLDS = 3
"""Of accounts."""


@dataclass(frozen=True)
class OutOfFold:
    """Trees, and episodes of accounts that they were not fitted on."""

    trees: HazardTrees
    episodes: pd.DataFrame

    def on(self, dates: tuple[date, ...]) -> "OutOfFold":
        """The same, with the episodes of some dates."""
        return replace(self, episodes=starting_on(self.episodes, dates))


@dataclass(frozen=True)
class CrossFit:
    """Trees fitted on all accounts, and per fold trees fitted without its accounts (none for a single account)."""

    trees: HazardTrees
    folds: tuple[OutOfFold, ...]

    def with_calibration(self, calibration: Calibration) -> "CrossFit":
        """The same, all trees calibrated differently."""
        folds = tuple(replace(fold, trees=fold.trees.with_calibration(calibration)) for fold in self.folds)
        return CrossFit(self.trees.with_calibration(calibration), folds)


def cross_fit(spec: HazardSpec, episodes: pd.DataFrame, seed: int, params: dict[str, Any]) -> CrossFit:
    """Trees fitted on all episodes and on those of all accounts but one fold's, calibrated out of fold."""
    accounts, names = pd.factorize(episodes[spec.account], sort=True)
    n_folds = min(N_ACCOUNT_FOLDS, len(names))
    fold_of = np.random.default_rng(seed).permutation(np.arange(len(names)) % max(n_folds, 1))[accounts]
    folds = tuple(
        OutOfFold(
            fit_hazard_trees(spec, episodes[fold_of != fold], seed, params, UNCALIBRATED), episodes[fold_of == fold]
        )
        for fold in range(n_folds if n_folds > 1 else 0)
    )
    calibration = fit_hazard_calibration(folds)
    return CrossFit(fit_hazard_trees(spec, episodes, seed, params, calibration), folds).with_calibration(calibration)


def fit_hazard_trees(
    spec: HazardSpec, episodes: pd.DataFrame, seed: int, params: dict[str, Any], calibration: Calibration
) -> HazardTrees:
    """Trees of the specification, fitted on all the episodes; from its baseline on where that counts down to a date."""
    encoding = Encoding.fit(spec.features, spec.categories, episodes, spec.due)
    baseline = BandedHazards.fit(spec.bands, episodes) if spec.bands.counts_down else None
    return HazardTrees.fit(encoding, episodes, seed, params, calibration, baseline)


def fit_hazard_calibration(folds: Iterable[OutOfFold]) -> Calibration:
    """Platt scaling of the hazards, fitted on all observed periods out of fold; none if these have a single outcome."""
    columns = [np.zeros((3, 0))]
    for fold in folds:
        observed = observed_periods(fold.episodes)
        raw, offset = fold.trees.raw_hazards(fold.episodes), fold.trees.offset(fold.episodes)
        events = person_period_rows(fold.trees.encoding, fold.episodes)[1]
        columns.append(np.array([raw[observed], offset[observed], events]))
    raw, offset, events = np.hstack(columns)
    return Calibration.fit(raw, events, offset) if 0 < events.sum() < len(events) else UNCALIBRATED


def recalibrate_in_the_large(spec: HazardSpec, fitted: CrossFit, rows: pd.DataFrame) -> HazardTrees:
    """The trees, their intercept shifted so that the mean prediction of ``rows`` equals the mean out-of-fold one.

    For a terminal event only: accounts still at risk survived all training periods, which the trees have memorized, so
    that they predict too few events for all of them (survivor bias). Only the level is corrected; the order is kept.
    The outcomes of ``rows`` are not used.
    """
    if not spec.terminal or not fitted.folds or rows.empty:
        return fitted.trees
    predictions = np.array([fold.trees.predict(rows).within(HORIZON_DAYS) for fold in fitted.folds])
    held_out = np.array([rows[spec.account].isin(fold.episodes[spec.account]) for fold in fitted.folds])
    held_out |= ~held_out.any(axis=0)  # no fold was fitted on an account that is new
    target = float(np.average(predictions, weights=held_out, axis=0).mean())
    raw, offset, calibration = fitted.trees.raw_hazards(rows), fitted.trees.offset(rows), fitted.trees.calibration

    def shifted(by: float) -> Calibration:
        return replace(calibration, intercept=calibration.intercept + by)

    def excess(by: float) -> float:
        curve = SurvivalCurve.from_hazards(PERIOD_ENDS, shifted(by).apply(raw, offset))
        return float(curve.within(HORIZON_DAYS).mean()) - target

    shift = float(brentq(excess, -MAX_INTERCEPT, MAX_INTERCEPT))
    return fitted.trees.with_calibration(shifted(shift))


def fit_interval(folds: Iterable[OutOfFold], periods: int, widening: float) -> Calibration:
    """The interval of the probability within ``periods``, from dates on which all outcomes within them are known.

    With too few episodes of such dates: the interval of the test horizon, widened twice. ``widening`` is in log-odds.
    """
    folds = list(folds)
    dates = tuple(fully_observed(pd.concat([fold.episodes for fold in folds]), periods)["as_of"].unique())
    observed = [fold.on(dates) for fold in folds]
    if sum(len(fold.episodes) for fold in observed) < MIN_EPISODES:
        return fit_interval(folds, TEST_PERIODS, 2 * widening) if periods != TEST_PERIODS else UNCALIBRATED
    days = PERIOD_ENDS[periods - 1]
    predictions: Floats = np.concatenate([fold.trees.predict(fold.episodes).within(days) for fold in observed])
    outcomes = np.concatenate([event_within(fold.episodes, periods) for fold in observed])
    return Calibration.without_scaling(predictions, outcomes, widening)
