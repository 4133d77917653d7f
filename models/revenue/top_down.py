"""The outlook: what the series of a company's revenue alone foresee, for every hierarchy, by month and by week."""

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import pandas as pd

from features.company import Company
from features.revenue.dimensions import TREES as HIERARCHIES
from features.revenue.dimensions import node_of
from features.revenue.series import Grain, Takings, leaf_series, leaves_of, takings
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import FAMILY, TREES
from models.forecasting.local_methods import PLAIN
from models.forecasting.saved_state import carry_on
from models.revenue.period_grid import MONTHS, WEEKS

GRAINS: tuple[Grain, ...] = ("month", "week")
HORIZON: dict[Grain, int] = {"month": MONTHS, "week": WEEKS}
FREQUENCY: dict[Grain, str] = {"month": "M", "week": "W-SUN"}
FEWEST: dict[Grain, int] = {"month": 12, "week": 52}
"""Periods without which nothing is foreseen by a grain: a season is not known."""
MAIN = "market"
"""The hierarchy whose total is the number; the others are made to add up to it."""
FULL = (PLAIN, "drift", "seasonal growth", "ets", "dynamic theta", FAMILY, TREES)
QUICK = (PLAIN, "seasonal growth", "dynamic theta", FAMILY)
"""Members of the night's pool, quick ones for weeks and for hierarchies that share out the number: the whole pool takes
minutes on a large company, and years of weeks are beyond ETS, ARIMA and CES. ``bench.forecast`` runs them all."""

ORIGINS, FEW_ORIGINS = 3, 2
"""Past dates that the main hierarchy and the crossed ones look back from: these share out a number that it tells."""


@dataclass(frozen=True)
class Tree:
    """One hierarchy of one grain: its long table of leaves, and which wholes each leaf is part of."""

    name: str
    grain: Grain
    came: Takings
    long: pd.DataFrame
    leaves: pd.DataFrame

    @property
    def key(self) -> str:
        """Its name in a state."""
        return f"{self.name} {self.grain}"

    def forecaster(self, company: Company, prophetic: bool = False) -> Forecaster:
        """A forecaster with the members of the night; Prophet among them where trees have too little to learn from."""
        main = self.name == MAIN
        members: tuple[str, ...] = FULL if main and self.grain == "month" else QUICK
        if prophetic and main and self.grain == "month":
            members = (*[name for name in members if name != TREES], "prophet")
        return Forecaster(
            HORIZON[self.grain],
            frequency=FREQUENCY[self.grain],
            members=members,
            origins=ORIGINS if main else FEW_ORIGINS,
            complete_before=company.as_of,
            seed=company.seed,
        )

    def node(self, name: str) -> tuple[str, str]:
        """The level and the name under which readers know a node of the forecaster's hierarchy."""
        if name == "total":
            return "total", "total"
        level, told, value = name.partition("=")
        if told and name not in set(self.leaves["unique_id"]):
            return level, node_of(level, None, value)
        return name.partition(":")[0], name


def trees_of(company: Company) -> list[Tree]:
    """Every hierarchy that the data has a level of, by every grain; the main one first, always."""
    found = []
    for name, levels in HIERARCHIES.items():
        came = takings(company, levels)
        leaves = leaves_of(came)
        if name != MAIN and (leaves["unique_id"] == "all").all():
            continue
        for grain in GRAINS:
            long = leaf_series(came, grain)
            if name == MAIN or long["ds"].nunique() >= FEWEST[grain]:
                found.append(Tree(name, grain, came, long, leaves))
    return found


def outlook(
    trees: list[Tree], company: Company, state: dict[str, Any], booster: lgb.Booster | None, plain: bool
) -> pd.DataFrame:
    """One row per hierarchy, node, grain and period: ``tree, level, node, leaf, grain, period, point``, its bounds,
    ``maker`` and ``notes``. The first period of each is the one under way, as a whole.

    ``state`` holds what forecasters learnt, by the ``key`` of a tree; trees that were not learnt are left out.
    """
    tables = []
    for tree in trees:
        known = state.get(tree.key)
        if known is None or tree.long.empty:
            continue
        mine = booster if tree.name == MAIN and tree.grain == "month" else None
        fresh = tree.forecaster(company, "prophet" in known["members"])
        made = carry_on(known, fresh, tree.long, tree.leaves, booster=mine, plain=plain)
        tables.append(told_by(tree, made))
    return pd.concat(tables, ignore_index=True)


def told_by(tree: Tree, made: Forecaster) -> pd.DataFrame:
    """The forecasts of a fitted forecaster under the names of readers."""
    rows = made.predict()
    leaves = set(tree.leaves["unique_id"])
    named = {name: tree.node(name) for name in rows["unique_id"].unique()}
    told = rows.assign(
        tree=tree.name,
        grain=tree.grain,
        leaf=rows["unique_id"].isin(leaves),
        level=rows["unique_id"].map({name: level for name, (level, _) in named.items()}),
        node=rows["unique_id"].map({name: node for name, (_, node) in named.items()}),
    )
    return told.rename(columns={"ds": "period", "model": "maker"}).drop(columns=["unique_id", "step"])
