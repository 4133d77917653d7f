"""How a pool would have done: at each past origin with the weights that were known to be best by then.

The backtest of ``Forecaster`` learns one set of weights from all origins. Judged with those, a pool would be judged on
what it learnt from; so for each origin they are learnt again, from what was over by it of earlier ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.arrays import Floats
from data.outputs.score_tables import WIDTHS
from models.forecasting.conformal import calibrate
from models.forecasting.ensemble_weights import RULES, combined, fit_weights, judged_apart, plain_wins, useful
from models.forecasting.forecaster import Forecaster
from models.forecasting.local_methods import PLAIN


@dataclass(frozen=True)
class Judged:
    """One table of a forecaster at its past origins but the first: series × origins × steps, NaN where nothing is
    judged. ``lost`` and ``plain`` are absolute misses in units of each series' usual change, ``missed`` and
    ``missed_plain`` those of the total in money, ``came`` its revenue. ``backs`` are periods before the end.
    """

    names: tuple[str, ...]
    backs: tuple[int, ...]
    lost: Floats
    plain: Floats
    missed: Floats
    missed_plain: Floats
    came: Floats


def judged(made: Forecaster, state: dict[str, Any] | None = None) -> Judged:
    """The forecaster's table at past origins; by the weights of a ``kept`` state where one is given."""
    heard, table = made.heard_, made.table_
    ends = table.values.shape[1]
    scale = np.stack([table.scale(ends - back) for back in heard.backs], axis=1)[:, :, None]
    plain = heard.names.index(PLAIN)
    names = tuple(one.unique_id for one in made.histories_)
    lost, others, said_all = [], [], []
    for row in range(1, len(heard.backs)):
        if state is None:
            said = _known_by(heard.said, heard.came, heard.backs, scale, row, heard.names)
        else:
            said = _by_state(state, heard.said[:, :, row], names, heard.names)
        said = np.where(np.isnan(said), heard.said[plain, :, row], said)
        said_all.append(said)
        with np.errstate(invalid="ignore"):
            lost.append(np.abs(said - heard.came[:, row]) / scale[:, row])
            others.append(np.abs(heard.said[plain, :, row] - heard.came[:, row]) / scale[:, row])
    shape = (len(names), 0, table.horizon)
    losses, plains = (np.stack(part, axis=1) if part else np.zeros(shape) for part in (lost, others))
    known = ~np.isnan(losses) & ~np.isnan(plains)
    came = heard.came[0, 1:]
    pool = np.stack([said[0] for said in said_all]) if said_all else np.zeros(came.shape)
    return Judged(
        names,
        heard.backs[1:],
        np.where(known, losses, np.nan),
        np.where(known, plains, np.nan),
        np.abs(pool - came),
        np.abs(heard.said[plain, 0, 1:-1] - came),
        came,
    )


def learnt_from(made: Forecaster, backs: Sequence[int], steps: int, trained_as_of: date) -> NDArray[np.bool_]:
    """Origins × steps: whether the period foreseen was over when a model was trained. The one that was under way then
    is not: no model learns from a period before it is complete."""
    under_way = int(made.calendar_.ordinals(pd.Series([pd.Timestamp(trained_as_of)]))[0])
    ends = max(one.ends for one in made.histories_)
    ahead = np.arange(1, steps + 1)[None, :] - np.array(backs)[:, None]
    return np.asarray(ends + ahead < under_way, dtype=bool)


def held(tables: Sequence[Judged]) -> dict[str, float]:
    """Share of outcomes within each interval, each origin's widths taken from the other origins only."""
    told: dict[int, list[Floats]] = {width: [] for width in WIDTHS}
    for table in tables:
        for row in range(len(table.backs)):
            others = np.delete(table.lost, row, axis=1)
            missed = table.lost[:, row]
            if np.isnan(others).all() or np.isnan(missed).all():
                continue
            bounds = calibrate(others, table.lost.shape[2])
            for width in WIDTHS:
                inside = missed <= bounds.half[width][None, :]
                told[width].append(inside[~np.isnan(missed)].astype(np.float64))
    return {f"coverage {width}": float(np.concatenate(parts).mean()) for width, parts in told.items() if parts}


def level_weights(levels: list[str], known: NDArray[np.bool_]) -> Floats:
    """Series × origins × steps: weights by which every level counts alike, their mean over known cells 1."""
    weights = np.zeros(known.shape)
    for level in dict.fromkeys(levels):
        cells = known & np.array([one == level for one in levels])[:, None, None]
        if cells.any():
            weights[cells] = 1.0 / cells.sum()
    scaled: Floats = weights * (known.sum() / max(float(weights.sum()), 1e-12))
    return scaled


def _known_by(
    said: Floats, came: Floats, backs: tuple[int, ...], scale: Floats, row: int, names: tuple[str, ...]
) -> Floats:
    """What the pool would have said at an origin: weights of what was over by then; the plain one where that won."""
    steps = np.arange(came.shape[2])
    over = np.array([back - backs[row] for back in backs[:row]])[:, None] > steps[None, :]
    actual = np.where(over[None], came[:, :row] / scale[:, :row], np.nan)
    past = said[:, :, :row] / scale[None, :, :row]
    flat, cells = actual.reshape(len(actual), -1), past.reshape(*past.shape[:2], -1)
    plain = names.index(PLAIN)
    spoke = [place for place in range(len(names)) if not np.isnan(cells[place]).all()]
    if np.isnan(flat).all() or not spoke:
        return combined(said[:, :, row], np.ones(said[:, :, row].shape), RULES[0])
    kept, _ = useful(cells[spoke], flat, [names[place] for place in spoke])
    used = [spoke[place] for place in kept]
    found = fit_weights(past[used], actual, backs[:row])
    together = found.combine(said[used][:, :, row])
    tried = judged_apart(found, past[used], actual, backs[:row])
    with np.errstate(invalid="ignore"):
        missed, missed_plain = np.abs(tried - actual), np.abs(past[plain] - actual)
    wins = plain_wins(missed, missed_plain)
    if np.nansum(missed_plain) <= np.nansum(np.where(np.isnan(missed_plain), np.nan, missed)):
        wins[:] = True
    return np.where(wins[:, None], said[plain, :, row], together)


def _by_state(state: dict[str, Any], said: Floats, names: tuple[str, ...], members: tuple[str, ...]) -> Floats:
    """What a kept pool says: its weights by series, the plain forecast where it ships that."""
    places = {name: place for place, name in enumerate(state["ids"])}
    weights = np.array(state["weights"], dtype=np.float64)
    mean = weights.mean(axis=0)
    spread = np.zeros(said.shape[:2])
    for row, name in enumerate(names):
        place = places.get(name, -1)
        own = weights[place] if place >= 0 else mean
        if place >= 0 and state["plain_wins"][place]:
            own = np.array([float(member == PLAIN) for member in state["members"]])
        for column, member in enumerate(members):
            if member in state["members"]:
                spread[column, row] = own[state["members"].index(member)]
    return combined(said, np.broadcast_to(spread[:, :, None], said.shape), state["rule"])
