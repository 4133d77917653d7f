"""Value of an account's future orders from its order history alone: a check on the lifetime value.

BG/NBD orders (Fader, Hardie and Lee, 2005) times the Gamma-Gamma mean spend (Fader and Hardie, 2013).
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from models.customer_value.lifetime_value import YEARLY_DISCOUNT
from models.estimators.bg_nbd import BetaGeoModel
from models.estimators.gamma_gamma import GammaGammaModel

YEARS = (1, 2, 3)
MIN_SPEND = 0.01
"""A cent: the mean spend of a Gamma-Gamma model is positive."""


def order_history_value(accounts: pd.DataFrame) -> "pd.Series[float]":
    """Expected spend over three years, discounted to today, of each account that only orders, by ``account_id``.

    Empty where too few accounts ordered again to fit the models, or where their spends have no mean. ``accounts`` hold
    ``account_id, days_since_first_order, days_since_order, order_days_ever, revenue_ever, days_subscribed``.
    """
    orderers = accounts[accounts["days_subscribed"].isna() & (accounts["order_days_ever"] > 0)]
    age = orderers["days_since_first_order"].to_numpy(dtype=np.float64)
    order_days = orderers["order_days_ever"].to_numpy(dtype=np.float64)
    revenue = orderers["revenue_ever"].to_numpy(dtype=np.float64)
    since_last = orderers["days_since_order"].to_numpy(dtype=np.float64)
    histories = pd.DataFrame(
        {
            "frequency": order_days - 1.0,
            "recency": np.where(order_days > 1, age - since_last, 0.0),
            "age": np.maximum(age, 1.0),
            "spend": np.maximum(revenue / np.maximum(order_days, 1.0), MIN_SPEND),
        }
    )
    try:
        orders_model, spend_model = BetaGeoModel().fit(histories), GammaGammaModel().fit(histories)
    except ValueError:  # too few ordered again, or spends have no mean
        return pd.Series(dtype="float64", index=pd.Index([], name="account_id"))
    cumulative = [np.zeros(len(histories)), *(orders_model.predict(histories, 365.0 * year) for year in YEARS)]
    by_year = [later - earlier for earlier, later in pairwise(cumulative)]
    discounted = sum(orders * (1 + YEARLY_DISCOUNT) ** -(year + 0.5) for year, orders in enumerate(by_year))
    return pd.Series((discounted * spend_model.predict(histories)).round(2), index=pd.Index(orderers["account_id"]))
