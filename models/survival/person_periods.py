"""Person-period rows: one per episode and period in which its event could occur, as discrete-time hazards need them.

A row holds the features of the episode, the period ahead, the time of the year in it and, where an event may
fall on a due date (the end of a term), the days from the start of the period to that date.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats, Ints
from features.feature import Feature
from features.labels.time_to_event import N_PERIODS, PERIOD_DAYS
from models.estimators.gradient_boosting import Encoding

PERIOD = Feature("period", "time", "the month ahead", "months")
CALENDAR = Feature("calendar", "time", "the time of the year in that month", "season")
"""Twelfths of the year elapsed at the midpoint of the period."""
DUE = Feature("due", "time", "days from the beginning of that month to what is due", "days")
"""Negative after the due date."""
MEAN_YEAR_DAYS = 365.25


def person_period_rows(encoding: Encoding, episodes: pd.DataFrame) -> tuple[pd.DataFrame, Floats]:
    """One encoded row per episode and observed period, with the columns of ``with_period_columns``; and whether the
    event occurred in it (0 or 1)."""
    periods = episodes["periods"].to_numpy(dtype=np.int64)
    encoded = encoding.encode(episodes).to_numpy(dtype=np.float64)
    last = np.cumsum(periods) - 1
    ahead = np.arange(periods.sum()) - np.repeat(last - periods, periods)
    events = np.zeros(int(periods.sum()))
    events[last[episodes["event"].to_numpy(dtype=bool)]] = 1.0
    times = period_values(encoding, episodes, np.repeat(np.arange(len(episodes)), periods), ahead.astype(np.float64))
    values = np.hstack([np.repeat(encoded, periods, axis=0), times])
    return pd.DataFrame(values, columns=with_period_columns(encoding).columns), events


def coming_periods(encoding: Encoding, rows: pd.DataFrame) -> Floats:
    """Rows × periods, flattened: the encoded row of each coming period, as ``person_period_rows`` has it."""
    encoded = np.repeat(encoding.encode(rows).to_numpy(dtype=np.float64), N_PERIODS, axis=0)
    ahead = np.tile(np.arange(1.0, N_PERIODS + 1), len(rows))
    return np.hstack([encoded, period_values(encoding, rows, np.repeat(np.arange(len(rows)), N_PERIODS), ahead)])


def period_of_due_date(encoding: Encoding, rows: pd.DataFrame, last: int) -> dict[str, Floats]:
    """The period columns of each row in the period of its due date, at most ``last``; in ``last`` if none is due."""
    ahead = np.full(len(rows), float(last))
    if encoding.due_column is not None:
        ahead = np.fmin(np.floor(_days_to_due(encoding.due_column, rows) / PERIOD_DAYS) + 1, ahead)
    values = period_values(encoding, rows, np.arange(len(rows)), ahead)
    return dict(zip(with_period_columns(encoding).extra_numbers, values.T, strict=True))


def period_values(encoding: Encoding, rows: pd.DataFrame, indices: Ints, ahead: Floats) -> Floats:
    """One line per index of a row and period ahead: the values of the columns that ``with_period_columns`` adds."""
    due = (
        []
        if encoding.due_column is None
        else [_days_to_due(encoding.due_column, rows)[indices] - PERIOD_DAYS * (ahead - 1)]
    )
    return np.column_stack([ahead, *due, month_of_year(rows["as_of"].iloc[indices], ahead)])


def with_period_columns(encoding: Encoding) -> Encoding:
    """The encoding with the columns of a period after all others: its number, the due date, the time of the year."""
    due = () if encoding.due_column is None else (DUE.name,)
    return replace(encoding, extra_numbers=(PERIOD.name, *due, CALENDAR.name))


def month_of_year(as_of: "pd.Series[Any]", ahead: Floats) -> Floats:
    """Twelfths of the year elapsed at the midpoint of the period ``ahead`` (1, 2, …) of each date."""
    days = pd.to_datetime(as_of).dt.day_of_year.to_numpy(dtype=np.float64) + PERIOD_DAYS * (ahead - 0.5)
    return np.asarray(12.0 * (days % MEAN_YEAR_DAYS) / MEAN_YEAR_DAYS)


def observed_periods(episodes: pd.DataFrame) -> Bools:
    """Episodes × periods: those that were observed, up to the event."""
    periods = episodes["periods"].to_numpy(dtype=np.int64)
    return np.asarray(np.arange(N_PERIODS)[None, :] < periods[:, None])


def days_observed(episodes: pd.DataFrame) -> float:
    """Days from the first date to the end of the last observed period."""
    starts = pd.to_datetime(episodes["as_of"])
    ends = starts + pd.to_timedelta(PERIOD_DAYS * episodes["periods"], unit="D")
    return float((ends.max() - starts.min()).days)


def _days_to_due(due: str, rows: pd.DataFrame) -> Floats:
    """Days from each row's date to its due date; NaN where it has none."""
    return rows[due].to_numpy(dtype=np.float64, na_value=np.nan)
