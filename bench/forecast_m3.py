"""The 3,003 series of the M3 competition, as they were held out then (Makridakis & Hibon 2000).

Beside the forecaster, on the same series in the same run: AutoETS alone, the plain mean of AutoETS and the dynamic
optimised Theta, and (months) Prophet alone. sMAPE in per cent and MASE as the competitions define them, means over
series.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster
from models.forecasting.local_methods import ask_all
from models.forecasting.method import Task
from models.forecasting.series_preparation import Calendar

PERIODS = {"MONTHLY": ("M", 12, 18), "QUARTERLY": ("Q", 4, 8), "YEARLY": ("Y", 1, 6), "OTHER": ("Y", 1, 8)}
MEMBERS = ("seasonal naive", "drift", "ets", "theta", "dynamic theta", "ces", "arima", "prophet", "lightgbm")
WIDTHS = (80, 95)


@dataclass(frozen=True)
class Part:
    """One frequency: forecasts (series × steps) by name, what came, and the scale of MASE."""

    said: dict[str, Floats]
    came: Floats
    scale: Floats
    held: dict[int, Floats]
    seconds: float
    left_out: dict[str, str]

    def smape(self, name: str) -> Floats:
        """Per series, in per cent."""
        said = self.said[name]
        terms: Floats = 200 * np.abs(said - self.came) / (np.abs(said) + np.abs(self.came))
        return np.asarray(terms.mean(axis=1), dtype=np.float64)

    def mase(self, name: str) -> Floats:
        """Per series."""
        return np.asarray(np.abs(self.said[name] - self.came).mean(axis=1) / self.scale, dtype=np.float64)


def m3(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    every = pd.read_parquet(folder / "M3.parquet")
    parts = {period: part(every[every["period"] == period], period, jobs) for period in PERIODS}
    months = parts["MONTHLY"]
    pooled = np.concatenate([one.smape("forecaster") for one in parts.values()])
    held = {width: np.concatenate([one.held[width].ravel() for one in parts.values()]) for width in WIDTHS}
    bars = {"forecaster": ("13.4", "0.825", "12.6")}
    rows = []
    for name in months.said:
        bar = bars.get(name, ("", "", ""))
        rows.append(["m3", name, "sMAPE, months", f"{months.smape(name).mean():.2f}", bar[0]])
        rows.append(["m3", name, "MASE, months", f"{months.mase(name).mean():.3f}", bar[1]])
        if name in parts["YEARLY"].said:
            every_series = np.concatenate([one.smape(name) for one in parts.values()]).mean()
            rows.append(["m3", name, "sMAPE, all", f"{every_series:.2f}", bar[2]])
    for period, one in parts.items():
        shares = ", ".join(f"{100 * one.held[width].mean():.1f}" for width in WIDTHS)
        rows.append(["m3", "forecaster", f"held by 80 and 95 %, {period.lower()}", shares, "77–83, 92–98"])
        for name, why in one.left_out.items():
            rows.append(["m3", f"left out: {name}", period.lower(), why[:60], ""])
    seconds = sum(one.seconds for one in parts.values())
    rows.append(["m3", "forecaster", f"seconds, all series, {jobs} processes", f"{seconds:.0f}", ""])
    figures = {
        "m3.monthly.smape": round(float(months.smape("forecaster").mean()), 3),
        "m3.monthly.mase": round(float(months.mase("forecaster").mean()), 4),
        "m3.all.smape": round(float(pooled.mean()), 3),
        "m3.coverage80": round(100 * float(held[80].mean()), 2),
        "m3.coverage95": round(100 * float(held[95].mean()), 2),
        "m3.seconds": round(seconds, 1),
    }
    return rows, figures


def part(table: pd.DataFrame, period: str, jobs: int) -> Part:
    """One frequency, forecast from what the competitors were given."""
    frequency, season, horizon = PERIODS[period]
    train, test = (table[table["part"] == name] for name in ("train", "test"))
    long = pd.DataFrame({"unique_id": train["sn"], "ds": days(train["t"], frequency), "y": train["y"]})
    began = perf_counter()
    made = Forecaster(horizon, season=season, frequency=frequency, kind="level", members=MEMBERS, jobs=jobs).fit(long)
    told = made.predict()
    seconds = perf_counter() - began
    names = [one.unique_id for one in made.histories_]
    after = {str(name): rows.to_numpy(dtype=np.float64) for name, rows in test.groupby("sn")["y"]}
    came = np.stack([after[name] for name in names])
    numbers = ("point", *(f"{end}_{width}" for width in WIDTHS for end in ("low", "high")))
    wide = {column: told[column].to_numpy().reshape(len(names), horizon) for column in numbers}
    heard = made.heard_
    now = {name: heard.said[place, :, -1] for place, name in enumerate(heard.names)}
    now = {name: np.where(np.isnan(said), now["seasonal naive"], said) for name, said in now.items()}
    said = {
        "forecaster": wide["point"],
        "mean of ets and dynamic theta": (now["ets"] + now["dynamic theta"]) / 2,
        "ets": now["ets"],
    }
    if period == "MONTHLY":
        tasks = [Task(one, season, horizon, (0,), made.calendar_) for one in made.histories_]
        prophet = np.stack([answer.values[0, 0] for answer in ask_all(tasks, ("prophet",), jobs)])
        said["prophet"] = np.where(np.isnan(prophet), now["seasonal naive"], prophet)
    history = {str(name): rows.to_numpy() for name, rows in train.groupby("sn")["y"]}
    scale = np.array([np.abs(history[name][season:] - history[name][:-season]).mean() for name in names])
    held = {width: (wide[f"low_{width}"] <= came) & (came <= wide[f"high_{width}"]) for width in WIDTHS}
    return Part(said, came, scale, {w: v.astype(np.float64) for w, v in held.items()}, seconds, dict(made.left_out_))


def days(places: pd.Series, frequency: str) -> pd.DatetimeIndex:
    """Days for series that come undated: the first period is that of 1900."""
    first = pd.Period("1900-01-01", freq=frequency).ordinal
    return Calendar(frequency, pd.Timedelta(0)).days(first + places.to_numpy(dtype=np.int64) - 1)
