"""A forecaster's learnt state as JSON, and the forecast it makes of a later night's data without a new backtest.

Weights of the pool, where the plain forecast wins, bounds and the way to add up are learnt once, when the model is
trained; every night its members are fitted to what is known then. A series that is new since is forecast by the mean
weights, with the widened bounds of a series without a backtest.
"""

from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.backtest import hear
from models.forecasting.cold_start import borrow, reasons
from models.forecasting.conformal import Bounds
from models.forecasting.ensemble_weights import Weights, combined
from models.forecasting.forecaster import Forecaster
from models.forecasting.local_methods import PLAIN
from models.forecasting.reconciliation import Chosen, reconcile

NEEDS_MISSES = ("wls_var", "mint_shrink")
WITHOUT_THEM = "wls_struct"


def kept(made: Forecaster) -> dict[str, Any]:
    """What a fitted forecaster knows beside its series, as JSON."""
    names = list(made.weights_.columns[1:])
    ids = [one.unique_id for one in made.histories_]
    return {
        "members": names,
        "ids": ids,
        "weights": made.rule_.values.round(6).tolist(),
        "rule": made.rule_.rule,
        "plain_wins": [bool(wins) for wins in made._plain_wins],
        "untested": [bool(untested) for untested in made._untested],
        "half": {str(width): half.round(6).tolist() for width, half in made.bounds_.half.items()},
        "way": made.way_.way if made.way_ is not None else None,
        "misses": {}
        if made.misses_ is None
        else dict(zip(made.misses_[0], made.misses_[1].round(4).tolist(), strict=True)),
        "left_out": dict(made.left_out_),
    }


def carry_on(
    state: dict[str, Any],
    fresh: Forecaster,
    long: pd.DataFrame,
    hierarchy: pd.DataFrame | None,
    *,
    booster: lgb.Booster | None = None,
    plain: bool = False,
) -> Forecaster:
    """The forecaster, fitted to a later table with what was learnt before; ``predict`` tells its forecasts.

    ``booster``: trees that were learnt then. ``plain``: the plain forecast of every series, whatever its weights.
    """
    fresh.read(long, hierarchy)
    if not fresh.histories_:
        return fresh
    ready, table = fresh.histories_, fresh.table_
    known = {name: place for place, name in enumerate(state["ids"])}
    members = [name for name in state["members"] if name in fresh.members] if not plain else [PLAIN]
    heard = hear(ready, fresh.calendar_, table, (), members, fresh.countries, fresh.seed, fresh.jobs, booster)
    weights = np.array(state["weights"], dtype=np.float64)
    column = [state["members"].index(name) for name in heard.names]
    mean = weights.mean(axis=0)
    rows = [known.get(one.unique_id, -1) for one in ready]
    mine = np.stack([weights[row] if row >= 0 else mean for row in rows])[:, column]
    wins = np.array([plain or (row >= 0 and state["plain_wins"][row]) for row in rows])
    at = heard.names.index(PLAIN)
    said: Floats = heard.said[:, :, 0]
    spread = np.broadcast_to(mine.T[:, :, None], said.shape)
    together = combined(said, spread, state["rule"])
    together = np.where(wins[:, None] | np.isnan(together), said[at], together)
    if fresh.hierarchy_ is not None:
        together = _coherent(state, fresh, borrow(table, together, 0))
    fresh.borrowed_ = reasons(table, [one.unique_id for one in ready])
    shares = np.where(wins[:, None], np.arange(len(heard.names)) == at, mine)
    fresh.left_out_ = {**state["left_out"], **heard.why}
    fresh.rule_ = Weights(shares, state["rule"], 0.0, 0.0)
    fresh.weights_ = pd.DataFrame(shares, columns=list(heard.names))
    fresh.weights_.insert(0, "unique_id", [one.unique_id for one in ready])
    fresh._plain_wins, fresh._together = wins, together[:, None, :]
    fresh._scale_now = np.nan_to_num(table.scale(table.values.shape[1]))
    fresh._untested = np.array([row < 0 or state["untested"][row] for row in rows])
    fresh.bounds_ = Bounds({int(width): np.array(half) for width, half in state["half"].items()})
    return fresh


def _coherent(state: dict[str, Any], fresh: Forecaster, together: Floats) -> Floats:
    """Made to add up by the way that was chosen; by one without misses where nodes are not those of then."""
    hierarchy = fresh.hierarchy_
    assert hierarchy is not None
    at = {one.unique_id: place for place, one in enumerate(fresh.histories_)}
    said = np.stack([together[at[n]] if n in at else np.zeros(together.shape[1]) for n in hierarchy.nodes])
    way, misses = state["way"] or WITHOUT_THEM, None
    if way in NEEDS_MISSES:
        told = state["misses"]
        if set(hierarchy.nodes) <= set(told):
            misses = np.array([told[node] for node in hierarchy.nodes])
        else:
            way = WITHOUT_THEM
    floors = {one.unique_id: one.floor for one in fresh.histories_}
    floor = np.array([[floors.get(leaf, 0.0)] for leaf in hierarchy.leaves])
    made = reconcile(hierarchy, np.nan_to_num(said), way, misses, floor)
    fresh.way_ = Chosen(way, {}, {})
    coherent: Floats = made[[hierarchy.nodes.index(one.unique_id) for one in fresh.histories_]]
    return coherent
