"""Episodes whose events occur by known rules, for tests of hazard models."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from features.feature import Feature
from features.labels.time_to_event import N_PERIODS
from models.survival.baseline_hazards import Bands
from models.survival.hazard_spec import HazardSpec

AS_OF = date(2025, 6, 1)
TERM_BANDS = Bands("x", (30, 90), "Days until the term ends", counts_down=True)
"""The bands of ``episodes_with_term``."""

SPEC = HazardSpec(
    model="leaving",
    keys=("case",),
    account="case",
    outcome="left",
    features=(Feature("x", "planted", "the planted number", "count"), Feature("noise", "planted", "noise", "count")),
    categories=(),
    bands=Bands(),
    raises="raises the risk",
    lowers="lowers the risk",
)
MARKS = tuple(Feature(f"mark_{number}", "planted", f"mark {number}", "count") for number in range(20))


def planted_episodes(
    cases: int, *, skill: float = 1.5, level: float = -2.5, seed: int = 3, dates: int = 14
) -> pd.DataFrame:
    """Cases at dates 30 days apart; in each period the event occurs with log-odds ``level + skill × x``."""
    rng = np.random.default_rng(seed)
    parts = []
    for back in range(1, dates + 1):
        x = rng.normal(size=cases)
        hazard = 1 / (1 + np.exp(-(level + skill * x)))
        period = rng.geometric(hazard)
        observed = min(back, N_PERIODS)
        parts.append(
            pd.DataFrame(
                {
                    "case": [f"c{number}" for number in range(cases)],
                    "as_of": AS_OF - timedelta(days=30 * back),
                    "x": x,
                    "noise": rng.normal(size=cases),
                    "hazard": hazard,
                    "periods": np.minimum(period, observed),
                    "event": period <= observed,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def seasonal_episodes(dates: int, cases: int = 150) -> pd.DataFrame:
    """Cases at dates 30 days apart; the event occurs in one of three periods from September on, else hardly ever."""
    rng = np.random.default_rng(8)
    parts = []
    for back in range(1, dates + 1):
        as_of = AS_OF - timedelta(days=30 * back)
        observed = min(back, N_PERIODS)
        midpoints = [as_of + timedelta(days=30 * ahead + 15) for ahead in range(observed)]
        hazards = np.array([0.33 if 9 <= midpoint.month <= 11 else 0.02 for midpoint in midpoints])
        events = rng.random((cases, observed)) < hazards
        first = np.where(events.any(axis=1), events.argmax(axis=1) + 1, observed)
        parts.append(
            pd.DataFrame(
                {
                    "case": [f"c{number}" for number in range(cases)],
                    "as_of": as_of,
                    "x": rng.normal(size=cases),
                    "noise": rng.normal(size=cases),
                    "periods": first,
                    "event": events.any(axis=1),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def episodes_with_term(cases: int, *, seed: int, dates: int) -> pd.DataFrame:
    """Episodes of which three of ten end on a due date, in up to 170 days, and none at other times."""
    rng = np.random.default_rng(seed)
    parts = []
    for back in range(1, dates + 1):
        days = rng.integers(0, 170, cases)
        due_period = days // 30 + 1
        period = np.where(rng.random(cases) < 0.3, due_period, 99)
        observed = min(back, N_PERIODS)
        parts.append(
            pd.DataFrame(
                {
                    "case": [f"c{number}" for number in range(cases)],
                    "as_of": AS_OF - timedelta(days=30 * back),
                    "x": days.astype(float),
                    "noise": rng.normal(size=cases),
                    "periods": np.minimum(period, observed),
                    "event": period <= observed,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def memorizable_episodes(cases: int, *, dates: int, seed: int, skill: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Episodes with twenty numbers that identify an account and say nothing of its event; and the accounts that are
    left at the end, with their true ``hazard``.

    About one in twenty leaves in a month, more of them by ``skill × x``.
    """
    rng = np.random.default_rng(seed)
    marks = pd.DataFrame(rng.normal(size=(cases, 20)), columns=[mark.name for mark in MARKS])
    x = rng.normal(size=cases)
    hazard = 1 / (1 + np.exp(-(np.log(0.05 / 0.95) + skill * x)))
    leaves_after = rng.geometric(hazard)
    accounts = marks.assign(case=[f"c{seed}-{number}" for number in range(cases)], x=x, hazard=hazard)
    parts = []
    for back in range(dates, 0, -1):
        at_risk = leaves_after > dates - back
        period, observed = leaves_after[at_risk] - (dates - back), min(back, N_PERIODS)
        labels = {"periods": np.minimum(period, observed), "event": period <= observed}
        parts.append(accounts[at_risk].assign(as_of=AS_OF - timedelta(days=30 * back), **labels))
    return pd.concat(parts, ignore_index=True), accounts[leaves_after > dates].assign(as_of=AS_OF)
