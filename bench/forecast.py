"""The forecaster's accuracy on four public tables, with the test parts of the published figures, and its speed.

``python -m bench.forecast [m3] [tourism_quarterly] [walmart] [online_retail] [speed] [--data FOLDER] [--jobs N]``; all
of them without an argument. Nothing was tuned on the test parts: methods, weights, reconciliation and intervals come
from the forecaster's own backtest inside each training part.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.harness.result import DATA, print_result
from bench.sections.forecast_m3 import m3
from bench.sections.forecast_online_retail import online_retail
from bench.sections.forecast_speed import speed
from bench.sections.forecast_tourism import tourism_quarterly
from bench.sections.forecast_walmart import walmart

Rows = list[list[str]]
BENCHES: Mapping[str, tuple[str, Callable[[Path, int], tuple[Rows, dict[str, float]]]]] = {
    "m3": ("fc_m3", m3),
    "tourism_quarterly": ("fc_tourism_hierarchical", tourism_quarterly),
    "walmart": ("fc_walmart_weekly", walmart),
    "online_retail": ("rev_online_retail_uci", online_retail),
    "speed": ("fc_m3", speed),
}


def main() -> None:
    """Run the named benches one after another; missing data sets are listed, with exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="table", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.tables) - set(BENCHES))
    if unknown:
        parser.error(f"unknown tables: {', '.join(unknown)}; available: {', '.join(BENCHES)}")
    names = arguments.tables or list(BENCHES)
    folders = {name: arguments.data / BENCHES[name][0] for name in names}
    missing = [str(folder) for folder in folders.values() if not folder.is_dir()]
    if missing:
        sys.stderr.write(f"no data at {', '.join(missing)}: give the folder of the data sets with --data\n")
        raise SystemExit(2)
    rows: Rows = []
    figures: dict[str, float | None] = {}
    for name, folder in folders.items():
        bench = BENCHES[name][1]
        bench_rows, bench_figures = bench(folder, arguments.jobs)
        rows += bench_rows
        figures |= bench_figures
    print_result("forecasts", ["table", "forecast", "measure", "value", "bar"], rows, figures)


if __name__ == "__main__":
    main()
