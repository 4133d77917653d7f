"""Methods that forecast one series at a time: simple ones, and those of statsforecast and Prophet.

Simple methods are hard to beat over many series (Makridakis & Hibon 2000), and combinations of ETS, Theta, ARIMA and
CES beat each of them (Petropoulos & Svetunkov 2020).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.arrays import Floats
from models.forecasting.method import BASELINE, MAX_FAILURE_LENGTH, MAX_SEASON_LENGTH, ForecastTask, MethodForecasts
from models.forecasting.panel import GROWTH_DAMPING, MAX_GROWTH, MIN_GROWTH, Panel
from models.forecasting.prophet_method import forecast_prophet

MIN_VALUES = 8
"""Values below which no model of statsforecast is fitted."""
ARIMA_ORDERS = {"max_p": 2, "max_q": 2, "max_P": 1, "max_Q": 1, "start_p": 1, "start_q": 1, "start_P": 0, "start_Q": 0}
"""Orders of ARIMA that are searched, and where the search starts: larger ones take longer and forecast no better."""
MAX_RANGES = 10.0
"""Distance from the mean, in ranges of the series, beyond which a forecast is a numerical failure."""
MIN_SERIES_PARALLEL = 50
MAX_CHUNK = 50

SeriesForecaster = Callable[[ForecastTask], Floats]
"""Forecasts of a task, cutoffs × steps; NaN where the history before a cutoff is too short. It may raise."""


@dataclass(frozen=True)
class LocalMethod:
    """A method of this file under its name, run over ``n_jobs`` processes where there are many series."""

    name: str
    n_jobs: int = 1

    @property
    def expensive(self) -> bool:
        """Whether it is screened on large tables."""
        return self.name in EXPENSIVE

    def forecast(self, panel: Panel, cutoffs: tuple[int, ...]) -> MethodForecasts:
        """Forecasts of every series from each cutoff; ``failure`` counts the series on which it raised or diverged."""
        tasks = [
            ForecastTask(series, panel.season_length, panel.h, cutoffs, panel.calendar, panel.countries)
            for series in panel.series
        ]
        forecasts = forecast_all(self.name, tasks, self.n_jobs)
        failures = [forecast.failure for forecast in forecasts if forecast.failure]
        failure = f"failed on {len(failures)} series: {failures[0]}" if failures else ""
        return MethodForecasts(np.stack([forecast.values for forecast in forecasts]), failure)


def forecast_all(name: str, tasks: Sequence[ForecastTask], n_jobs: int) -> list[MethodForecasts]:
    """The forecasts of one method for each task (cutoffs × steps), in one process where series are few."""
    if n_jobs == 1 or len(tasks) < MIN_SERIES_PARALLEL:
        return [forecast_one(name, task) for task in tasks]
    from joblib import Parallel, delayed

    size = max(1, min(MAX_CHUNK, len(tasks) // (4 * n_jobs)))
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    forecasts = Parallel(n_jobs=n_jobs)(delayed(_forecast_chunk)(name, chunk) for chunk in chunks)
    return [forecast for chunk in forecasts for forecast in chunk]


def _forecast_chunk(name: str, tasks: Sequence[ForecastTask]) -> list[MethodForecasts]:
    return [forecast_one(name, task) for task in tasks]


def forecast_one(name: str, task: ForecastTask) -> MethodForecasts:
    """The forecasts of one method for one task (cutoffs × steps), not below the floor of the series.

    A method that raises has none, nor from a cutoff from which it diverges; ``failure`` says so.
    """
    values = task.series.values
    max_distance = MAX_RANGES * max(float(values.max() - values.min()), float(np.abs(values).max()), 1e-12)
    try:
        forecasts = LOCAL_METHODS[name](task)
    except Exception as error:  # noqa: BLE001 - the libraries raise bare exceptions on series they cannot fit
        failure = f"{type(error).__name__}: {error}"[:MAX_FAILURE_LENGTH]
        return MethodForecasts(np.full((len(task.cutoffs), task.h), np.nan), failure)
    failure = ""
    with np.errstate(invalid="ignore"):
        diverges = ~(np.abs(forecasts - values.mean()) <= max_distance).all(axis=1) & ~np.isnan(forecasts).all(axis=1)
    if diverges.any():
        failure = f"the forecast is over {MAX_RANGES:g} times the range of the series away from its mean"
        forecasts = np.where(diverges[:, None], np.nan, forecasts)
    return MethodForecasts(np.maximum(forecasts, task.series.floor), failure)


def forecast_seasonal_naive(task: ForecastTask) -> Floats:
    """The last value of the same season; before a season is over, the last value."""
    return _at_each_cutoff(task, _seasonal_naive)


def forecast_drift(task: ForecastTask) -> Floats:
    """The seasonal naive forecast plus the mean change per season of the whole history."""

    def forecast(values: Floats, season_length: int, h: int) -> Floats:
        complete = len(values) - len(values) % season_length
        means = values[len(values) - complete :].reshape(-1, season_length).mean(axis=1)
        if len(means) < 2:
            return _seasonal_naive(values, season_length, h)
        slope = float(means[-1] - means[0]) / (len(means) - 1)
        drifting: Floats = _seasonal_naive(values, season_length, h) + slope * (1 + np.arange(h) // season_length)
        return drifting

    return _at_each_cutoff(task, forecast)


def forecast_seasonal_growth(task: ForecastTask) -> Floats:
    """The seasonal naive forecast times the damped growth of the last quarter over that of the year before."""

    def forecast(values: Floats, season_length: int, h: int) -> Floats:
        quarter = max(1, season_length // 4)
        before, recent = values[-season_length - quarter : -season_length], values[-quarter:]
        if season_length == 1 or len(before) < quarter or before.mean() <= 0 or recent.mean() <= 0:
            return _seasonal_naive(values, season_length, h)
        growth = float(np.clip(recent.mean() / before.mean(), MIN_GROWTH, MAX_GROWTH))
        growing: Floats = _seasonal_naive(values, season_length, h) * growth**GROWTH_DAMPING
        return growing

    return _at_each_cutoff(task, forecast)


def forecast_ets(task: ForecastTask) -> Floats:
    """Exponential smoothing with error, trend and season chosen by AICc (Hyndman et al. 2002)."""
    from statsforecast.models import AutoETS

    return _statsforecast(task, lambda season_length: AutoETS(season_length=season_length))


def forecast_theta(task: ForecastTask) -> Floats:
    """The optimized Theta method (Fiorucci et al. 2016)."""
    from statsforecast.models import OptimizedTheta

    return _statsforecast(task, lambda season_length: OptimizedTheta(season_length=season_length), np.inf)


def forecast_dynamic_theta(task: ForecastTask) -> Floats:
    """The dynamic optimized Theta method (Fiorucci et al. 2016)."""
    from statsforecast.models import DynamicOptimizedTheta

    return _statsforecast(task, lambda season_length: DynamicOptimizedTheta(season_length=season_length), np.inf)


def forecast_ces(task: ForecastTask) -> Floats:
    """Complex exponential smoothing (Svetunkov, Kourentzes & Ord 2022)."""
    from statsforecast.models import AutoCES

    return _statsforecast(task, lambda season_length: AutoCES(season_length=season_length))


def forecast_arima(task: ForecastTask) -> Floats:
    """ARIMA: orders searched at the earliest cutoff (Hyndman & Khandakar 2008), coefficients estimated at each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="statsforecast")  # of odd orders: the backtest evaluates them
        return _arima(task)


