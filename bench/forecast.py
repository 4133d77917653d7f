"""The forecaster on four public tables, each held out as its bar was set, and how long it takes.

``python -m bench.forecast [m3] [tourism_quarterly] [walmart] [online_retail] [speed] [--data FOLDER] [--jobs N]``; all
of them without an argument. No choice was made on what is held out: members, weights, ways to reconcile and widths come
from the forecaster's own backtest inside each training part.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.forecast_m3 import m3
from bench.forecast_online_retail import online_retail
from bench.forecast_speed import speed
from bench.forecast_tourism import tourism_quarterly
from bench.forecast_walmart import walmart
from bench.harness.result import DATA, say

Rows = list[list[str]]
BENCHES: Mapping[str, tuple[str, Callable[[Path, int], tuple[Rows, dict[str, float]]]]] = {
    "m3": ("fc_m3", m3),
    "tourism_quarterly": ("fc_tourism_hierarchical", tourism_quarterly),
    "walmart": ("fc_walmart_weekly", walmart),
    "online_retail": ("rev_online_retail_uci", online_retail),
    "speed": ("fc_m3", speed),
}


def main() -> None:
    """Run the named benches one after another; a folder that is not there is named, with exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="table", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    strange = sorted(set(asked.tables) - set(BENCHES))
    if strange:
        parser.error(f"no table is named {', '.join(strange)}; there are {', '.join(BENCHES)}")
    tables = asked.tables or list(BENCHES)
    missing = [str(asked.data / BENCHES[name][0]) for name in tables if not (asked.data / BENCHES[name][0]).is_dir()]
    if missing:
        sys.stderr.write(f"no data at {', '.join(missing)}: give the folder of the data sets with --data\n")
        raise SystemExit(2)
    rows: Rows = []
    figures: dict[str, float | None] = {}
    for name in tables:
        folder, bench = BENCHES[name]
        told, found = bench(asked.data / folder, asked.jobs)
        rows += told
        figures |= found
    say("forecasts", ["table", "forecast", "measure", "value", "bar"], rows, figures)


if __name__ == "__main__":
    main()
