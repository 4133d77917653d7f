"""What an account is worth over one year and three: what it brings, for as long as it is likely to stay.

The formula: windows of 90 days, each worth what is expected of the coming one, times the chance that the account has
not left when the window begins, discounted. The chance follows the churn model's curve; past half a year its last
hazard goes on. Beside it, for accounts that only order, stands what BG/NBD and Gamma-Gamma (``models.estimators.bg_nbd``) expect
of their order history alone: where the two lie far apart, one of them sees what the other does not.
"""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from features.percent import format_probability
from models.estimators.bg_nbd import BetaGeoModel
from models.estimators.gamma_gamma import GammaGammaModel
from models.estimators.explanations import as_json

WINDOW_DAYS = 90
YEARLY_DISCOUNT = 0.10
DAYS: Mapping[str, int] = {"lifetime_value_12": 365, "lifetime_value": 1095}
"""One year and three: what lies beyond is not foreseeable, and a longer sum would pretend that it is."""

LONGEST = "lifetime_value"
POINTS = (0.0, 30.0, 90.0, 180.0)
"""Days for which the chance to have left is known."""


def lifetime_scores(expected: pd.DataFrame, churn: pd.DataFrame, currency: str) -> pd.DataFrame:
    """One row per account of ``expected`` (``account_id, value, low, high``): ``value, low, high`` over three years,
    ``lifetime_value_12`` over one, ``reasons``, ``horizon_days``, ``abstained``; revenue, before cost, in the currency.

    ``churn`` has ``account_id, within_30, value, within_180``; an account without a chance to leave has left already,
    and is worth the one window in which it may come back. Bounds are those of the expected revenue, carried through.
    """
    rows = expected[["account_id", "value", "low", "high"]].merge(
        churn[["account_id", "within_30", "value", "within_180"]].rename(columns={"value": "within_90"}),
        on="account_id",
        how="left",
    )
    stays = staying(rows[["within_30", "within_90", "within_180"]].to_numpy(dtype=np.float64))
    gone = np.isnan(rows["within_90"].to_numpy(dtype=np.float64))
    windows = {name: np.where(gone, 1.0, windows_of(stays, days)) for name, days in DAYS.items()}
    value = rows["value"].to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "value": (value * windows[LONGEST]).round(2),
            "low": (rows["low"].to_numpy(dtype=np.float64) * windows[LONGEST]).round(2),
            "high": (rows["high"].to_numpy(dtype=np.float64) * windows[LONGEST]).round(2),
            "lifetime_value_12": (value * windows["lifetime_value_12"]).round(2),
            "reasons": as_json(_reasons(value, stays, gone, currency)),
            "horizon_days": DAYS[LONGEST],
            "abstained": pd.Series([None] * len(rows), dtype=object),
        }
    )


def staying(left: Floats) -> Floats:
    """Rows × points: the chance that an account still stays after 0, 30, 90 and 180 days; ``left``: that it has left
    within 30, 90 and 180."""
    return np.maximum(np.hstack([np.ones((len(left), 1)), 1.0 - left]), 1e-9)


def stays_for(stays: Floats, days: float) -> Floats:
    """The chance to stay for so many days: straight between the points on the scale of hazards, and past the last one
    as between the last two."""
    logs = np.log(stays)
    if days >= POINTS[-1]:
        slope = (logs[:, -1] - logs[:, -2]) / (POINTS[-1] - POINTS[-2])
        return np.asarray(np.exp(logs[:, -1] + slope * (days - POINTS[-1])))
    place = int(np.searchsorted(POINTS, days, side="right")) - 1
    share = (days - POINTS[place]) / (POINTS[place + 1] - POINTS[place])
    return np.asarray(np.exp(logs[:, place] + share * (logs[:, place + 1] - logs[:, place])))


def windows_of(stays: Floats, days: int) -> Floats:
    """How many of the coming windows an account is worth within so many days, discounted; a part of one counts as such.

    Each is weighed with the chance to stay until it begins, as the coming one is known to begin now.
    """
    total = np.zeros(len(stays))
    for begins in range(0, days, WINDOW_DAYS):
        part = min(WINDOW_DAYS, days - begins) / WINDOW_DAYS
        total += part * stays_for(stays, float(begins)) * (1 + YEARLY_DISCOUNT) ** (-begins / 365)
    return total


def bought_again(accounts: pd.DataFrame) -> "pd.Series[float]":
    """What BG/NBD and Gamma-Gamma expect over three years of each account that only orders, discounted; by
    ``account_id``. Empty where too few came back to know, or where spends have no mean.

    ``accounts`` hold ``account_id, days_since_first_order, days_since_order, order_days_ever, revenue_ever,
    days_subscribed``.
    """
    only_orders = accounts[accounts["days_subscribed"].isna() & (accounts["order_days_ever"] > 0)]
    age = only_orders["days_since_first_order"].to_numpy(dtype=np.float64)
    visits = only_orders["order_days_ever"].to_numpy(dtype=np.float64)
    spend = np.maximum(only_orders["revenue_ever"].to_numpy(dtype=np.float64) / np.maximum(visits, 1.0), 0.01)
    histories = pd.DataFrame(
        {
            "frequency": visits - 1.0,
            "recency": np.where(visits > 1, age - only_orders["days_since_order"].to_numpy(dtype=np.float64), 0.0),
            "age": np.maximum(age, 1.0),
            "spend": spend,
        }
    )
    try:
        buying, spending = BetaGeoModel().fit(histories), GammaGammaModel().fit(histories)
    except ValueError:  # too few came back, or spends have no mean: there is nothing beside the formula
        return pd.Series(dtype="float64", index=pd.Index([], name="account_id"))
    orders = [np.zeros(len(histories)), *(buying.predict(histories, 365.0 * year) for year in (1, 2, 3))]
    years = [later - before for before, later in pairwise(orders)]
    discounted = sum(came * (1 + YEARLY_DISCOUNT) ** -(year + 0.5) for year, came in enumerate(years))
    return pd.Series((discounted * spending.predict(histories)).round(2), index=pd.Index(only_orders["account_id"]))


def _reasons(expected: Floats, stays: Floats, gone: NDArray[np.bool_], currency: str) -> list[list[str]]:
    year, three = stays_for(stays, 365.0), stays_for(stays, 1095.0)
    counts = f"Counts three years, a year ahead discounted by {YEARLY_DISCOUNT:.0%}"
    return [
        [
            f"Expected {value:,.0f} {currency} in the next {WINDOW_DAYS} days",
            *(
                ["It has left already: only what it may bring in these days counts"]
                if left
                else [f"Stays for a year with {format_probability(one)}, for three with {format_probability(all_)}", counts]
            ),
        ]
        for value, left, one, all_ in zip(expected, gone, np.nan_to_num(year), np.nan_to_num(three), strict=True)
    ]