def _arima(task: ForecastTask) -> Floats:
    from statsforecast.models import ARIMA, AutoARIMA

    model: Any = None
    forecasts = np.full((len(task.cutoffs), task.h), np.nan)
    for i, cutoff in enumerate(task.cutoffs):
        values = task.series.before(cutoff)
        if len(values) < MIN_VALUES or task.season_length > MAX_SEASON_LENGTH:
            continue
        if model is not None:
            forecasts[i] = model.forecast(values, task.h)["mean"]
            continue
        season_length = task.season_length_of(values)
        search = AutoARIMA(season_length=season_length, approximation=True, **ARIMA_ORDERS).fit(values)
        p, q, P, Q, m, d, D = search.model_["arma"]  # noqa: N806 (the letters of Box and Jenkins)
        coefficients = search.model_["coef"].keys()
        model = ARIMA(
            order=(p, d, q),
            seasonal_order=(P, D, Q),
            season_length=m,
            include_mean="intercept" in coefficients,
            include_drift="drift" in coefficients,
            method="CSS-ML",
        )
        forecasts[i] = search.predict(task.h)["mean"]
    return forecasts


LOCAL_METHODS: Mapping[str, SeriesForecaster] = {
    BASELINE: forecast_seasonal_naive,
    "drift": forecast_drift,
    "seasonal growth": forecast_seasonal_growth,
    "ets": forecast_ets,
    "theta": forecast_theta,
    "dynamic theta": forecast_dynamic_theta,
    "ces": forecast_ces,
    "arima": forecast_arima,
    "prophet": forecast_prophet,
}
EXPENSIVE = frozenset({"prophet"})


def _at_each_cutoff(task: ForecastTask, forecast: Callable[[Floats, int, int], Floats]) -> Floats:
    """A simple method at each cutoff that has a value before it."""
    forecasts = np.full((len(task.cutoffs), task.h), np.nan)
    for i, cutoff in enumerate(task.cutoffs):
        values = task.series.before(cutoff)
        if len(values):
            season_length = task.season_length if len(values) >= task.season_length else 1
            forecasts[i] = forecast(values, season_length, task.h)
    return forecasts


def _statsforecast(
    task: ForecastTask, make_model: Callable[[int], Any], max_season_length: float = MAX_SEASON_LENGTH
) -> Floats:
    """A model of statsforecast, fitted at each cutoff with enough values before it."""
    forecasts = np.full((len(task.cutoffs), task.h), np.nan)
    for i, cutoff in enumerate(task.cutoffs):
        values = task.series.before(cutoff)
        season_length = task.season_length_of(values)
        not_seasonal_yet = season_length == 1 and task.season_length > MAX_SEASON_LENGTH
        if len(values) < MIN_VALUES or task.season_length > max_season_length or not_seasonal_yet:
            continue
        try:
            forecasts[i] = make_model(season_length).forecast(values, task.h)["mean"]
        except Exception:  # raised again for the present; a cutoff that fails stays NaN and is not evaluated
            if cutoff == 0:  # the past may be too short where the present is not
                raise
    return forecasts


def _seasonal_naive(values: Floats, season_length: int, h: int) -> Floats:
    repeated: Floats = values[-season_length:][np.arange(h) % season_length]
    return repeated
