"""Leaks of demo companies and their money, as found, against the true ones (planted, or arisen by chance).

``python -m bench.leaks [--seeds 31 32 33] [--size 1]``. Each company is written, read, validated and resolved as in a
night, and its leaks are compared with ``truth/leaks`` (``data.demo.leak_truth``), which knows what the CRM does not
show. Precision and recall count leaks by name; the money error is the relative error of the sum. ``--misses`` lists
false and missed leaks.
"""

import argparse
import tempfile
from datetime import datetime
from pathlib import Path

import pandas as pd

from bench.harness.result import print_result
from bench.harness.snapshots import company_at, temporary_settings
from data.demo import write_demo
from reports.leaks.report import DETECTORS, find_leaks

SEEDS = (31, 32, 33)
UNTIL = datetime(2026, 6, 17, 12, 30)


def main() -> None:
    """Print precision, recall and the error of the money, by detector and in total."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--size", type=float, default=1.0)
    parser.add_argument("--misses", action="store_true", help="list them")
    options = parser.parse_args()
    matches = pd.concat(
        [match_leaks(seed, options.size).assign(seed=seed) for seed in options.seeds], ignore_index=True
    )
    if options.misses:
        print_misses(matches)
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for name in [*(detector.name for detector in DETECTORS), "total"]:
        subset = matches if name == "total" else matches[matches["detector"] == name]
        measured = measure(subset)
        rows.append([name, f"{measured['found']:,.0f}", f"{measured['true']:,.0f}", f"{measured['precision']:.3f}",
                     f"{measured['recall']:.3f}", f"{measured['money_found']:,.0f}", f"{measured['money_true']:,.0f}",
                     f"{measured['money_error']:+.1%}"])  # fmt: skip
        figures |= {f"{name}.{key}": round(measured[key], 4) for key in ("precision", "recall", "money_error")}
    columns = ["detector", "found", "true", "precision", "recall", "money found", "money true", "error"]
    print_result(f"leaks of {len(options.seeds)} demo companies of size {options.size:g}", columns, rows, figures)


def match_leaks(seed: int, size: float) -> pd.DataFrame:
    """One row per leak that was found or is true: ``detector, key, money_found, money_true``; NaN if it is not."""
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder), until=UNTIL, size=size, seed=seed)
        with temporary_settings("demo", Path(folder) / "crm") as settings:
            found = find_leaks(company_at(settings, UNTIL.date()))
        true = pd.read_parquet(Path(folder) / "truth" / "leaks.parquet")
    return join_leaks(found, true)


def join_leaks(found: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """One row per leak that was found or is true, joined by detector and key."""
    found = found.assign(key=[leak.split(":", 1)[1] for leak in found["leak_id"]])
    return found[["detector", "key", "money", "evidence"]].merge(
        true[["detector", "key", "money"]], on=["detector", "key"], how="outer", suffixes=("_found", "_true")
    )


def measure(matches: pd.DataFrame) -> dict[str, float]:
    """Numbers of found and true leaks, precision, recall, and both sums of money with their relative error."""
    found, true = matches["money_found"].notna(), matches["money_true"].notna()
    hits = int((found & true).sum())
    money_found, money_true = float(matches["money_found"].sum()), float(matches["money_true"].sum())
    return {
        "found": int(found.sum()),
        "true": int(true.sum()),
        "precision": hits / max(1, int(found.sum())),
        "recall": hits / max(1, int(true.sum())),
        "money_found": money_found,
        "money_true": money_true,
        "money_error": money_found / money_true - 1 if money_true else 0.0,
    }


def print_misses(matches: pd.DataFrame) -> None:
    """List false and missed leaks."""
    wrong = matches[matches["money_found"].isna() | matches["money_true"].isna()]
    rows = [[str(value) for value in row] for row in wrong.itertuples(index=False)]
    print_result("false and missed leaks", list(wrong.columns), rows, {})


if __name__ == "__main__":
    main()
