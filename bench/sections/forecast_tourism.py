"""Quarterly tourism in Australia: 304 leaves, 425 nodes, the last 8 quarters as test.

The protocol is that of the published figures of hierarchicalforecast: nodes by country, state, region, purpose and
their crossings; RMSE of each node over the 8 quarters, and the mean of these over all nodes.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import LIGHTGBM, PARENT_SEASONALITY
from models.forecasting.hierarchy import Hierarchy
from models.forecasting.method import BASELINE

N_TEST = 8
METHODS = (
    BASELINE,
    "drift",
    "seasonal growth",
    "ets",
    "theta",
    "dynamic theta",
    "ces",
    "arima",
    LIGHTGBM,
    PARENT_SEASONALITY,
)


def tourism_quarterly(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    trips = pd.read_parquet(folder / "tsibble_tourism_quarterly.parquet")
    region = trips["State"] + "/" + trips["Region"]
    leaf = region + "/" + trips["Purpose"]
    df = pd.DataFrame({"unique_id": leaf, "ds": trips["Quarter"], "y": trips["Trips"]})
    leaves = pd.DataFrame(
        {
            "unique_id": leaf,
            "state": trips["State"],
            "purpose": trips["Purpose"],
            "region": region,
            "state and purpose": trips["State"] + "/" + trips["Purpose"],
        }
    ).drop_duplicates()
    quarters = np.sort(df["ds"].unique())
    train, test = df[df["ds"] < quarters[-N_TEST]], df[df["ds"] >= quarters[-N_TEST]]
    start = perf_counter()
    forecaster = Forecaster(N_TEST, freq="Q", methods=METHODS, n_jobs=jobs).fit(train, leaves)
    predicted = forecaster.predict()
    seconds = perf_counter() - start
    hierarchy = Hierarchy.from_leaves(leaves)
    merged = predicted.merge(hierarchy.aggregate(test), on=["unique_id", "ds"], how="outer", validate="one_to_one")
    rmse = ((merged["point"] - merged["y"]) ** 2).groupby(merged["unique_id"]).mean() ** 0.5
    by_level = rmse.groupby(rmse.index.map(dict(zip(hierarchy.nodes, hierarchy.levels, strict=True)))).mean()
    wide = merged.pivot(index="unique_id", columns="ds", values="point").reindex(list(hierarchy.nodes)).to_numpy()
    incoherence = hierarchy.incoherence(wide)
    rows = [["tourism", "forecaster", "RMSE overall", f"{rmse.mean():.2f}", "38.0"]]
    rows += [["tourism", "", f"RMSE, {level}", f"{value:.1f}", ""] for level, value in by_level.items()]
    reconciliation = forecaster.ensemble_.reconciliation
    if reconciliation is not None:
        rows.append(["tourism", reconciliation.method, "chosen reconciliation", "", ""])
        errors = reconciliation.errors.items()
        rows += [["tourism", method, "scaled RMSE in the backtest", f"{error:.4f}", ""] for method, error in errors]
    rows += [["tourism", f"excluded: {name}", reason[:60], "", ""] for name, reason in forecaster.excluded_.items()]
    rows.append(["tourism", "forecaster", "largest incoherence", f"{incoherence:.1e}", "1e-6"])
    for level in (80, 95):
        covered = merged["y"].between(merged[f"low_{level}"], merged[f"high_{level}"]).mean()
        rows.append(["tourism", "forecaster", f"coverage of {level} %", f"{100 * covered:.1f}", ""])
    rows.append(["tourism", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""])
    return rows, {"tourism_quarterly.rmse": round(float(rmse.mean()), 3), "tourism_quarterly.incoherence": incoherence}
