"""How long the forecaster takes for a thousand monthly series: the whole pool, its backtest and the bounds.

The series are the first thousand monthly ones of the M3 competition, cut before what was held out. Learnt once, the
pool is then carried on to a table that is one month longer: its members are fitted anew, nothing is weighed again.
CES is compiled in each process, for half a minute, unless ``NIXTLA_NUMBA_CACHE=1`` stands in the environment.
"""

from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.forecast_m3 import days
from models.forecasting.forecaster import Forecaster
from models.forecasting.saved_state import carry_on, kept

SERIES, HORIZON = 1_000, 12


def speed(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    every = pd.read_parquet(folder / "M3.parquet")
    months = every[(every["period"] == "MONTHLY") & (every["part"] == "train")]
    some = months[months["sn"].isin(sorted(months["sn"].unique())[:SERIES])]
    long = pd.DataFrame({"unique_id": some["sn"], "ds": days(some["t"], "M"), "y": some["y"]})
    before = long[long.groupby("unique_id").cumcount(ascending=False) > 0]
    told: dict[str, float] = {}
    began = perf_counter()
    made = Forecaster(HORIZON, frequency="M", kind="level", jobs=jobs).fit(before)
    made.predict()
    told["speed.fit_seconds"] = round(perf_counter() - began, 1)
    began = perf_counter()
    fresh = Forecaster(HORIZON, frequency="M", kind="level", jobs=jobs)
    carry_on(kept(made), fresh, long, None).predict()
    told["speed.carried_seconds"] = round(perf_counter() - began, 1)
    members = ", ".join(made.heard_.names)
    rows = [
        [
            "speed",
            f"forecaster, {SERIES:,} months",
            f"seconds, {jobs} processes",
            f"{told['speed.fit_seconds']}",
            "240",
        ],
        ["speed", "carried on by a month", f"seconds, {jobs} processes", f"{told['speed.carried_seconds']}", ""],
        ["speed", f"asked: {members}", "", "", ""],
    ]
    rows += [["speed", f"left out: {name}", why, "", ""] for name, why in made.left_out_.items()]
    return rows, told
