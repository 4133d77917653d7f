"""The revenue history of a company and the forecasters fitted to it, prepared once for training, evaluation and scores.

A snapshot is identified by the digest of its data and by its date, so that what is kept is never another company's.
"""

from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import pandas as pd

from data.arrays import Floats
from features.company import Company, data_digest
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import fit_global_trees
from models.model import Abstention
from models.revenue.top_down import MAIN_HIERARCHY, RevenueHierarchy, revenue_hierarchies

if TYPE_CHECKING:
    import lightgbm as lgb

MIN_MONTHS = 18
"""A year to know the season, and two quarters of forecasts that can be compared with their actuals."""
MAX_KEPT_FORECASTERS = 8
MONTHLY = f"{MAIN_HIERARCHY} month"


@dataclass(frozen=True)
class Snapshot:
    """A company, equal to another of the same data, date, time zone and seed."""

    digest: str
    as_of: date
    timezone: str
    seed: int
    company: Company = field(compare=False, repr=False)

    @classmethod
    def of(cls, company: Company) -> "Snapshot":
        """The company with the digest of its data."""
        return cls(data_digest(company), company.as_of, company.timezone, company.seed, company)


@dataclass(frozen=True)
class RevenueHistory:
    """The hierarchies of a company as of its date, by key, and its total revenue (``actuals``) by complete month."""

    hierarchies: dict[str, RevenueHierarchy]
    months: pd.DatetimeIndex
    actuals: Floats

    @property
    def total(self) -> "pd.Series[float]":
        """Total revenue by month."""
        return pd.Series(self.actuals, index=self.months)


@lru_cache(maxsize=1)
def revenue_history(snapshot: Snapshot) -> RevenueHistory | Abstention:
    """The history of a snapshot; an abstention with fewer than ``MIN_MONTHS`` complete months."""
    hierarchies = {hierarchy.key: hierarchy for hierarchy in revenue_hierarchies(snapshot.company)}
    total = hierarchies[MONTHLY].series.groupby("ds")["y"].sum()
    if len(total) < MIN_MONTHS:
        reason = (
            f"the revenue history has {len(total)} complete months; at least {MIN_MONTHS} are needed to forecast"
            " and to evaluate the forecast"
        )
        return Abstention("revenue", reason)
    return RevenueHistory(hierarchies, pd.DatetimeIndex(total.index), total.to_numpy(dtype="float64"))


@lru_cache(maxsize=MAX_KEPT_FORECASTERS)
def fitted_forecaster(snapshot: Snapshot, key: str, with_prophet: bool) -> Forecaster:
    """The forecaster of one hierarchy, with its backtest. Callers must not change it.

    Raises ``ValueError`` if the snapshot has no history.
    """
    history = revenue_history(snapshot)
    if isinstance(history, Abstention):
        raise ValueError(history.reason)
    hierarchy = history.hierarchies[key]
    return hierarchy.forecaster(snapshot.company, with_prophet).fit(hierarchy.series, hierarchy.leaves)


def fit_forecasters(snapshot: Snapshot, history: RevenueHistory) -> tuple[dict[str, Forecaster], "lgb.Booster | None"]:
    """The forecasters of all hierarchies that have a series, by key, and the boosted trees of the months, ``None`` with
    too little history for them."""
    booster = _monthly_booster(snapshot, history.hierarchies[MONTHLY])
    forecasters = {
        key: fitted_forecaster(snapshot, key, with_prophet=key == MONTHLY and booster is None)
        for key in history.hierarchies
    }
    return {key: forecaster for key, forecaster in forecasters.items() if forecaster.series_}, booster


def _monthly_booster(snapshot: Snapshot, hierarchy: RevenueHierarchy) -> "lgb.Booster | None":
    forecaster = hierarchy.forecaster(snapshot.company)
    forecaster.prepare(hierarchy.series, hierarchy.leaves)
    try:
        return fit_global_trees(forecaster.panel_, 0, snapshot.seed, 1)
    except ValueError:
        return None
