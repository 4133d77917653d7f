"""The pool: ways to forecast one series by itself. Each says what it foresees from every origin, or why it cannot.

Simple ways belong to it as of right: over many series they are hard to beat (Makridakis & Hibon 2000), and means and
medians of ETS, Theta, ARIMA and CES beat each of them (Petropoulos & Svetunkov 2020).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import Floats
from models.forecasting.method import LONG_SEASON, Task
from models.forecasting.prophet_method import prophetic

PLAIN = "seasonal naive"
FULL_GROWTH = 0.5
"""How much of the last quarter's growth over the year before is carried on: regression to the mean takes the rest."""
FEWEST = 8
"""Periods without which no model of statsforecast is fitted."""
ORDERS = {"max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1, "start_p": 1, "start_q": 1, "start_P": 0, "start_Q": 0}
"""Orders of ARIMA that are searched, and where the search starts: larger ones take longer and forecast no better."""
FAR = 10.0
"""A forecast further from all that was seen than so many times its range is a failure of arithmetic."""


Member = Callable[[Task], Floats]
"""Forecasts of a task, origins × horizon; NaN where an origin's history is too short. It may raise."""


def seasonal_naive(task: Task) -> Floats:
    """The last value of the same season; before a season is over, the last value."""
    return _each(task, _seasonal_naive)


def drift(task: Task) -> Floats:
    """The season's last values, and the mean change of the whole history carried on."""

    def forecast(known: Floats, season: int, horizon: int) -> Floats:
        whole = len(known) - len(known) % season
        seasons = known[len(known) - whole :].reshape(-1, season).mean(axis=1)
        if len(seasons) < 2:
            return _seasonal_naive(known, season, horizon)
        slope = float(seasons[-1] - seasons[0]) / (len(seasons) - 1)
        carried: Floats = _seasonal_naive(known, season, horizon) + slope * (1 + np.arange(horizon) // season)
        return carried

    return _each(task, forecast)


def seasonal_growth(task: Task) -> Floats:
    """The season's last values, times half of the growth of the last quarter over that of the year before."""

    def forecast(known: Floats, season: int, horizon: int) -> Floats:
        quarter = max(1, season // 4)
        then, now = known[-season - quarter : -season], known[-quarter:]
        if season == 1 or len(then) < quarter or then.mean() <= 0 or now.mean() <= 0:
            return _seasonal_naive(known, season, horizon)
        growth = float(np.clip(now.mean() / then.mean(), 0.25, 4.0))
        grown: Floats = _seasonal_naive(known, season, horizon) * growth**FULL_GROWTH
        return grown

    return _each(task, forecast)


def ets(task: Task) -> Floats:
    """Exponential smoothing with the error, trend and season of the least AICc (Hyndman et al. 2002)."""
    from statsforecast.models import AutoETS

    return _fitted(task, lambda season: AutoETS(season_length=season))


def theta(task: Task) -> Floats:
    """The optimised Theta method (Fiorucci et al. 2016)."""
    from statsforecast.models import OptimizedTheta

    return _fitted(task, lambda season: OptimizedTheta(season_length=season), longest=np.inf)


def dynamic_theta(task: Task) -> Floats:
    """The dynamic optimised Theta method (Fiorucci et al. 2016)."""
    from statsforecast.models import DynamicOptimizedTheta

    return _fitted(task, lambda season: DynamicOptimizedTheta(season_length=season), longest=np.inf)


def ces(task: Task) -> Floats:
    """Complex exponential smoothing (Svetunkov, Kourentzes & Ord 2022)."""
    from statsforecast.models import AutoCES

    return _fitted(task, lambda season: AutoCES(season_length=season))


def arima(task: Task) -> Floats:
    """ARIMA: orders searched at the oldest origin (Hyndman & Khandakar 2008), parameters estimated at each.

    It warns of searches that end early and of orders that are seldom wise; what they say is judged by the backtest.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="statsforecast")  # the backtest judges what it warns of
        return _arima(task)


def _arima(task: Task) -> Floats:
    from statsforecast.models import ARIMA, AutoARIMA

    found: Any = None
    said = np.full((len(task.backs), task.horizon), np.nan)
    for row, back in enumerate(task.backs):
        known = task.history.before(back)
        season = task.seasons(known)
        if len(known) < FEWEST or task.season > LONG_SEASON:
            continue
        if found is None:
            search = AutoARIMA(season_length=season, approximation=True, **ORDERS).fit(known)
            p, q, P, Q, m, d, D = search.model_["arma"]  # noqa: N806 (the letters of Box and Jenkins)
            names = search.model_["coef"].keys()
            found = ARIMA(
                order=(p, d, q),
                seasonal_order=(P, D, Q),
                season_length=m,
                include_mean="intercept" in names,
                include_drift="drift" in names,
                method="CSS-ML",
            )
            said[row] = search.predict(task.horizon)["mean"]
            continue
        said[row] = found.forecast(known, task.horizon)["mean"]
    return said


MEMBERS: Mapping[str, Member] = {
    PLAIN: seasonal_naive,
    "drift": drift,
    "seasonal growth": seasonal_growth,
    "ets": ets,
    "theta": theta,
    "dynamic theta": dynamic_theta,
    "ces": ces,
    "arima": arima,
    "prophet": prophetic,
}


@dataclass(frozen=True)
class Said:
    """What members foresaw of one series (members × origins × horizon, NaN: nothing), and why where they failed."""

    values: Floats
    failed: Mapping[str, str]


def ask(task: Task, names: Sequence[str]) -> Said:
    """What each member foresees; one that raises, or leaves all bounds, is left out with the reason."""
    values, failed = np.full((len(names), len(task.backs), task.horizon), np.nan), {}
    seen = task.history.values
    reach = FAR * max(float(seen.max() - seen.min()), float(np.abs(seen).max()), 1e-12)
    for place, name in enumerate(names):
        try:
            said = MEMBERS[name](task)
        except Exception as error:  # noqa: BLE001 - the libraries raise bare exceptions on series they cannot fit
            failed[name] = f"{type(error).__name__}: {error}"[:200]
            continue
        with np.errstate(invalid="ignore"):
            wild = ~(np.abs(said - seen.mean()) <= reach).all(axis=1) & ~np.isnan(said).all(axis=1)
        if wild.any():
            failed[name] = "a forecast far beyond all that was seen"
            said = np.where(wild[:, None], np.nan, said)
        values[place] = np.maximum(said, task.history.floor)
    return Said(values, failed)


def ask_all(tasks: Sequence[Task], names: Sequence[str], jobs: int) -> list[Said]:
    """What each member foresees of each series, over ``jobs`` processes; in this one where the series are few."""
    if jobs == 1 or len(tasks) < 50:
        return [ask(task, names) for task in tasks]
    from joblib import Parallel, delayed

    size = max(1, min(50, len(tasks) // (4 * jobs)))
    chunks = [tasks[at : at + size] for at in range(0, len(tasks), size)]
    told = Parallel(n_jobs=jobs)(delayed(_ask_chunk)(chunk, names) for chunk in chunks)
    return [said for chunk in told for said in chunk]


def _ask_chunk(tasks: Sequence[Task], names: Sequence[str]) -> list[Said]:
    return [ask(task, names) for task in tasks]


def _each(task: Task, forecast: Callable[[Floats, int, int], Floats]) -> Floats:
    """A simple way at each origin that has a value before it."""
    said = np.full((len(task.backs), task.horizon), np.nan)
    for row, back in enumerate(task.backs):
        known = task.history.before(back)
        if len(known):
            season = task.season if len(known) >= task.season else 1
            said[row] = forecast(known, season, task.horizon)
    return said


def _fitted(task: Task, make: Callable[[int], Any], longest: float = LONG_SEASON) -> Floats:
    """A model of statsforecast fitted anew at each origin with enough before it."""
    said = np.full((len(task.backs), task.horizon), np.nan)
    for row, back in enumerate(task.backs):
        known = task.history.before(back)
        season = task.seasons(known)
        if len(known) < FEWEST or task.season > longest or (season == 1 and task.season > LONG_SEASON):
            continue
        try:
            said[row] = make(season).forecast(known, task.horizon)["mean"]
        except Exception:
            if back == 0:  # the past may be too short where the present is not
                raise
    return said


def _seasonal_naive(known: Floats, season: int, horizon: int) -> Floats:
    last = known[-season:]
    repeated: Floats = last[np.arange(horizon) % season]
    return repeated
