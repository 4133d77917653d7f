"""The 3,003 series of the M3 competition with its training and test parts (Makridakis & Hibon 2000).

Compared with, on the same series in the same run: AutoETS, the mean of AutoETS and the dynamic optimized Theta, and
(months) Prophet. sMAPE in per cent and MASE as the competitions define them, means over series.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from data.arrays import Bools, Floats
from models.forecasting.calendar import Calendar
from models.forecasting.forecaster import Forecaster
from models.forecasting.local_methods import LocalMethod
from models.forecasting.method import BASELINE

PERIODS = {"MONTHLY": ("M", 12, 18), "QUARTERLY": ("Q", 4, 8), "YEARLY": ("Y", 1, 6), "OTHER": ("Y", 1, 8)}
"""Frequency, season length and horizon of each part of the competition."""
METHODS = (BASELINE, "drift", "ets", "theta", "dynamic theta", "ces", "arima", "prophet", "lightgbm")
LEVELS = (80, 95)


@dataclass(frozen=True)
class Result:
    """One frequency: ``forecasts`` (series × steps) by name, the actuals, and the scale of MASE (series)."""

    forecasts: dict[str, Floats]
    actuals: Floats
    scale: Floats
    covered: dict[int, Bools]
    seconds: float
    excluded: dict[str, str]

    def smape(self, name: str) -> Floats:
        """Per series, in per cent."""
        forecasts = self.forecasts[name]
        terms: Floats = 200 * np.abs(forecasts - self.actuals) / (np.abs(forecasts) + np.abs(self.actuals))
        return np.asarray(terms.mean(axis=1), dtype=np.float64)

    def mase(self, name: str) -> Floats:
        """Per series."""
        return np.asarray(np.abs(self.forecasts[name] - self.actuals).mean(axis=1) / self.scale, dtype=np.float64)


def m3(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    table = pd.read_parquet(folder / "M3.parquet")
    results = {period: forecast_part(table[table["period"] == period], period, jobs) for period in PERIODS}
    months = results["MONTHLY"]
    all_smape = np.concatenate([result.smape("forecaster") for result in results.values()])
    covered = {
        level: np.concatenate([result.covered[level].ravel() for result in results.values()]) for level in LEVELS
    }
    targets = {"forecaster": ("13.4", "0.825", "12.6")}
    rows = []
    for name in months.forecasts:
        target = targets.get(name, ("", "", ""))
        rows.append(["m3", name, "sMAPE, months", f"{months.smape(name).mean():.2f}", target[0]])
        rows.append(["m3", name, "MASE, months", f"{months.mase(name).mean():.3f}", target[1]])
        if name in results["YEARLY"].forecasts:
            smape = np.concatenate([result.smape(name) for result in results.values()]).mean()
            rows.append(["m3", name, "sMAPE, all", f"{smape:.2f}", target[2]])
    for period, result in results.items():
        shares = ", ".join(f"{100 * result.covered[level].mean():.1f}" for level in LEVELS)
        rows.append(["m3", "forecaster", f"coverage of 80 and 95 %, {period.lower()}", shares, "77–83, 92–98"])
        for name, reason in result.excluded.items():
            rows.append(["m3", f"excluded: {name}", period.lower(), reason[:60], ""])
    seconds = sum(result.seconds for result in results.values())
    rows.append(["m3", "forecaster", f"seconds, all series, {jobs} processes", f"{seconds:.0f}", ""])
    figures = {
        "m3.monthly.smape": round(float(months.smape("forecaster").mean()), 3),
        "m3.monthly.mase": round(float(months.mase("forecaster").mean()), 4),
        "m3.all.smape": round(float(all_smape.mean()), 3),
        "m3.coverage80": round(100 * float(covered[80].mean()), 2),
        "m3.coverage95": round(100 * float(covered[95].mean()), 2),
        "m3.seconds": round(seconds, 1),
    }
    return rows, figures


def forecast_part(table: pd.DataFrame, period: str, jobs: int) -> Result:
    """One frequency, forecast from what the competitors were given."""
    freq, season_length, h = PERIODS[period]
    train, test = (table[table["part"] == name] for name in ("train", "test"))
    df = pd.DataFrame({"unique_id": train["sn"], "ds": dates(train["t"], freq), "y": train["y"]})
    start = perf_counter()
    forecaster = Forecaster(h, season_length=season_length, freq=freq, kind="level", methods=METHODS, n_jobs=jobs)
    predicted = forecaster.fit(df).predict()
    seconds = perf_counter() - start
    names = forecaster.panel_.unique_ids
    by_series = {str(name): rows.to_numpy(dtype=np.float64) for name, rows in test.groupby("sn")["y"]}
    actuals = np.stack([by_series[name] for name in names])
    columns = ("point", *(f"{end}_{level}" for level in LEVELS for end in ("low", "high")))
    wide = {column: predicted[column].to_numpy().reshape(len(names), h) for column in columns}
    result = forecaster.backtest_
    naive = result.baseline[:, -1]
    current = {
        name: np.where(np.isnan(values[:, -1]), naive, values[:, -1])
        for name, values in zip(result.methods, result.forecasts, strict=True)
    }
    forecasts = {
        "forecaster": wide["point"],
        "mean of ets and dynamic theta": (current["ets"] + current["dynamic theta"]) / 2,
        "ets": current["ets"],
    }
    if period == "MONTHLY":
        prophet = LocalMethod("prophet", jobs).forecast(forecaster.panel_, (0,)).values[:, 0]
        forecasts["prophet"] = np.where(np.isnan(prophet), naive, prophet)
    history = {str(name): rows.to_numpy() for name, rows in train.groupby("sn")["y"]}
    scale = np.array([np.abs(history[name][season_length:] - history[name][:-season_length]).mean() for name in names])
    covered = {level: (wide[f"low_{level}"] <= actuals) & (actuals <= wide[f"high_{level}"]) for level in LEVELS}
    return Result(forecasts, actuals, scale, covered, seconds, forecaster.excluded_)


def dates(numbers: pd.Series, freq: str) -> pd.DatetimeIndex:
    """Dates for undated series: period 1 is the first of 1900."""
    first = pd.Period("1900-01-01", freq=freq).ordinal
    return Calendar(freq, pd.Timedelta(0)).dates(first + numbers.to_numpy(dtype=np.int64) - 1)
