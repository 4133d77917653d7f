"""Quarterly tourism in Australia: 304 leaves, 425 nodes, the last 8 quarters held out.

The protocol is that of the published figures of hierarchicalforecast: nodes by country, state, region, purpose and
their crossings; RMSE of each node over the 8 quarters, and the mean of these over all nodes.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from models.forecasting.forecaster import Forecaster

HELD = 8
MEMBERS = (
    "seasonal naive",
    "drift",
    "seasonal growth",
    "ets",
    "theta",
    "dynamic theta",
    "ces",
    "arima",
    "lightgbm",
    "family season",
)


def tourism_quarterly(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    told = pd.read_parquet(folder / "tsibble_tourism_quarterly.parquet")
    place = told["State"] + "/" + told["Region"]
    leaf = place + "/" + told["Purpose"]
    long = pd.DataFrame({"unique_id": leaf, "ds": told["Quarter"], "y": told["Trips"]})
    hierarchy = pd.DataFrame(
        {
            "unique_id": leaf,
            "state": told["State"],
            "purpose": told["Purpose"],
            "region": place,
            "state and purpose": told["State"] + "/" + told["Purpose"],
        }
    ).drop_duplicates()
    quarters = np.sort(long["ds"].unique())
    train = long[long["ds"] < quarters[-HELD]]
    began = perf_counter()
    made = Forecaster(HELD, frequency="Q", members=MEMBERS, jobs=jobs).fit(train, hierarchy)
    said = made.predict()
    seconds = perf_counter() - began
    nodes = made.hierarchy_
    assert nodes is not None
    came = nodes.of_nodes(long[long["ds"] >= quarters[-HELD]])
    both = said.merge(came, on=["unique_id", "ds"], how="outer", validate="one_to_one")
    levels = dict(zip(nodes.nodes, nodes.levels, strict=True))
    both["level"] = both["unique_id"].map(levels)
    rmse = ((both["point"] - both["y"]) ** 2).groupby(both["unique_id"]).mean() ** 0.5
    by_level = rmse.groupby(rmse.index.map(levels)).mean()
    wide = both.pivot(index="unique_id", columns="ds", values="point").reindex(list(nodes.nodes)).to_numpy()
    apart = nodes.incoherence(wide)
    assert made.way_ is not None
    rows = [["tourism", f"forecaster, {made.way_.way}", "RMSE overall", f"{rmse.mean():.2f}", "38.0"]]
    rows += [["tourism", "", f"RMSE, {level}", f"{value:.1f}", ""] for level, value in by_level.items()]
    rows += [["tourism", way, "backtest's miss", f"{miss:.4f}", ""] for way, miss in made.way_.missed.items()]
    rows += [["tourism", f"left out: {name}", why[:60], "", ""] for name, why in made.left_out_.items()]
    rows.append(["tourism", "forecaster", "largest incoherence", f"{apart:.1e}", "1e-6"])
    for width in (80, 95):
        held = both["y"].between(both[f"low_{width}"], both[f"high_{width}"]).mean()
        rows.append(["tourism", "forecaster", f"held by {width} %", f"{100 * held:.1f}", ""])
    rows.append(["tourism", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""])
    figures = {"tourism_quarterly.rmse": round(float(rmse.mean()), 3), "tourism_quarterly.incoherence": apart}
    return rows, figures
