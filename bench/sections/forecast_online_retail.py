"""Weekly net revenue of the UCI Online Retail wholesaler: the last 12 full weeks as test.

Net: canceled lines are subtracted. Weeks begin on Mondays; the first and the last, cut short, are left out; in two,
around New Year, nothing was sold.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from data.arrays import Floats
from models.forecasting.forecaster import Forecaster
from models.forecasting.method import BASELINE

N_TEST = 12
SEASON_LENGTH = 52


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
    full_weeks = lines[(lines["ds"] < lines["ds"].max()) & (lines["ds"] > lines["ds"].min())]
    leaf = np.where(full_weeks["Country"] == "United Kingdom", "at home", "abroad")
    df = full_weeks.assign(unique_id=leaf).groupby(["unique_id", "ds"], as_index=False)["y"].sum()
    train = df[df["ds"] < np.sort(df["ds"].unique())[-N_TEST]]
    leaves = pd.DataFrame({"unique_id": ["at home", "abroad"]})
    start = perf_counter()
    forecaster = Forecaster(N_TEST, freq="W-SUN", countries=("GB",), n_jobs=jobs).fit(train, leaves)
    predicted = forecaster.predict()
    seconds = perf_counter() - start
    total = predicted[predicted["unique_id"] == "total"]
    revenue = df.groupby("ds")["y"].sum()
    weeks = pd.date_range(revenue.index[0], revenue.index[-1], freq="7D")
    revenue = revenue.reindex(weeks, fill_value=0.0).to_numpy()
    actuals, naive = revenue[-N_TEST:], revenue[-N_TEST - SEASON_LENGTH : -SEASON_LENGTH]
    error, naive_error = smape(total["point"].to_numpy(), actuals), smape(naive, actuals)
    rows = [
        ["online_retail", "forecaster", "sMAPE, total", f"{error:.2f}", "17.7"],
        ["online_retail", BASELINE, "sMAPE, total", f"{naive_error:.2f}", ""],
        ["online_retail", total["model"].iloc[0], "", "", ""],
        *[["online_retail", f"excluded: {name}", reason[:60], "", ""] for name, reason in forecaster.excluded_.items()],
        ["online_retail", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""],
    ]
    return rows, {"online_retail.smape": round(error, 3)}


def smape(forecasts: Floats, actuals: Floats) -> float:
    """In per cent, of one series."""
    return float((200 * np.abs(forecasts - actuals) / (np.abs(forecasts) + np.abs(actuals))).mean())
