"""Lives whose events come by known rules: what tests of hazards are given."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.labels.time_to_event import PERIODS
from models.survival.baseline_hazards import Bands

AS_OF = date(2025, 6, 1)
TERM = Bands("x", (30, 90), "Days until the term ends", counts_down=True)
"""The bands of ``due_lives``."""


def lives(cases: int, *, skill: float = 1.5, level: float = -2.5, seed: int = 3, dates: int = 14) -> pd.DataFrame:
    """Cases at dates 30 days apart; each period the event comes with log-odds ``level + skill × x``."""
    rng = np.random.default_rng(seed)
    rows = []
    for back in range(1, dates + 1):
        x = rng.normal(size=cases)
        chance = 1 / (1 + np.exp(-(level + skill * x)))
        came = rng.geometric(chance)
        seen = min(back, PERIODS)
        rows.append(
            pd.DataFrame(
                {
                    "case": [f"c{n}" for n in range(cases)],
                    "as_of": AS_OF - timedelta(days=30 * back),
                    "x": x,
                    "noise": rng.normal(size=cases),
                    "chance": chance,
                    "periods": np.minimum(came, seen),
                    "event": came <= seen,
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def seasonal(dates: int, cases: int = 150) -> pd.DataFrame:
    """Cases at dates 30 days apart, whose event comes in one of three periods from September on, else hardly."""
    rng = np.random.default_rng(8)
    rows = []
    for back in range(1, dates + 1):
        as_of = AS_OF - timedelta(days=30 * back)
        seen = min(back, PERIODS)
        middles = [as_of + timedelta(days=30 * ahead + 15) for ahead in range(seen)]
        chances = np.array([0.33 if 9 <= middle.month <= 11 else 0.02 for middle in middles])
        came = rng.random((cases, seen)) < chances
        first = np.where(came.any(axis=1), came.argmax(axis=1) + 1, seen)
        rows.append(
            pd.DataFrame(
                {
                    "case": [f"c{n}" for n in range(cases)],
                    "as_of": as_of,
                    "x": rng.normal(size=cases),
                    "noise": rng.normal(size=cases),
                    "periods": first,
                    "event": came.any(axis=1),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def due_lives(cases: int, *, seed: int, dates: int) -> pd.DataFrame:
    """Lives of which three of ten end with a day that is due, in up to 170 days, and hardly any at other times."""
    rng = np.random.default_rng(seed)
    parts = []
    for back in range(1, dates + 1):
        days = rng.integers(0, 170, cases)
        last = days // 30 + 1
        came = np.where(rng.random(cases) < 0.3, last, 99)
        seen = min(back, PERIODS)
        parts.append(
            pd.DataFrame(
                {
                    "case": [f"c{n}" for n in range(cases)],
                    "as_of": AS_OF - timedelta(days=30 * back),
                    "x": days.astype(float),
                    "noise": rng.normal(size=cases),
                    "periods": np.minimum(came, seen),
                    "event": came <= seen,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def remembered(cases: int, *, dates: int, seed: int, skill: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lives with twenty numbers that tell an account from all others, and nothing of whether it leaves: about one in
    twenty a month does, likelier by ``skill`` × ``x``; and who is still there at the end, with its true ``chance``."""
    rng = np.random.default_rng(seed)
    marks = pd.DataFrame(rng.normal(size=(cases, 20)), columns=[f"mark_{n}" for n in range(20)])
    x = rng.normal(size=cases)
    chance = 1 / (1 + np.exp(-(np.log(0.05 / 0.95) + skill * x)))
    leaves = rng.geometric(chance)
    accounts = marks.assign(case=[f"c{seed}-{n}" for n in range(cases)], x=x, chance=chance)
    parts = []
    for back in range(dates, 0, -1):
        alive = leaves > dates - back
        last, seen = leaves[alive] - (dates - back), min(back, PERIODS)
        came = {"periods": np.minimum(last, seen), "event": last <= seen}
        parts.append(accounts[alive].assign(as_of=AS_OF - timedelta(days=30 * back), **came))
    return pd.concat(parts, ignore_index=True), accounts[leaves > dates].assign(as_of=AS_OF)
