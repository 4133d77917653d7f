"""Weekly sales of 45 Walmart stores and their departments: the last 39 weeks held out.

WMAE is the competition's: weeks with a holiday count five times. At the leaves (store × department) the bar is 1,799,
that of the seasonal naive forecast. A sum of many leaves misses more money than one leaf, so at the levels above the
bar is what 1,799 is at the leaves: the seasonal naive forecast of the same level in the same weeks.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from models.forecasting.forecaster import Forecaster

HELD = 39
HOLIDAY = 5.0
MEMBERS = ("seasonal naive", "seasonal growth", "family season", "lightgbm")


def walmart(folder: Path, jobs: int) -> tuple[list[list[str]], dict[str, float]]:
    """Rows to print, and the figures."""
    told = pd.read_parquet(folder / "train.parquet")
    store, department = (told[name].astype(str) for name in ("Store", "Dept"))
    leaf = store + "/" + department
    long = pd.DataFrame({"unique_id": leaf, "ds": pd.to_datetime(told["Date"]), "y": told["Weekly_Sales"]})
    long["weight"] = np.where(told["IsHoliday"], HOLIDAY, 1.0)
    weeks = np.sort(long["ds"].unique())
    train, test = long[long["ds"] < weeks[-HELD]], long[long["ds"] >= weeks[-HELD]]
    places = pd.DataFrame({"unique_id": leaf, "store": store, "department": department}).drop_duplicates()
    places = places[places["unique_id"].isin(train["unique_id"])]
    began = perf_counter()
    made = Forecaster(HELD, frequency="W-FRI", members=MEMBERS, countries=("US",), jobs=jobs).fit(train, places)
    said = made.predict()
    seconds = perf_counter() - began
    nodes = made.hierarchy_
    assert nodes is not None
    levels = dict(zip(nodes.nodes, nodes.levels, strict=True))
    weights = test.groupby("ds")["weight"].max()
    before = pd.concat([nodes.of_nodes(train), test[["unique_id", "ds", "y"]]]).groupby(["unique_id", "ds"])["y"].sum()
    came = [test[["unique_id", "ds", "y"]]]
    for level in ("store", "department"):
        of = test.merge(places, on="unique_id", how="left")
        name = level + "=" + of[level].fillna(of["unique_id"].str.split("/").str[int(level == "department")])
        came.append(of.assign(unique_id=name).groupby(["unique_id", "ds"], as_index=False)["y"].sum())
    came.append(test.groupby("ds", as_index=False)["y"].sum().assign(unique_id="total"))
    both = pd.concat(came).merge(said, on=["unique_id", "ds"], how="left")
    naive = both[["unique_id", "ds"]].assign(ds=both["ds"] - pd.Timedelta(weeks=52))
    both["naive"] = before.reindex(pd.MultiIndex.from_frame(naive)).fillna(0.0).to_numpy()
    both["point"] = both["point"].fillna(0.0)  # a pair that was not sold in the training weeks
    both["level"] = both["unique_id"].map(levels).fillna("leaf")
    both["weight"] = both["ds"].map(weights)
    figures, rows = {}, []
    for level in ("leaf", "department", "store", "total"):
        mine = both[both["level"] == level]
        mine_w = mine["weight"] / mine["weight"].sum()
        missed, plain = (float(((mine[name] - mine["y"]).abs() * mine_w).sum()) for name in ("point", "naive"))
        bar = "1,799" if level == "leaf" else f"{plain:,.0f}"
        rows.append(["walmart", "forecaster", f"WMAE, {level}", f"{missed:,.1f}", bar])
        rows.append(["walmart", "seasonal naive", f"WMAE, {level}", f"{plain:,.1f}", ""])
        if level == "leaf":
            figures["walmart.wmae"] = round(missed, 1)
            for width in (80, 95):
                held = mine["y"].between(mine[f"low_{width}"], mine[f"high_{width}"]).mean()
                rows.append(["walmart", "forecaster", f"held by {width} %, leaf", f"{100 * held:.1f}", ""])
    if made.way_ is not None:
        rows += [["walmart", way, "backtest's miss", f"{miss:.4f}", ""] for way, miss in made.way_.missed.items()]
    rows += [["walmart", f"left out: {name}", why[:60], "", ""] for name, why in made.left_out_.items()]
    rows.append(["walmart", "forecaster", f"seconds, {jobs} processes", f"{seconds:.0f}", ""])
    return rows, figures
