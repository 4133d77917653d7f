"""Whether the leaks of demo companies are found, and their money: against what was planted and what came by itself.

``python -m bench.leaks [--seeds 31 32 33] [--size 1]``. Each company is made, read, checked and resolved as a night
does, and its leaks are set against ``truth/leaks`` (``data.demo.leak_truth``), which knows what the CRM does not show.
Precision and recall are of leaks by name; the money error is that of the sum that was found, against the true sum.
``--misses`` lists what was found wrongly or not at all.
"""

import argparse
import tempfile
from datetime import datetime
from pathlib import Path

import pandas as pd

from bench.harness.company_snapshot import company_at, home
from bench.harness.result import say
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
    given = parser.parse_args()
    both = pd.concat([compared(seed, given.size).assign(seed=seed) for seed in given.seeds], ignore_index=True)
    if given.misses:
        print_misses(both)
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for name in [*(detector.name for detector in DETECTORS), "total"]:
        mine = both if name == "total" else both[both["detector"] == name]
        judged = figures_of(mine)
        rows.append([name, f"{judged['found']:,.0f}", f"{judged['true']:,.0f}", f"{judged['precision']:.3f}",
                     f"{judged['recall']:.3f}", f"{judged['money_found']:,.0f}", f"{judged['money_true']:,.0f}",
                     f"{judged['money_error']:+.1%}"])  # fmt: skip
        figures |= {f"{name}.{key}": round(judged[key], 4) for key in ("precision", "recall", "money_error")}
    columns = ["detector", "found", "true", "precision", "recall", "money found", "money true", "error"]
    say(f"leaks of {len(given.seeds)} demo companies of size {given.size:g}", columns, rows, figures)


def compared(seed: int, size: float) -> pd.DataFrame:
    """One row per leak that was found or is true: ``detector, key, money_found, money_true``, NaN where it is not."""
    with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
        write_demo(Path(folder), until=UNTIL, size=size, seed=seed)
        with home("demo", Path(folder) / "crm") as settings:
            found = find_leaks(company_at(settings, UNTIL.date()))
        true = pd.read_parquet(Path(folder) / "truth" / "leaks.parquet")
    return matched(found, true)


def matched(found: pd.DataFrame, true: pd.DataFrame) -> pd.DataFrame:
    """Leaks that were found beside those that are true, by detector and key."""
    found = found.assign(key=[leak.split(":", 1)[1] for leak in found["leak_id"]])
    return found[["detector", "key", "money", "evidence"]].merge(
        true[["detector", "key", "money"]], on=["detector", "key"], how="outer", suffixes=("_found", "_true")
    )


def figures_of(both: pd.DataFrame) -> dict[str, float]:
    """How many were found and are true, precision, recall, and the money of both with its relative error."""
    found, true = both["money_found"].notna(), both["money_true"].notna()
    hits = int((found & true).sum())
    money_found, money_true = float(both["money_found"].sum()), float(both["money_true"].sum())
    return {
        "found": int(found.sum()),
        "true": int(true.sum()),
        "precision": hits / max(1, int(found.sum())),
        "recall": hits / max(1, int(true.sum())),
        "money_found": money_found,
        "money_true": money_true,
        "money_error": money_found / money_true - 1 if money_true else 0.0,
    }


def print_misses(both: pd.DataFrame) -> None:
    """List false and missed leaks."""
    wrong = both[both["money_found"].isna() | both["money_true"].isna()]
    rows = [[str(value) for value in row] for row in wrong.itertuples(index=False)]
    say("found wrongly, or not at all", list(wrong.columns), rows, {})


if __name__ == "__main__":
    main()
