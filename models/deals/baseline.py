"""The pooled rates that trees of deals are tested against, and that may decide between won and lost instead."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.statistics import mean_gain
from models.deals.competing_risks import WinCurves
from models.deals.partial_pooling import PooledRates, baseline_name
from models.deals.time_split import WIN_HORIZON_DAYS, DealSplit, won_within_horizon
from models.evaluation.baseline import best_of
from models.evaluation.metrics import log_losses

LEVELS: tuple[tuple[str, ...], ...] = (("stage", "kind"), ("stage",), ())
"""Strata of the baselines: the deal's stage and kind, its stage, none."""


@dataclass(frozen=True)
class BaselineChoice:
    """The baseline with the lowest log loss: its strata, its name, and its probabilities on the test rows."""

    levels: tuple[str, ...]
    name: str
    probabilities: Floats


def choose_baseline(split: DealSplit, level: float) -> BaselineChoice:
    """The best pooled rates on the test rows; a flat one competes at ``level``, the model's mean prediction, too."""
    predictions = {levels: predict_pooled(split, levels).within(WIN_HORIZON_DAYS) for levels in LEVELS}
    levels, probabilities = best_of(predictions, won_within_horizon(split.test), flat=(), level=level)
    return BaselineChoice(levels, baseline_name(levels), probabilities)


def choose_win_shares(split: DealSplit) -> tuple[tuple[str, ...], WinCurves]:
    """The strata of the pooled rates that discriminate won from lost best on closed test deals, and their curves."""
    curves = {levels: predict_pooled(split, levels) for levels in LEVELS}
    best = min(LEVELS, key=lambda levels: float(eventual_losses(curves[levels], split.test).mean()))
    return best, curves[best]


def predict_pooled(split: DealSplit, levels: tuple[str, ...]) -> WinCurves:
    """Curves of the test rows, by pooled rates of each fold's training rows."""
    return WinCurves.concatenate([PooledRates.fit(fold.train, levels).predict(fold.test) for fold in split.folds])


def beats_pooled_rates(curves: WinCurves, pooled: WinCurves, test: pd.DataFrame) -> bool:
    """Whether curves discriminate won from lost better than pooled rates: by more than one standard error of the mean
    gain, with each deal as one observation."""
    deals = test.loc[test["days"].notna().to_numpy(), "opportunity_id"].to_numpy()
    return mean_gain(eventual_losses(pooled, test), eventual_losses(curves, test), clusters=deals).exceeds(1.0)


def eventual_losses(curves: WinCurves, test: pd.DataFrame) -> Floats:
    """Log losses of the probability to be won in the end, for the closed test deals."""
    closed = test["days"].notna().to_numpy()
    return log_losses(curves.eventually[closed], test["won"].to_numpy(dtype=np.float64)[closed])
