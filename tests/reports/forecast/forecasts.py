"""Revenue forecasts of small companies, assembled from top-down forecasts and base rates that the test states."""

from typing import Any

import numpy as np
import pandas as pd

from features.company import Company
from models.deals.competing_risks import EDGES
from models.revenue.assembly import RevenueForecast, assemble_forecast
from models.revenue.base_rates import BaseRates
from models.revenue.forecast_parameters import ForecastParameters
from models.revenue.period_grid import PeriodGrid

RATES: dict[str, Any] = {
    "churn_rate": 0.02,
    "expansion_rate": 0.0,
    "expansion_uplift": 0.0,
    "win_rates": {"": 0.3, "early": 0.2, "late": 0.6},
    "sales_cycle_days": 60.0,
    "typical_amount": 1_000.0,
    "one_off_yield": {"": 0.5},
    "recurring_yield": {"": 0.05},
    "repeat_rate": (0.5,) * 12,
    "new_business_rate": (0.1,) * 12,
}


def stated_frames(
    company: Company, month: float = 3_000.0, weight: float = 0.4, **rates: Any
) -> dict[str, pd.DataFrame]:
    """Top-down forecasts of one market in which every month brings the same, and base rates."""
    grid, tables = PeriodGrid.from_date(company.as_of), []
    for node in ("total", "all"):
        for grain, periods in (("month", grid.months), ("week", grid.weeks)):
            point = month if grain == "month" else month * 7 / 30.4375
            bounds = {f"{side}_{width}": point * (1 + sign * width / 200)
                      for width in (50, 80, 95) for side, sign in (("low", -1), ("high", 1))}  # fmt: skip
            rows = pd.DataFrame({"period": periods}).assign(point=point, **bounds)
            tables.append(rows.assign(hierarchy="market", node=node, level=node, is_leaf=node == "all", grain=grain,
                                      method="stated", notes=""))  # fmt: skip
    parameters = ForecastParameters(BaseRates(**RATES | rates), weight, np.ones(7), "revenue v1")
    return {
        "top_down_forecasts": pd.concat(tables, ignore_index=True),
        "forecast_parameters": parameters.to_frame(),
    }


def forecast_of(company: Company, scores: dict[str, pd.DataFrame] | None = None, **stated: Any) -> RevenueForecast:
    """The forecast of a company by what is stated; ``scores`` are frames of other models."""
    return assemble_forecast(company, {**stated_frames(company, **stated), **(scores or {})})


def win_scores(key: str, probability: float, amount: float) -> dict[str, pd.DataFrame]:
    """Scores of one deal: the probability of being won in the end, reached evenly, and its expected amount."""
    days = EDGES[1:]
    curve = pd.DataFrame({"opportunity_id": key, "days": days, "won": [probability * day / days[-1] for day in days]})
    return {"win": pd.DataFrame({"opportunity_id": [key], "expected_amount": [amount]}), "win_curves": curve}
