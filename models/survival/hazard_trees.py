"""Discrete-time hazards of an event by gradient-boosted trees on person-period rows (Singer and Willett, 1993)."""

from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.special import expit

from data.arrays import Floats
from features.labels.time_to_event import N_PERIODS
from models.estimators.calibration import Calibration
from models.estimators.gradient_boosting import BOOSTING_PARAMS, N_TREES, Encoding
from models.survival.baseline_hazards import BandedHazards
from models.survival.censoring import PERIOD_ENDS
from models.survival.curves import SurvivalCurve
from models.survival.person_periods import (
    CALENDAR,
    MEAN_YEAR_DAYS,
    coming_periods,
    days_observed,
    observed_periods,
    person_period_rows,
)

HAZARD_TREE_PARAMS: dict[str, Any] = {**BOOSTING_PARAMS, "num_leaves": 8, "trees": N_TREES}
"""Smaller trees than elsewhere: an event is in the rows of up to six dates, and is memorized that many times."""
SEASON_WEIGHT = 0.3
"""Split gains of the time of the year count this much: one or two observed years hold few seasons."""


@dataclass(frozen=True)
class HazardTrees:
    """Trees with the calibration of their hazards and, if any, the ``baseline`` whose log-odds they start from."""

    booster: lgb.Booster
    encoding: Encoding
    calibration: Calibration
    baseline: BandedHazards | None = None

    @classmethod
    def fit(
        cls,
        encoding: Encoding,
        episodes: pd.DataFrame,
        seed: int,
        params: dict[str, Any],
        calibration: Calibration,
        baseline: BandedHazards | None = None,
    ) -> "HazardTrees":
        """Trees fitted to all observed periods of the episodes; ``params`` override ``HAZARD_TREE_PARAMS``."""
        rows, events = person_period_rows(encoding, episodes)
        if days_observed(episodes) < MEAN_YEAR_DAYS:
            rows[CALENDAR.name] = np.nan  # in less than a year it is the trend, which misleads in the other months
        merged = {**HAZARD_TREE_PARAMS, "seed": seed, "objective": "binary", **params}
        n_trees = int(merged.pop("trees"))
        merged["feature_contri"] = [1.0] * (rows.shape[1] - 1) + [SEASON_WEIGHT]
        data = lgb.Dataset(
            rows,
            events,
            init_score=None if baseline is None else baseline.log_odds(episodes)[observed_periods(episodes)],
            categorical_feature=list(encoding.categories),
            params={"max_bin": merged["max_bin"], "verbosity": -1},
        )
        return cls(lgb.train(merged, data, num_boost_round=n_trees), encoding, calibration, baseline)

    def with_calibration(self, calibration: Calibration) -> "HazardTrees":
        """The same trees, calibrated differently."""
        return replace(self, calibration=calibration)

    def raw_hazards(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: the trees' own hazards, 0.5 where they do not move a row from the offset."""
        if rows.empty:
            return np.zeros((0, N_PERIODS))
        log_odds = np.asarray(self.booster.predict(coming_periods(self.encoding, rows), raw_score=True))
        return np.asarray(expit(log_odds.astype(np.float64).reshape(len(rows), N_PERIODS)))

    def offset(self, rows: pd.DataFrame) -> Floats:
        """Rows × periods: the log-odds that the trees start from."""
        return np.zeros((len(rows), N_PERIODS)) if self.baseline is None else self.baseline.log_odds(rows)

    def predict(self, rows: pd.DataFrame) -> SurvivalCurve:
        """The cumulative incidence of each row, from its calibrated hazards."""
        hazards = self.calibration.apply(self.raw_hazards(rows), self.offset(rows))
        return SurvivalCurve.from_hazards(PERIOD_ENDS, hazards)
