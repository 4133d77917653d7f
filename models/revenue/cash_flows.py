"""Expected revenue of each contract and each open deal, by sub-period.

A running contract brings its monthly amount as long as it stays, and what it grows by. An open deal brings what won
deals of its kind brought: a share of its amount at once, and a share of it each month from then on.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.arrays import Floats
from data.statistics import safe_divide
from features.revenue.dimensions import DIMENSIONS
from models.revenue.period_grid import PeriodGrid
from models.survival.curves import SurvivalCurve

MIN_WIN_PROBABILITY = 1e-9


@dataclass(frozen=True)
class CashFlows:
    """Expected revenue of ``items`` (one row per contract or deal: ``kind, key`` and its dimensions), as items ×
    sub-periods: ``recurring``, ``expansion`` and ``open_deals``; zeros before the date.

    ``potential`` is what a contract would bring if it surely stayed, and a deal if it were surely won by then.
    """

    items: pd.DataFrame
    recurring: Floats
    expansion: Floats
    open_deals: Floats
    potential: Floats

    @property
    def total(self) -> Floats:
        """All that each item is expected to bring."""
        return self.recurring + self.expansion + self.open_deals

    @classmethod
    def concat(cls, first: "CashFlows", second: "CashFlows") -> "CashFlows":
        """The items of both, those of ``first`` before those of ``second``."""
        items = pd.concat([first.items, second.items], ignore_index=True)
        names = ("recurring", "expansion", "open_deals", "potential")
        return cls(items, *(np.vstack([getattr(first, name), getattr(second, name)]) for name in names))


def contract_items(contracts: pd.DataFrame) -> pd.DataFrame:
    """One item per contract (``features.revenue.bookings.subscription_bookings``)."""
    names = ["account_id", "product_id", *DIMENSIONS, "mrr", "started", "term"]
    return contracts[names].assign(kind="contract", key=contracts["subscription_id"]).reset_index(drop=True)


def deal_items(deals: pd.DataFrame) -> pd.DataFrame:
    """One item per open deal (``features.revenue.bookings.open_deal_bookings`` with ``BaseRates.with_yields``)."""
    yields = ["one_off_yield", "recurring_yield"]
    names = ["account_id", "product_id", *DIMENSIONS, "amount", *yields, "stage", "due", "created"]
    return deals[names].assign(kind="deal", key=deals["opportunity_id"]).reset_index(drop=True)


def contract_cash_flows(
    items: pd.DataFrame, churn: SurvivalCurve, expansion: SurvivalCurve, uplift: float, grid: PeriodGrid
) -> CashFlows:
    """Cash flows of running contracts: mrr · S(t), and mrr · S(t) · G(t) · ``uplift`` as expansion.

    t is the midpoint of each sub-period, S the survival by ``churn``, G the probability of ``expansion`` if it stays.
    """
    midpoints = grid.start_day + grid.days / 2
    share = np.where(grid.ahead, grid.month_share, 0.0)[None, :]
    potential = items["mrr"].to_numpy(dtype=np.float64)[:, None] * share
    survival = 1 - churn.within_all(midpoints)
    expanded = potential * survival * expansion.within_all(midpoints) * uplift
    return CashFlows(items, potential * survival, expanded, np.zeros_like(potential), potential)


def deal_cash_flows(items: pd.DataFrame, won: SurvivalCurve, grid: PeriodGrid) -> CashFlows:
    """Cash flows of open deals: the one-off share of the amount when a deal is won, the recurring share from then on.

    ``items`` hold ``amount`` and its shares ``one_off_yield`` and, per month, ``recurring_yield``; ``won`` is the
    cumulative incidence of winning: no win is expected after its last knot.
    """
    amount, one_off, recurring = (
        items[name].to_numpy(dtype=np.float64)[:, None] for name in ("amount", "one_off_yield", "recurring_yield")
    )
    start = np.maximum(grid.start_day, 0.0)
    end = np.maximum(grid.start_day + grid.days, 0.0)
    share = np.where(grid.ahead, grid.month_share, 0.0)[None, :]
    won_in_it = np.where(grid.ahead, won.within_all(end) - won.within_all(start), 0.0)
    won_so_far = won.within_all((start + end) / 2) * share
    expected = amount * (one_off * won_in_it + recurring * won_so_far)
    ever_won = won.at_knots[:, -1:]
    if_won = safe_divide(1.0, ever_won, where=ever_won > MIN_WIN_PROBABILITY)
    nothing = np.zeros_like(expected)
    return CashFlows(items, nothing, nothing.copy(), expected, expected * np.maximum(if_won, 1.0))
