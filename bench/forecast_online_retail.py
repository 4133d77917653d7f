"""Weekly net revenue of the UCI Online Retail wholesaler: the last 12 full weeks held out.

Net: cancelled lines count against. Weeks begin on Mondays; the first and the last, cut short, are left out; in two,
around New Year, nothing was sold.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster

HELD = 12
SEASON = 52


def online_retail(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    parts = []
    for name in ("online_retail_II_2009_2010.parquet", "online_retail_2010_2011.parquet"):
        part = pd.read_parquet(folder / name).rename(
            columns={"Price": "UnitPrice", "Invoice": "InvoiceNo", "Customer ID": "CustomerID"}
        )
        parts.append(part[["InvoiceDate", "Quantity", "UnitPrice", "Country"]])
    first = parts[1]["InvoiceDate"].min().normalize()
    lines = pd.concat([parts[0][parts[0]["InvoiceDate"] < first], parts[1]], ignore_index=True)
    lines["ds"] = lines["InvoiceDate"].dt.to_period("W").dt.start_time
    lines["y"] = lines["Quantity"] * lines["UnitPrice"]
    whole = lines[(lines["ds"] < lines["ds"].max()) & (lines["ds"] > lines["ds"].min())]
    leaf = np.where(whole["Country"] == "United Kingdom", "at home", "abroad")
    long = whole.assign(unique_id=leaf).groupby(["unique_id", "ds"], as_index=False)["y"].sum()
    weeks = np.sort(long["ds"].unique())
    train = long[long["ds"] < weeks[-HELD]]
    places = pd.DataFrame({"unique_id": ["at home", "abroad"]})
    began = perf_counter()
    made = Forecaster(HELD, frequency="W-SUN", countries=("GB",), jobs=jobs).fit(train, places)
    said = made.predict()
    seconds = perf_counter() - began
    point = said[said["unique_id"] == "total"]["point"].to_numpy()
    every = long.groupby("ds")["y"].sum()
    every = every.reindex(pd.date_range(every.index[0], every.index[-1], freq="7D"), fill_value=0.0).to_numpy()
    came, naive = every[-HELD:], every[-HELD - SEASON : -SEASON]
    measured, plain = smape(point, came), smape(naive, came)
    rows = [
        ["online_retail", "forecaster", "sMAPE, total", f"{measured:.2f}", "17.7"],
        ["online_retail", "seasonal naive", "sMAPE, total", f"{plain:.2f}", ""],
        ["online_retail", said[said["unique_id"] == "total"]["model"].iloc[0], "", "", ""],
        *[["online_retail", f"left out: {name}", why[:60], "", ""] for name, why in made.left_out_.items()],
        ["online_retail", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""],
    ]
    return rows, {"online_retail.smape": round(measured, 3)}


def smape(said: Floats, came: Floats) -> float:
    """In per cent, of one series."""
    return float((200 * np.abs(said - came) / (np.abs(said) + np.abs(came))).mean())
