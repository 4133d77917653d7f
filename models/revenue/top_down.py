"""Top-down forecasts: each hierarchy of a company's revenue series, by month and by week, from the series alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.company import Company
from features.revenue.dimensions import HIERARCHIES, node_name
from features.revenue.series import DailyRevenue, Grain, daily_revenue, hierarchy_leaves, leaf_series
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import LIGHTGBM, PARENT_SEASONALITY
from models.forecasting.method import BASELINE
from models.forecasting.saved_state import from_state
from models.revenue.period_grid import N_MONTHS, N_WEEKS

if TYPE_CHECKING:
    import lightgbm as lgb

GRAINS: tuple[Grain, ...] = ("month", "week")
HORIZON: dict[Grain, int] = {"month": N_MONTHS, "week": N_WEEKS}
FREQUENCY: dict[Grain, str] = {"month": "M", "week": "W-SUN"}
MIN_COMPLETE_PERIODS: dict[Grain, int] = {"month": 12, "week": 52}
"""Complete periods that a hierarchy needs, to know its season."""
MAIN_HIERARCHY = "market"
"""The hierarchy whose total is the forecast; the others are fitted to it."""
MONTHLY_METHODS = (BASELINE, "drift", "seasonal growth", "ets", "dynamic theta", PARENT_SEASONALITY, LIGHTGBM)
QUICK_METHODS = (BASELINE, "seasonal growth", "dynamic theta", PARENT_SEASONALITY)
"""Methods of the ensembles; the quick ones are those of weeks and of all hierarchies but the main one. All methods take
minutes on a large company, and years of weeks are beyond ETS, ARIMA and CES. ``bench.forecast`` runs them all."""
N_ORIGINS, N_SHARE_ORIGINS = 3, 2
"""Backtest origins of the main hierarchy, and of the others, which only allocate what the main one forecasts."""


@dataclass(frozen=True)
class RevenueHierarchy:
    """One hierarchy by one grain: the series of its leaves (``unique_id, ds, y``) and the parents of each leaf."""

    name: str
    grain: Grain
    daily_revenue: DailyRevenue
    series: pd.DataFrame
    leaves: pd.DataFrame

    @property
    def key(self) -> str:
        """Its name in the state of a version: ``market month``."""
        return f"{self.name} {self.grain}"

    @property
    def is_main(self) -> bool:
        """Whether its total is the forecast."""
        return self.name == MAIN_HIERARCHY

    def forecaster(self, company: Company, with_prophet: bool = False) -> Forecaster:
        """An unfitted forecaster; ``with_prophet``: Prophet for boosted trees, where these have too little history."""
        monthly_main = self.is_main and self.grain == "month"
        methods: tuple[str, ...] = MONTHLY_METHODS if monthly_main else QUICK_METHODS
        if with_prophet and monthly_main:
            methods = (*[name for name in methods if name != LIGHTGBM], "prophet")
        return Forecaster(
            HORIZON[self.grain],
            freq=FREQUENCY[self.grain],
            methods=methods,
            n_windows=N_ORIGINS if self.is_main else N_SHARE_ORIGINS,
            complete_before=company.as_of,
            seed=company.seed,
        )

    def node_of_series(self, unique_id: str) -> tuple[str, str]:
        """The published level and node of a series of the forecaster."""
        if unique_id == "total":
            return "total", "total"
        level, separator, value = unique_id.partition("=")
        if separator and unique_id not in set(self.leaves["unique_id"]):
            return level, node_name(level, None, value)
        return unique_id.partition(":")[0], unique_id


def revenue_hierarchies(company: Company) -> list[RevenueHierarchy]:
    """Every hierarchy of which the data has a level, by every grain; the main one first, and always."""
    hierarchies = []
    for name, levels in HIERARCHIES.items():
        revenue = daily_revenue(company, levels)
        leaves = hierarchy_leaves(revenue)
        if name != MAIN_HIERARCHY and (leaves["unique_id"] == "all").all():
            continue
        for grain in GRAINS:
            series = leaf_series(revenue, grain)
            if name == MAIN_HIERARCHY or series["ds"].nunique() >= MIN_COMPLETE_PERIODS[grain]:
                hierarchies.append(RevenueHierarchy(name, grain, revenue, series, leaves))
    return hierarchies


def top_down_forecasts(
    hierarchies: list[RevenueHierarchy],
    company: Company,
    states: dict[str, Any],
    booster: "lgb.Booster | None",
    baseline_only: bool,
) -> pd.DataFrame:
    """One row per hierarchy, node, grain and period: ``hierarchy, level, node, is_leaf, grain, period, point``, bounds
    (``low_80`` …), ``method`` and ``notes``. The first period is the one under way, as a whole.

    ``states`` hold the trained forecasters by ``RevenueHierarchy.key``; hierarchies without one are left out.
    """
    tables = []
    for hierarchy in hierarchies:
        state = states.get(hierarchy.key)
        if state is None or hierarchy.series.empty:
            continue
        trees = booster if hierarchy.is_main and hierarchy.grain == "month" else None
        ensemble = from_state(state)
        forecaster = hierarchy.forecaster(company, with_prophet="prophet" in ensemble.methods)
        if baseline_only:
            ensemble = ensemble.baseline_only()
        forecaster.refit(hierarchy.series, hierarchy.leaves, ensemble=ensemble, booster=trees)
        tables.append(named_forecasts(hierarchy, forecaster))
    return pd.concat(tables, ignore_index=True)


def named_forecasts(hierarchy: RevenueHierarchy, forecaster: Forecaster) -> pd.DataFrame:
    """The forecasts of a fitted forecaster, with the columns of ``top_down_forecasts``."""
    rows = forecaster.predict()
    nodes = {name: hierarchy.node_of_series(name) for name in rows["unique_id"].unique()}
    named = rows.assign(
        hierarchy=hierarchy.name,
        grain=hierarchy.grain,
        is_leaf=rows["unique_id"].isin(set(hierarchy.leaves["unique_id"])),
        level=rows["unique_id"].map({name: level for name, (level, _) in nodes.items()}),
        node=rows["unique_id"].map({name: node for name, (_, node) in nodes.items()}),
    )
    return named.rename(columns={"ds": "period", "model": "method"}).drop(columns=["unique_id", "step"])
