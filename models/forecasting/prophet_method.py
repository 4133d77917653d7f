"""Prophet as a member of the pool, with the holidays of the company's countries and the feasts that move."""

import logging
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.method import LONG_SEASON, Task

FEWEST_SEASONS = 2
RAMADAN = "Ramadan"


def prophetic(task: Task) -> Floats:
    """Forecasts of a task, origins × horizon: piecewise trend with few breaks, yearly season, holidays; no sampling
    (Taylor & Letham 2018).

    The season multiplies where values are all positive. NaN for histories of less than two seasons.
    """
    said = np.full((len(task.backs), task.horizon), np.nan)
    for row, back in enumerate(task.backs):
        known = task.history.before(back)
        if len(known) < max(FEWEST_SEASONS * task.season, 8):
            continue
        ends = task.history.ends - back
        days = task.calendar.days(np.arange(ends - len(known) + 1, ends + task.horizon + 1))
        yearly = {"D": 6, "W": 4, "M": 4, "Q": 2}.get(task.calendar.frequency[0], 0)
        made = import_prophet()(
            yearly_seasonality=min(yearly, max(1, task.season // 2)) if yearly else False,
            weekly_seasonality=task.calendar.frequency[0] == "D",
            daily_seasonality=False,
            seasonality_mode="multiplicative" if known.min() > 0 else "additive",
            n_changepoints=min(15, len(known) // 3),
            uncertainty_samples=0,
            holidays=_feasts(task, days),
        )
        made.fit(pd.DataFrame({"ds": days[: len(known)], "y": known}), seed=0)
        said[row] = np.asarray(made.predict(pd.DataFrame({"ds": days[len(known) :]}))["yhat"], dtype=np.float64)
    return said


def import_prophet() -> Any:
    """Prophet's class, imported without its lines about plots, and its fits without theirs."""
    for name in ("cmdstanpy", "prophet", "prophet.plot"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    from prophet import Prophet

    logging.getLogger("cmdstanpy").handlers = [logging.NullHandler()]  # with none, each fit would give it a new one
    return Prophet


def _feasts(task: Task, days: pd.DatetimeIndex) -> pd.DataFrame | None:
    """Holidays under the day of the period that they fall in; in longer periods only feasts that move between them.

    What always falls in the same month is a part of that month's season.
    """
    if not task.countries or task.calendar.frequency[0] == "Y":
        return None
    feasts = holidays_of(task.countries, int(days[0].year) - 1, int(days[-1].year) + 1)
    periods = task.calendar.periods(task.calendar.ordinals(feasts["day"]))
    if task.season <= LONG_SEASON and task.calendar.frequency[0] != "D":
        place = pd.Series(periods.month, index=feasts.index)
        moves = place.groupby(feasts["name"]).transform("nunique") > 1
        feasts, periods = feasts[moves], periods[moves.to_numpy()]
    table = pd.DataFrame({"holiday": feasts["name"], "ds": task.calendar.days(periods.asi8)}).drop_duplicates()
    table = table[table["ds"].between(days[0], days[-1])]
    return None if table.empty else table


@lru_cache(maxsize=32)
def holidays_of(countries: tuple[str, ...], first: int, last: int) -> pd.DataFrame:
    """One row per day and holiday of the countries: ``day`` and ``name``, of whole years, feasts that move among them.

    Where the end of Ramadan is a holiday, the 29 days before it are rows named ``RAMADAN``: days of trade, not off.
    """
    import holidays

    told = [
        (pd.Timestamp(day), str(name).removesuffix(" (estimated)"))
        for country in countries
        for day, name in holidays.country_holidays(
            country, years=range(first, last + 2), observed=False, language="en_US"
        ).items()
    ]
    feasts = pd.DataFrame(told, columns=["day", "name"]).sort_values(["day", "name"], ignore_index=True)
    ends = feasts.loc[feasts["name"].str.startswith("Eid al-Fitr"), "day"].drop_duplicates()
    ends = ends[ends.diff().dt.days.fillna(99) > 20]  # the first day of each
    fasts = [(end - pd.Timedelta(days=back), RAMADAN) for end in ends for back in range(29, 0, -1)]
    every = pd.concat([feasts, pd.DataFrame(fasts, columns=["day", "name"])]) if fasts else feasts
    within: pd.DataFrame = every[every["day"].dt.year.between(first, last)]
    return within.sort_values(["day", "name"], ignore_index=True)
