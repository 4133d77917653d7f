"""The formula of the revenue forecast: line items plus a residual that weighs top-down against bottom-up.

The forecast, its bridge and its scenarios share it.
"""

import numpy as np

from data.arrays import Floats
from data.statistics import safe_divide

FORECAST_MODELS = ("revenue", "subscription_churn", "expansion", "win")
"""Models with scores that enter the revenue forecast."""
PREVIOUS_SUFFIX = "_before"
"""Suffix of tables scored today by the model versions of the previous forecast."""


def residual_revenue(
    top_down: Floats, line_items: Floats, repeat_orders: Floats, new_business: Floats, top_down_weight: float
) -> Floats:
    """Revenue ahead that is not of a known contract or deal, never negative; all arrays have one shape.

    max(w (top_down − line_items) + (1 − w) (repeat_orders + new_business), 0), with w the weight of the top-down view.
    """
    bottom_up = repeat_orders + new_business
    residual = top_down_weight * (top_down - line_items) + (1 - top_down_weight) * bottom_up
    return np.asarray(np.maximum(residual, 0.0), dtype=np.float64)


def repeat_share(repeat_orders: Floats, new_business: Floats) -> Floats:
    """The share of the residual that is repeat orders; 1 where neither is expected."""
    return safe_divide(repeat_orders, repeat_orders + new_business, otherwise=1.0)
