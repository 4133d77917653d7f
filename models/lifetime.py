"""What a coming window is worth over a lifetime: windows that fade with the rate of leaving among accounts like it."""

from typing import Any

import numpy as np
import pandas as pd

from models.baseline import Bands
from models.calibration import Numbers

WINDOW_DAYS = 90
LIFETIME_WINDOWS = 12
"""Three years of windows: what lies beyond is not foreseeable, and a longer sum would pretend that it is."""

YEARLY_DISCOUNT = 0.10

RECENCY = Bands("days_since_order", (30, 60, 90, 180), "Days since the last order")
LIKENESS = Bands("likeness", says="Likeness")


def likeness(rows: pd.DataFrame) -> "pd.Series[str]":
    """Whom each account is like, in words: by how long ago it ordered, subscribers apart from those who only order.

    A subscriber stays by doing nothing, so that the same silence tells much less of one.
    """
    recency = RECENCY.says[0].lower() + RECENCY.says[1:] + ": " + RECENCY.of(rows)
    return recency.where(rows["days_subscribed"].isna(), "subscribers, " + recency)


def leaving_rates(rows: pd.DataFrame, left: Numbers) -> dict[str, Any]:
    """Which share of past accounts left within the window, by their likeness. ``rows``: those that could leave."""
    return LIKENESS.rates(rows.assign(likeness=likeness(rows)), left)


def leaving(rows: pd.DataFrame, rates: dict[str, Any]) -> Numbers:
    """The share of accounts like each that leaves within a window; 1 for one that is ``gone`` already."""
    if rows.empty:
        return np.zeros(0)
    return np.where(rows["gone"], 1.0, LIKENESS.predict(rows.assign(likeness=likeness(rows)), rates)[0])


def lifetime_windows(leaving: Numbers) -> Numbers:
    """How many of the coming windows an account is worth, discounted, when this share leaves in each.

    An account that has left is worth the one window in which it may come back.
    """
    steps = np.arange(LIFETIME_WINDOWS)
    kept = (1 - leaving[:, None]) ** steps
    return np.asarray((kept * (1 + YEARLY_DISCOUNT) ** (-steps * WINDOW_DAYS / 365)).sum(axis=1))


def lifetime_reasons(rows: pd.DataFrame, expected: Numbers, rates: Numbers, currency: str) -> list[list[str]]:
    """Why each account has its lifetime value."""
    counts = f"Counts three years, a year ahead discounted by {YEARLY_DISCOUNT:.0%}"
    return [
        [
            f"Expected {value:,.0f} {currency} in the next {WINDOW_DAYS} days",
            *(
                ["It has left already: only what it may bring in these days counts"]
                if gone
                else [f"Of accounts like it ({like}) {rate:.0%} leave in {WINDOW_DAYS} days", counts]
            ),
        ]
        for value, like, rate, gone in zip(expected, likeness(rows), rates, rows["gone"], strict=True)
    ]
