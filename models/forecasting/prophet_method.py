"""Prophet as a local method, with the holidays of the company's countries."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.holiday_calendar import holidays_of
from models.forecasting.method import MAX_SEASON_LENGTH, ForecastTask

MIN_SEASONS = 2
FOURIER_ORDERS = {"D": 6, "W": 4, "M": 4, "Q": 2}
"""Fourier terms of the yearly season by frequency."""


def forecast_prophet(task: ForecastTask) -> Floats:
    """Forecasts of a task, cutoffs × steps: piecewise trend, yearly season, holidays (Taylor & Letham 2018).

    The season is multiplicative where all values are positive. NaN for histories of less than two seasons.
    """
    forecasts = np.full((len(task.cutoffs), task.h), np.nan)
    freq = task.calendar.freq[0]
    for i, cutoff in enumerate(task.cutoffs):
        values = task.series.before(cutoff)
        if len(values) < max(MIN_SEASONS * task.season_length, 8):
            continue
        last = task.series.last_period - cutoff
        dates = task.calendar.dates(np.arange(last - len(values) + 1, last + task.h + 1))
        order = FOURIER_ORDERS.get(freq, 0)
        model = import_prophet()(
            yearly_seasonality=min(order, max(1, task.season_length // 2)) if order else False,
            weekly_seasonality=freq == "D",
            daily_seasonality=False,
            seasonality_mode="multiplicative" if values.min() > 0 else "additive",
            n_changepoints=min(15, len(values) // 3),
            uncertainty_samples=0,
            holidays=_holidays(task, dates),
        )
        model.fit(pd.DataFrame({"ds": dates[: len(values)], "y": values}), seed=0)
        future = pd.DataFrame({"ds": dates[len(values) :]})
        forecasts[i] = np.asarray(model.predict(future)["yhat"], dtype=np.float64)
    return forecasts


def import_prophet() -> Any:
    """The class Prophet, imported and fitted without its log lines."""
    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("cmdstanpy").handlers = [logging.NullHandler()]  # with none, each fit would give it a new one
    return Prophet


def _holidays(task: ForecastTask, dates: pd.DatetimeIndex) -> pd.DataFrame | None:
    """``holiday, ds``: holidays under the date of their period; in months and quarters only those that move.

    A holiday that always falls in the same month is part of that month's season.
    """
    if not task.countries or task.calendar.freq[0] == "Y":
        return None
    holidays = holidays_of(task.countries, int(dates[0].year) - 1, int(dates[-1].year) + 1)
    periods = task.calendar.periods(task.calendar.ordinals(holidays["day"]))
    if task.season_length <= MAX_SEASON_LENGTH and task.calendar.freq[0] != "D":
        months = pd.Series(periods.month, index=holidays.index)
        moves = months.groupby(holidays["name"]).transform("nunique") > 1
        holidays, periods = holidays[moves], periods[moves.to_numpy()]
    table = pd.DataFrame({"holiday": holidays["name"], "ds": task.calendar.dates(periods.asi8)}).drop_duplicates()
    table = table[table["ds"].between(dates[0], dates[-1])]
    return None if table.empty else table
