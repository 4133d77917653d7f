"""Lifetime value of an account over one and three years: expected revenue times survival, discounted.

Each window of 90 days brings the expected revenue of the coming one, times the probability that the account has not
churned when it begins. Survival follows the churn model's curve, and its last hazard beyond half a year.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from features.percent import format_probability
from models.estimators.explanations import as_json
from models.survival.curves import SurvivalCurve

WINDOW_DAYS = 90
YEARLY_DISCOUNT = 0.10
VALUE_HORIZON_DAYS: Mapping[str, int] = {"lifetime_value_12": 365, "lifetime_value": 1095}
"""By column: one year and three. What lies beyond is not foreseeable, and a longer sum would pretend that it is."""

CHURN_DAYS: Mapping[str, int] = {"within_30": 30, "within_90": 90, "within_180": 180}
"""Columns of the churn probability, and their horizons."""


def lifetime_scores(expected: pd.DataFrame, churn: pd.DataFrame, currency: str) -> pd.DataFrame:
    """One row per account of ``expected`` (``account_id, value, low, high``): ``value, low, high`` over three years,
    ``lifetime_value_12`` over one, ``reasons``, ``horizon_days``, ``abstained``; revenue, before cost, in the currency.

    ``churn`` has ``account_id, within_30, value, within_180``. An account without a probability has churned already; it
    is worth the one window in which it may return. The bounds are those of the expected revenue.
    """
    rows = expected[["account_id", "value", "low", "high"]].merge(
        churn[["account_id", "within_30", "value", "within_180"]].rename(columns={"value": "within_90"}),
        on="account_id",
        how="left",
    )
    curve = churn_curve(rows[list(CHURN_DAYS)].to_numpy(dtype=np.float64))
    churned = rows["within_90"].isna().to_numpy()
    windows = {name: np.where(churned, 1.0, expected_windows(curve, days)) for name, days in VALUE_HORIZON_DAYS.items()}
    value = rows["value"].to_numpy(dtype=np.float64)
    three_years = windows["lifetime_value"]
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "value": (value * three_years).round(2),
            "low": (rows["low"].to_numpy(dtype=np.float64) * three_years).round(2),
            "high": (rows["high"].to_numpy(dtype=np.float64) * three_years).round(2),
            "lifetime_value_12": (value * windows["lifetime_value_12"]).round(2),
            "reasons": as_json(_explain(value, curve, churned, currency)),
            "horizon_days": VALUE_HORIZON_DAYS["lifetime_value"],
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def churn_curve(probabilities: Floats) -> SurvivalCurve:
    """Curves from rows × ``CHURN_DAYS`` of churn probabilities, of a constant hazard between and after these days."""
    return SurvivalCurve.from_incidence([*CHURN_DAYS.values()], probabilities, "constant_hazard").extended()


def expected_windows(curve: SurvivalCurve, days: int) -> Floats:
    """The expected number of windows that each account stays for within ``days``, discounted to today.

    Each window counts with the probability to be there at its start; one that the horizon cuts counts in part.
    """
    total = np.zeros(len(curve))
    for start in range(0, days, WINDOW_DAYS):
        fraction = min(WINDOW_DAYS, days - start) / WINDOW_DAYS
        total += fraction * curve.survival(start) * (1 + YEARLY_DISCOUNT) ** (-start / 365)
    return total


def _explain(expected: Floats, curve: SurvivalCurve, churned: Bools, currency: str) -> list[list[str]]:
    """The sentences of each row: its expected revenue, and its survival over one and three years."""
    one_year, three_years = np.nan_to_num(curve.survival(365)), np.nan_to_num(curve.survival(1095))
    method = f"Counts three years, a year ahead discounted by {YEARLY_DISCOUNT:.0%}"
    explanations = []
    for value, has_churned, in_one_year, in_three_years in zip(expected, churned, one_year, three_years, strict=True):
        first = f"Expected {value:,.0f} {currency} in the next {WINDOW_DAYS} days"
        if has_churned:
            explanations.append([first, "It has left already: only what it may bring in these days counts"])
        else:
            stays = (
                f"Stays for a year with {format_probability(in_one_year)}, for three with"
                f" {format_probability(in_three_years)}"
            )
            explanations.append([first, stays, method])
    return explanations
