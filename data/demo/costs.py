"""What the teams of the demo company spend each month."""

import numpy as np
import pandas as pd

from data.demo.calendar import History
from data.demo.column_makers import timestamp_column
from data.demo.population import Population

TEAMS = {"sales": 34.0, "marketing": 16.0, "success": 11.0}
"""Spend per account and month in the first month."""


def costs_table(population: Population, history: History, seed: int) -> pd.DataFrame:
    """One row per complete month and team, dated by the month's last day."""
    rng = np.random.default_rng([seed, 18])
    rows = []
    for month, first in enumerate(history.months[:-1]):
        last = history.months[month + 1].toordinal() - 1
        for team, spend in TEAMS.items():
            amount = spend * population.count * (1 + 0.004 * month) * rng.uniform(0.92, 1.08)
            known = history.month_starts[month + 1] - 1
            rows.append((type(first).fromordinal(last), team, round(float(amount), 2), known))
    frame = pd.DataFrame(rows, columns=["month", "team", "amount", "known_at"])
    return frame.assign(known_at=timestamp_column(frame["known_at"].to_numpy(dtype=np.int64)))
