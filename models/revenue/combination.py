"""The weight of the top-down against the bottom-up forecast, from the total's forecasts at past origins."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.forecaster import ENSEMBLE
from models.forecasting.method import BASELINE
from models.revenue.run_rate_backtest import RunRateBacktest

PRIOR_ORIGINS = 4.0
"""How many origins the prior weight of a half counts for."""
PRIOR_WEIGHT = 0.5
MIN_EARLIER_ORIGINS = 6
"""Earlier origins that the run rates of the bottom-up forecast need."""


@dataclass(frozen=True)
class Combination:
    """``top_down_weight`` by what ships (``model`` or ``baseline``), and the accuracy of both forecasts and of the two
    combined, as ``metrics``."""

    top_down_weight: dict[str, float]
    metrics: dict[str, float]


@dataclass(frozen=True)
class OriginForecasts:
    """Forecasts and actuals of the total by months ahead, from one past origin."""

    top_down: Floats
    bottom_up: Floats
    actuals: Floats


def combine_forecasts(run_rates: RunRateBacktest, backtest: pd.DataFrame, n_months: int) -> Combination:
    """The combination fitted to ``backtest``, the forecasts of the months' forecaster at past origins.

    The weight is that of least squares (Bates & Granger 1969), in 0 … 1, shrunk towards a half.
    """
    origins = {
        ships: _origins(run_rates, backtest, method, n_months)
        for ships, method in (("model", ENSEMBLE), ("baseline", BASELINE))
    }
    weights = {ships: top_down_weight(of_method) for ships, of_method in origins.items()}
    return Combination(weights, _accuracy(origins["model"], weights["model"]))


def top_down_weight(origins: list[OriginForecasts]) -> float:
    """argmin over w of Σ (w · top-down + (1 − w) · bottom-up − actual)², shrunk by ``PRIOR_ORIGINS``."""
    difference = sum(float(np.square(origin.top_down - origin.bottom_up).sum()) for origin in origins)
    covariance = sum(
        float(((origin.top_down - origin.bottom_up) * (origin.actuals - origin.bottom_up)).sum()) for origin in origins
    )
    best = float(np.clip(covariance / difference, 0.0, 1.0)) if difference else PRIOR_WEIGHT
    return (best * len(origins) + PRIOR_WEIGHT * PRIOR_ORIGINS) / (len(origins) + PRIOR_ORIGINS)


def _origins(run_rates: RunRateBacktest, backtest: pd.DataFrame, method: str, n_months: int) -> list[OriginForecasts]:
    """The origins of the backtest at which the run rates were known too."""
    row_of = {int(origin): row for row, origin in enumerate(run_rates.origin)}
    origins = []
    for cutoff, rows in backtest[backtest["unique_id"] == "total"].groupby("cutoff"):
        row = row_of.get(n_months - int(str(cutoff)))
        if row is not None and row >= MIN_EARLIER_ORIGINS:
            steps = rows["step"].to_numpy(dtype=np.int64) - 1
            top_down, actuals = (rows[name].to_numpy(dtype=np.float64) for name in (method, "y"))
            origins.append(OriginForecasts(top_down, run_rates.forecast_from(row)[steps], actuals))
    return origins


def _accuracy(origins: list[OriginForecasts], weight: float) -> dict[str, float]:
    """WAPE of the total, of each forecast and of the two combined."""
    revenue = sum(float(np.abs(origin.actuals).sum()) for origin in origins)
    if not revenue:
        return {}

    def wape(share: float) -> float:
        forecasts = [(share * origin.top_down + (1 - share) * origin.bottom_up, origin.actuals) for origin in origins]
        return sum(float(np.abs(forecast - actuals).sum()) for forecast, actuals in forecasts) / revenue

    return {
        "total WAPE top-down": wape(1.0),
        "total WAPE bottom-up": wape(0.0),
        "total WAPE combined": wape(weight),
    }
