"""Seconds and peak memory of the night, step by step, for the demo company at 1×, 4× and 16×.

``python -m bench.nightly [--sizes 1 4 16]``. Each size gets a fresh folder, so models are trained from nothing: the
slowest night there is. A night runs in a process of its own; its memory, with that of its children, is sampled from
outside, and belongs to whichever steps are being written at that moment.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from time import perf_counter, sleep

import psutil

from bench.harness.result import print_result
from data.demo import write_demo

UNTIL = datetime(2026, 6, 30, 15, 0)
SAMPLE_SECONDS = 0.05
GIB = 2**30


def main() -> None:
    """Run the sizes one after another and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 16])
    sizes = parser.parse_args().sizes
    rows: list[list[str]] = []
    figures: dict[str, float | None] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
            began = perf_counter()
            write_demo(Path(folder) / "var" / "demo", until=UNTIL, size=size)
            made = perf_counter() - began
            seconds, peak, steps = night(Path(folder))
        name = f"night_{size:g}x"
        figures |= {f"{name}.seconds": round(seconds, 1), f"{name}.peak_gib": round(peak, 2)}
        rows.append([f"{size:g}×", "demo company (not counted)", f"{made:.1f}", ""])
        rows += [[f"{size:g}×", step, f"{took:.1f}", f"{high:.2f}"] for step, (took, high) in steps.items()]
        rows.append([f"{size:g}×", "the whole night", f"{seconds:.1f}", f"{peak:.2f}"])
    print_result("the night", ["size", "step", "seconds", "peak GiB"], rows, figures)


def night(folder: Path) -> tuple[float, float, dict[str, tuple[float, float]]]:
    """Seconds and peak GiB of a night in ``folder``, whole and per step (steps may overlap)."""
    command = [sys.executable, "-m", "app.cli", "nightly", "--as-of", f"{UNTIL:%Y-%m-%d}"]
    home = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": str(home)}
    began = perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    highest: dict[str, float] = defaultdict(float)
    peak = 0.0
    while process.poll() is None:
        now, memory = perf_counter() - began, _memory(process.pid)
        peak = max(peak, memory)
        for writing in folder.glob("var/lake/*/.*.writing"):
            step = writing.name.removeprefix(".").removesuffix(".writing")
            first.setdefault(step, now)
            last[step] = now
            highest[step] = max(highest[step], memory)
        sleep(SAMPLE_SECONDS)
    if process.returncode != 0:
        raise SystemExit(f"the night failed with exit code {process.returncode}")
    steps = {step: (last[step] - first[step] + SAMPLE_SECONDS, highest[step]) for step in first}
    return perf_counter() - began, peak, steps


def _memory(pid: int) -> float:
    """Resident GiB of a process and its children."""
    total = 0
    try:
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended while it was looked at
        pass
    return total / GIB


if __name__ == "__main__":
    main()
