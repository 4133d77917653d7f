"""Cold start: a series of a hierarchy younger than a season is forecast as its recent share of the node above it."""

from collections.abc import Sequence

import numpy as np

from data.arrays import Bools, Floats, Ints
from models.forecasting.panel import Panel
from models.forecasting.series_preparation import MIN_PERIODS


def min_age(panel: Panel) -> int:
    """Periods of history from which a series is forecast by itself: a season."""
    return max(MIN_PERIODS, panel.season_length)


def is_cold_start(panel: Panel, cutoff: int) -> Bools:
    """Series that have a parent and were younger than ``min_age`` at a cutoff (periods before the end)."""
    return np.asarray((panel.ages(panel.n_periods - cutoff) < min_age(panel)) & panel.parents.any(axis=1))


def closest_parents(panel: Panel) -> Ints:
    """The row of the smallest node above each series; −1 without one."""
    return np.where(panel.parents.any(axis=1), panel.parents.argmax(axis=1), -1)


def share_of_parent(panel: Panel, forecasts: Floats, cutoff: int) -> Floats:
    """Forecasts (series × steps) from a cutoff, with those of young series replaced by their share of the parent's.

    The share is that of the periods since the series began, a quarter of a season at most. Rows of parents must come
    before those of their children.
    """
    shared = np.array(forecasts)
    t = panel.n_periods - cutoff
    window_start = max(0, t - max(MIN_PERIODS, panel.season_length // 4))
    parents, ages = closest_parents(panel), panel.ages(t)
    for row in np.flatnonzero(is_cold_start(panel, cutoff)):
        parent = parents[row]
        start = max(window_start, t - int(ages[row]))
        own, total = np.nansum(panel.values[row, start:t]), np.nansum(panel.values[parent, start:t])
        if total > 0:
            shared[row] = np.clip(own / total, 0.0, 1.0) * shared[parent]
    return shared


def describe_cold_starts(panel: Panel, unique_ids: Sequence[str]) -> dict[int, str]:
    """The text that names the model of each young series, by its row: a share of which node, and why."""
    parents, ages = closest_parents(panel), panel.ages(panel.n_periods)
    return {
        int(row): f"share of {unique_ids[parents[row]]}: {ages[row]} periods of history;"
        f" {min_age(panel)} are needed to estimate a season"
        for row in np.flatnonzero(is_cold_start(panel, 0))
    }
