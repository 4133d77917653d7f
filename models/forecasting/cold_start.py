"""What a new node of a hierarchy borrows: its own season is unknown, so it is a share of the whole it is part of."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from data.arrays import Floats
from models.forecasting.global_methods import Table
from models.forecasting.series_preparation import FEWEST


def ages(table: Table, back: int) -> NDArray[np.int64]:
    """Periods of history of each series, ``back`` periods before the end."""
    columns = table.values.shape[1]
    return np.asarray((~np.isnan(table.values[:, : columns - back])).sum(axis=1), dtype=np.int64)


def young(table: Table, back: int) -> NDArray[np.bool_]:
    """Series that are younger than a season (than ``FEWEST`` periods without one) and part of a whole."""
    fewest = max(FEWEST, table.season)
    return np.asarray((ages(table, back) < fewest) & table.family.any(axis=1))


def whole_of(table: Table) -> NDArray[np.int64]:
    """The place of the smallest whole that each series is part of; −1 without one."""
    return np.where(table.family.any(axis=1), table.family.argmax(axis=1), -1)


def borrow(table: Table, forecasts: Floats, back: int) -> Floats:
    """Forecasts (series × steps) in which each young series is its recent share of its whole's; wholes come first.

    The share is what it brought over what its whole brought in the same periods, a quarter of a year at most.
    """
    told = np.array(forecasts)
    at = table.values.shape[1] - back
    start = max(0, at - max(FEWEST, table.season // 4))
    wholes, age = whole_of(table), ages(table, back)
    for place in np.flatnonzero(young(table, back)):
        whole = wholes[place]
        since = max(start, at - int(age[place]))
        mine, all_of_it = np.nansum(table.values[place, since:at]), np.nansum(table.values[whole, since:at])
        if all_of_it > 0:
            told[place] = np.clip(mine / all_of_it, 0.0, 1.0) * told[whole]
    return told


def reasons(table: Table, names: Sequence[str]) -> dict[int, str]:
    """By the place of each young series: of what it is a share, and why."""
    wholes, age, fewest = whole_of(table), ages(table, 0), max(FEWEST, table.season)
    return {
        int(place): f"share of {names[wholes[place]]}: {age[place]} periods; {fewest} are needed to know a season"
        for place in np.flatnonzero(young(table, 0))
    }
