"""Weekly sales of 45 Walmart stores and their departments: the last 39 weeks as test.

WMAE is the competition's: weeks with a holiday count five times. The target is the seasonal naive forecast of the same
level in the same weeks (1,799 at the leaves, store × department).
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import LIGHTGBM, PARENT_SEASONALITY
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.method import BASELINE

N_TEST = 39
SEASON_LENGTH = 52
HOLIDAY_WEIGHT = 5.0
METHODS = (BASELINE, "seasonal growth", PARENT_SEASONALITY, LIGHTGBM)


def walmart(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    sales = pd.read_parquet(folder / "train.parquet")
    store, department = (sales[name].astype(str) for name in ("Store", "Dept"))
    leaf = store + "/" + department
    df = pd.DataFrame({"unique_id": leaf, "ds": pd.to_datetime(sales["Date"]), "y": sales["Weekly_Sales"]})
    df["weight"] = np.where(sales["IsHoliday"], HOLIDAY_WEIGHT, 1.0)
    weeks = np.sort(df["ds"].unique())
    train, test = df[df["ds"] < weeks[-N_TEST]], df[df["ds"] >= weeks[-N_TEST]]
    leaves = pd.DataFrame({"unique_id": leaf, "store": store, "department": department}).drop_duplicates()
    leaves = leaves[leaves["unique_id"].isin(train["unique_id"])]
    start = perf_counter()
    forecaster = Forecaster(N_TEST, freq="W-FRI", methods=METHODS, countries=("US",), n_jobs=jobs).fit(train, leaves)
    predicted = forecaster.predict()
    seconds = perf_counter() - start
    merged = _with_naive(train, test, leaves).merge(predicted, on=["unique_id", "ds"], how="left")
    merged["point"] = merged["point"].fillna(0.0)  # a pair that was not sold in the training weeks
    merged["weight"] = merged["ds"].map(test.groupby("ds")["weight"].max())
    figures, rows = {}, []
    for level in ("leaf", "department", "store", "total"):
        of_level = merged[merged["level"] == level]
        weights = of_level["weight"] / of_level["weight"].sum()
        wmae, naive = (float(((of_level[name] - of_level["y"]).abs() * weights).sum()) for name in ("point", "naive"))
        target = "1,799" if level == "leaf" else f"{naive:,.0f}"
        rows.append(["walmart", "forecaster", f"WMAE, {level}", f"{wmae:,.1f}", target])
        rows.append(["walmart", BASELINE, f"WMAE, {level}", f"{naive:,.1f}", ""])
        if level == "leaf":
            figures["walmart.wmae"] = round(wmae, 1)
            for interval in (80, 95):
                covered = of_level["y"].between(of_level[f"low_{interval}"], of_level[f"high_{interval}"]).mean()
                rows.append(["walmart", "forecaster", f"coverage of {interval} %, leaf", f"{100 * covered:.1f}", ""])
    reconciliation = forecaster.ensemble_.reconciliation
    if reconciliation is not None:
        errors = reconciliation.errors.items()
        rows += [["walmart", method, "scaled RMSE in the backtest", f"{error:.4f}", ""] for method, error in errors]
    rows += [["walmart", f"excluded: {name}", reason[:60], "", ""] for name, reason in forecaster.excluded_.items()]
    rows.append(["walmart", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""])
    return rows, figures


def _with_naive(train: pd.DataFrame, test: pd.DataFrame, leaves: pd.DataFrame) -> pd.DataFrame:
    """One row per node and test week: ``unique_id, ds, y, level``, and the ``naive`` forecast (a year before).

    Leaves that were not sold in the training weeks count in the nodes above them.
    """
    hierarchy = Hierarchy.from_leaves(leaves)
    columns = ["unique_id", "ds", "y"]
    actuals = [test[columns]]
    parents = test.merge(leaves, on="unique_id", how="left")
    for part, level in enumerate(("store", "department")):
        node = level + "=" + parents[level].fillna(parents["unique_id"].str.split("/").str[part])
        actuals.append(parents.assign(unique_id=node).groupby(["unique_id", "ds"], as_index=False)[["y"]].sum())
    actuals.append(test.groupby("ds", as_index=False)[["y"]].sum().assign(unique_id="total"))
    nodes = pd.concat(actuals, ignore_index=True)
    history = pd.concat([hierarchy.aggregate(train), test[columns]]).groupby(["unique_id", "ds"])["y"].sum()
    year_before = nodes[["unique_id", "ds"]].assign(ds=nodes["ds"] - pd.Timedelta(weeks=SEASON_LENGTH))
    nodes["naive"] = history.reindex(pd.MultiIndex.from_frame(year_before)).fillna(0.0).to_numpy()
    levels = dict(zip(hierarchy.nodes, hierarchy.levels, strict=True))
    return nodes.assign(level=nodes["unique_id"].map(levels).fillna("leaf"))
