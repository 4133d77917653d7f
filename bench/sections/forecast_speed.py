"""Seconds of the forecaster for a thousand monthly series: all methods, their backtest and the intervals.

The series are the first thousand monthly ones of the M3 competition, training parts only. The fitted ensemble is then
used again on a table that is one month longer: its methods are refitted, without a backtest.
CES is compiled in each process, for half a minute, unless ``NIXTLA_NUMBA_CACHE=1`` is set in the environment.
"""

from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.sections.forecast_m3 import dates
from models.forecasting.forecaster import Forecaster
from models.forecasting.saved_state import from_state, to_state

N_SERIES, H = 1_000, 12


def speed(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    table = pd.read_parquet(folder / "M3.parquet")
    months = table[(table["period"] == "MONTHLY") & (table["part"] == "train")]
    sample = months[months["sn"].isin(sorted(months["sn"].unique())[:N_SERIES])]
    df = pd.DataFrame({"unique_id": sample["sn"], "ds": dates(sample["t"], "M"), "y": sample["y"]})
    earlier = df[df.groupby("unique_id").cumcount(ascending=False) > 0]
    figures: dict[str, float] = {}
    start = perf_counter()
    fitted = Forecaster(H, freq="M", kind="level", n_jobs=jobs).fit(earlier)
    fitted.predict()
    figures["speed.fit_seconds"] = round(perf_counter() - start, 1)
    start = perf_counter()
    ensemble = from_state(to_state(fitted.ensemble_))
    Forecaster(H, freq="M", kind="level", n_jobs=jobs).refit(df, ensemble=ensemble).predict()
    figures["speed.carried_seconds"] = round(perf_counter() - start, 1)
    measure = f"seconds, {jobs} processes"
    rows = [
        ["speed", f"forecaster, {N_SERIES:,} months", measure, f"{figures['speed.fit_seconds']}", "240"],
        ["speed", "refitted a month later", measure, f"{figures['speed.carried_seconds']}", ""],
        ["speed", f"methods: {', '.join(fitted.backtest_.methods)}", "", "", ""],
    ]
    rows += [["speed", f"excluded: {name}", reason, "", ""] for name, reason in fitted.excluded_.items()]
    return rows, figures
