"""The published revenue forecast under other prices, churn, win rates or hiring, by arithmetic on its components."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.outputs.score_tables import REVENUE_COMPONENTS
from data.statistics import safe_divide
from features.revenue.forecast_formula import repeat_share, residual_revenue

MEAN_MONTH_DAYS = 365.25 / 12
MIN_CHANGE, MAX_CHANGE = -100, 1000


@dataclass(frozen=True)
class Changes:
    """Changes in percent; 0 is no change. Raises ``ValueError`` below −100 % or above 1000 %.

    ``price`` +x %: everything sold from now on brings x % more, a contract from the end of its term on (without a term,
    after the current month). ``churn`` +x %: the hazard of each contract is x % higher, and the expansion of what is
    lost is lost too. ``win`` +x %: each open deal is x % more likely to be won, up to certainty, and so are future
    deals. ``hiring`` +x %: x % more deals are created from now on: they bring nothing for one sales cycle, everything
    after two.
    """

    price: float = 0.0
    churn: float = 0.0
    win: float = 0.0
    hiring: float = 0.0

    def __post_init__(self) -> None:
        wrong = [f"{name} {value:g} %" for name, value in vars(self).items() if not MIN_CHANGE <= value <= MAX_CHANGE]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a change lies between {MIN_CHANGE} and {MAX_CHANGE} %")

    @property
    def description(self) -> str:
        """The changes as text: ``price +5 %``."""
        changed = [f"{name} {value:+g} %" for name, value in vars(self).items() if value]
        return ", ".join(changed) or "nothing changed"

    @property
    def factors(self) -> dict[str, float]:
        """The factor of each change."""
        return {name: 1 + value / 100 for name, value in vars(self).items()}


def scenario(line_items: pd.DataFrame, drivers: pd.DataFrame, changes: Changes, as_of: date) -> pd.DataFrame:
    """One row per month of the total: ``month, point, changed``, and the difference in each of ``REVENUE_COMPONENTS``.

    A calculation on the components of a forecast (``models.revenue.forecast_table``), not a forecast of how customers
    would respond.
    """
    factors, now = changes.factors, pd.Timestamp(as_of)
    differences = [_residual_differences(line_items, drivers, factors, now), _item_differences(line_items, factors)]
    residual, items = (rows.groupby("month").sum() for rows in differences)
    components = residual.join(items, how="outer").fillna(0.0)
    point = drivers.groupby("month")["point"].sum()
    rows = components[list(REVENUE_COMPONENTS)].reindex(point.index).fillna(0.0).round(2)
    return rows.assign(point=point, changed=(point + rows.sum(axis=1)).round(2)).reset_index()


def _residual_differences(
    line_items: pd.DataFrame, drivers: pd.DataFrame, factors: dict[str, float], as_of: pd.Timestamp
) -> pd.DataFrame:
    """One row per leaf and month: the differences in ``new_deals`` and ``repeat_orders``."""
    top_down, repeat_orders, new_business = (
        drivers[name].to_numpy(dtype=np.float64) for name in ("top_down", "repeat_orders", "new_business")
    )
    index = pd.MultiIndex.from_frame(drivers[["leaf", "month"]])
    expected = line_items.groupby(["leaf", "month"])["expected"].sum().reindex(index).fillna(0.0)
    weight = float(drivers["top_down_weight"].iloc[0])
    residual = residual_revenue(top_down, expected.to_numpy(dtype=np.float64), repeat_orders, new_business, weight)
    repeated = repeat_share(repeat_orders, new_business)
    closed = _share_closed(drivers["month"], float(drivers["sales_cycle_days"].iloc[0]), as_of)
    deals = factors["win"] * factors["price"] * (1 + (factors["hiring"] - 1) * closed)
    return pd.DataFrame(
        {
            "month": drivers["month"],
            "new_deals": residual * (1 - repeated) * (deals - 1),
            "repeat_orders": residual * repeated * (factors["price"] - 1),
        }
    )


def _item_differences(line_items: pd.DataFrame, factors: dict[str, float]) -> pd.DataFrame:
    """One row per line item and month: the differences in ``recurring``, ``expansion`` and ``open_deals``."""
    recurring, expansion, open_deals, potential = (
        line_items[name].to_numpy(dtype=np.float64) for name in ("recurring", "expansion", "open_deals", "potential")
    )
    is_contract = (line_items["kind"] == "contract").to_numpy() & (potential > 0)
    survival = safe_divide(recurring, potential, otherwise=1.0, where=is_contract)
    changed_survival = np.power(np.clip(survival, 0.0, 1.0), factors["churn"])
    month_under_way = line_items["month"].min()
    renewal = line_items["term"].fillna(month_under_way) if len(line_items) else line_items["term"]
    renewed = (line_items["month"] >= renewal) & (line_items["month"] > month_under_way)
    price = np.where(renewed, factors["price"], 1.0)
    changed_recurring = np.where(is_contract, potential * changed_survival * price, recurring)
    retained = safe_divide(changed_survival, survival, otherwise=1.0)
    changed_deals = np.minimum(open_deals * factors["win"], np.maximum(potential, open_deals))
    return pd.DataFrame(
        {
            "month": line_items["month"],
            "recurring": changed_recurring - recurring,
            "expansion": expansion * (retained * factors["price"] - 1),
            "open_deals": changed_deals * factors["price"] - open_deals,
        }
    )


def _share_closed(months: pd.Series, sales_cycle_days: float, as_of: pd.Timestamp) -> Floats:
    """By month, the share of additional deals that has closed: none for one sales cycle, all after two."""
    days_to_mid_month = (months - as_of).dt.days.to_numpy(dtype=np.float64) + MEAN_MONTH_DAYS / 2
    share: Floats = np.clip((days_to_mid_month - sales_cycle_days) / max(sales_cycle_days, 1.0), 0.0, 1.0)
    return share
