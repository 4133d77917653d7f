"""How soon an alert tells of a change, and how often one cries wolf, on demo companies.

``python -m bench.drift [--seeds 11 12 …] [--size 1]``. For each seed a company is made twice: as it is, and with a
change of regime (``data.demo.regime``) from midnight of a day that the seed draws. Each of the last hundred nights of
the quiet one is judged by what that night knew, with the alerts of the night before it; every alert that is new is
false. The changed one is judged from the night on that sees the first changed day, until an alert that was not up
before: the first such night is night 1. ``drift.nights_to_alert`` is the median over the seeds (the table names each,
and the worst); ``drift.false_alerts`` the mean number per ``drift.quiet_nights`` nights of one company.

The last rows plant one sign of the change at a time: what of it would have sufficed. The limit of the bands
(``reports.monitoring.control_limits.LIMIT``) was chosen on other seeds (201–220), at other dates.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import fmean, median

import ibis
import numpy as np
import pandas as pd

from bench.harness.result import print_result
from data.calendar import first_instant
from data.contract import TABLES
from data.demo import write_demo
from data.demo.regime import SIGNS
from data.lake import connect
from data.outputs.conform import conform
from data.outputs.report_tables import SCOREBOARD
from data.point_in_time import as_known
from features.company import Company
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import NIGHTS, Band, band
from reports.monitoring.daily_volumes import daily_flows
from reports.monitoring.drift import flow_drift

TIMEZONE = "Europe/Istanbul"
FIRST_UNTIL = datetime(2026, 1, 1, 12)
QUIET_NIGHTS, WATCHED_NIGHTS = 100, 30
SEEDS = tuple(range(11, 21))
NOTHING_MATCHED = conform(pd.DataFrame(columns=list(SCOREBOARD.by_name)), SCOREBOARD)


def main() -> None:
    """Print nights to the alert and false alerts, seed by seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--size", type=float, default=1.0)
    given = parser.parse_args()
    rows, waits, false = [], [], []
    for seed in given.seeds:
        until, change = _dates(seed)
        with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
            quiet = _bands(Path(folder), until, seed, given.size, None, ())
            changed = _bands(Path(folder), until, seed, given.size, change, tuple(SIGNS))
        told = list(_new_alerts(quiet, until.date(), QUIET_NIGHTS))
        wait, by = _wait(changed, change, until.date())
        false.append(len(told))
        waits.append(wait)
        rows.append([str(seed), f"{change:%a %Y-%m-%d}", _nights(wait), by, str(len(told)), ", ".join(told)])
    for sign in SIGNS:
        alone = []
        for seed in given.seeds:
            until, change = _dates(seed)
            with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
                bands = _bands(Path(folder), until, seed, given.size, change, (sign,))
            alone.append(_wait(bands, change, until.date())[0])
        seen = [wait for wait in alone if wait <= WATCHED_NIGHTS]
        rows.append(
            [
                f"only {sign}",
                "",
                f"{_nights(int(median(alone)))} (median)",
                f"seen in {len(seen)} of {len(alone)}",
                "",
                "",
            ]
        )
    print_result(
        "hidden drift",
        ["seed", "changed from", "nights to the alert", "by", f"false in {QUIET_NIGHTS} nights", "which"],
        rows,
        {
            "drift.nights_to_alert": median(waits),
            "drift.nights_to_alert_worst": max(waits),
            "drift.within_two_nights": round(fmean(wait <= 2 for wait in waits), 3),
            "drift.quiet_nights": QUIET_NIGHTS,
            "drift.false_alerts": round(fmean(false), 3),
            "drift.false_alerts_worst": max(false),
        },
    )


def _dates(seed: int) -> tuple[datetime, datetime]:
    """When a company's data end, within a year, and a day one to two months before from which it is changed."""
    rng = np.random.default_rng([seed, 5])
    until = FIRST_UNTIL + timedelta(days=int(rng.integers(365)))
    return until, datetime.combine(until.date(), datetime.min.time()) - timedelta(days=int(rng.integers(32, 60)))


def _bands(
    folder: Path, until: datetime, seed: int, size: float, change: datetime | None, signs: Sequence[str]
) -> list[Band]:
    """The bands of a company's daily flows as of its last day."""
    at = None if change is None else first_instant(change.date(), TIMEZONE)
    write_demo(folder, until=until, size=size, seed=seed, timezone=TIMEZONE, regime_change=at, regime_signs=signs)
    flows = daily_flows(company_of(folder, until.date(), seed))
    return [band(daily, QUIET_NIGHTS + NIGHTS) for daily in flows]


def company_of(folder: Path, as_of: date, seed: int = 7) -> Company:
    """The demo company below a folder as it was known at a date, read as it lies."""
    backend, before = connect(threads=1), ibis.literal(first_instant(as_of, TIMEZONE))
    tables = {
        name: as_known(backend.read_parquet(folder / "crm" / f"{name}.parquet", table_name=name), table, before).cache()
        for name, table in TABLES.items()
    }
    return Company(tables, as_of, TIMEZONE, "EUR", seed, backend)


def _nights(wait: int) -> str:
    return str(wait) if wait <= WATCHED_NIGHTS else f"not within {WATCHED_NIGHTS}"


def _alerts(bands: list[Band], first: date, nights: int) -> Iterator[tuple[date, pd.DataFrame]]:
    """The alerts of nights one after the other, each given the days that it knew and the alerts of the one before."""
    earlier = pd.DataFrame(columns=["kind", "subject", "first_seen", "since", "run_as_of"])
    for night in (first + timedelta(days=n) for n in range(nights)):
        known = [_until(found, night) for found in bands]
        told = raise_alerts(night, known, flow_drift(known), NOTHING_MATCHED, earlier)
        earlier = told.assign(run_as_of=night)
        yield night, told


def _until(found: Band, night: date) -> Band:
    """The band as a night saw it. A day's counts are those of the first night after it and never change, and a day is
    judged by days before it alone: so what a night saw is the first part of what a later one sees (tests hold both).
    """
    daily = found.daily
    known = int(np.searchsorted(daily.days, np.datetime64(night - timedelta(days=daily.delay_days))))
    seen = replace(daily, days=daily.days[:known], came=daily.observed[:known], of=daily.exposure[:known],
                   quiet=daily.holiday[:known])  # fmt: skip
    parts = (found.came, found.expected, found.low, found.high, found.deviations)
    return Band(seen, *(part[:, :known] for part in parts))


def _new_alerts(bands: list[Band], last: date, nights: int) -> Iterator[str]:
    """The names of alerts that were first seen in one of the last nights."""
    first, seen = last - timedelta(days=nights - 1), set()
    for _, told in _alerts(bands, first, nights):
        for alert, day in zip(told["alert_id"], told["first_seen"], strict=True):
            if day >= first and alert not in seen:
                seen.add(alert)
                yield str(alert)


def _wait(bands: list[Band], change: datetime, last: date) -> tuple[int, str]:
    """Nights from the first that sees the change until one brings a new alert, and about what."""
    first = change.date() + timedelta(days=1)
    for n, (_, told) in enumerate(_alerts(bands, first, min(WATCHED_NIGHTS, (last - first).days + 1)), 1):
        new = told[told["first_seen"] >= first]
        if len(new):
            return n, ", ".join(new["subject"])
    return WATCHED_NIGHTS + 1, ""


if __name__ == "__main__":
    main()
