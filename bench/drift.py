"""How soon a change of regime raises an alert on demo companies, and how often there are false alerts.

``python -m bench.drift [--seeds 11 12 …] [--size 1]``. For each seed a company is written twice: as it is, and with a
change of regime (``data.demo.regime``) from midnight of a day that the seed draws. Each of the last hundred nights of
the unchanged company is evaluated on what that night knew, with the alerts of the night before; every new alert is
false. The changed company is evaluated from the night that first sees the changed day until an alert that was not up
before: the first such night is night 1. ``drift.nights_to_alert`` is the median over the seeds (the table names each,
and the worst); ``drift.false_alerts`` the mean number per ``drift.quiet_nights`` nights of one company.

The last rows plant one sign of the change at a time: which of them would have been enough. The limit
(``reports.monitoring.control_limits.MAX_Z``) was chosen on other seeds (201–220), at other dates.
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
from data.point_in_time import cut_as_of
from features.company import Company, CompanySettings
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import N_NIGHTS, ControlLimits, control_limits
from reports.monitoring.daily_volumes import daily_volumes
from reports.monitoring.drift import volume_drift

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
    options = parser.parse_args()
    rows, waits, false = [], [], []
    for seed in options.seeds:
        until, change = _dates(seed)
        with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
            quiet = _limits(Path(folder), until, seed, options.size, None, ())
            changed = _limits(Path(folder), until, seed, options.size, change, tuple(SIGNS))
        false_alerts = list(_new_alerts(quiet, until.date(), QUIET_NIGHTS))
        wait, by = _wait(changed, change, until.date())
        false.append(len(false_alerts))
        waits.append(wait)
        rows.append(
            [str(seed), f"{change:%a %Y-%m-%d}", _nights(wait), by, str(len(false_alerts)), ", ".join(false_alerts)]
        )
    for sign in SIGNS:
        single = []
        for seed in options.seeds:
            until, change = _dates(seed)
            with tempfile.TemporaryDirectory(prefix="gelir-bench-") as folder:
                limits = _limits(Path(folder), until, seed, options.size, change, (sign,))
            single.append(_wait(limits, change, until.date())[0])
        detected = [wait for wait in single if wait <= WATCHED_NIGHTS]
        rows.append(
            [
                f"only {sign}",
                "",
                f"{_nights(int(median(single)))} (median)",
                f"detected in {len(detected)} of {len(single)}",
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


def _limits(
    folder: Path, until: datetime, seed: int, size: float, change: datetime | None, signs: Sequence[str]
) -> list[ControlLimits]:
    """The control limits of a company's daily volumes as of its last day."""
    at = None if change is None else first_instant(change.date(), TIMEZONE)
    write_demo(folder, until=until, size=size, seed=seed, timezone=TIMEZONE, regime_change=at, regime_signs=signs)
    volumes = daily_volumes(company_of(folder, until.date(), seed))
    return [control_limits(daily, QUIET_NIGHTS + N_NIGHTS) for daily in volumes]


def company_of(folder: Path, as_of: date, seed: int = 7) -> Company:
    """The demo company in a folder as known at a date, read without mapping and validation."""
    backend, before = connect(threads=1), ibis.literal(first_instant(as_of, TIMEZONE))
    tables = {
        name: cut_as_of(
            backend.read_parquet(folder / "crm" / f"{name}.parquet", table_name=name), table, before
        ).cache()
        for name, table in TABLES.items()
    }
    return Company(tables, as_of, CompanySettings(TIMEZONE, "EUR", seed), backend)


def _nights(wait: int) -> str:
    return str(wait) if wait <= WATCHED_NIGHTS else f"not within {WATCHED_NIGHTS}"


def _alerts(limits: list[ControlLimits], first: date, nights: int) -> Iterator[tuple[date, pd.DataFrame]]:
    """The alerts of consecutive nights, each from the days that it knew and the alerts of the night before."""
    earlier = pd.DataFrame(columns=["kind", "subject", "first_seen", "since", "run_as_of"])
    for night in (first + timedelta(days=n) for n in range(nights)):
        known = [_as_of(one_volume, night) for one_volume in limits]
        alerts = raise_alerts(night, known, volume_drift(known), NOTHING_MATCHED, earlier)
        earlier = alerts.assign(run_as_of=night)
        yield night, alerts


def _as_of(limits: ControlLimits, night: date) -> ControlLimits:
    """The control limits as a night saw them: the first part of what a later night sees.

    A day's counts are those of the first night after it and never change, and the limits of a day depend on earlier
    days only; tests hold both.
    """
    volume = limits.volume
    known = int(np.searchsorted(volume.days, np.datetime64(night - timedelta(days=volume.delay_days))))
    seen = replace(
        volume,
        days=volume.days[:known],
        observed=volume.observed[:known],
        exposure=volume.exposure[:known],
        holiday=volume.holiday[:known],
    )
    windows = (limits.observed, limits.expected, limits.low, limits.high, limits.z)
    return ControlLimits(seen, *(window[:, :known] for window in windows))


def _new_alerts(limits: list[ControlLimits], last: date, nights: int) -> Iterator[str]:
    """The names of alerts that were first seen in one of the last nights."""
    first, seen = last - timedelta(days=nights - 1), set()
    for _, alerts in _alerts(limits, first, nights):
        for alert, day in zip(alerts["alert_id"], alerts["first_seen"], strict=True):
            if day >= first and alert not in seen:
                seen.add(alert)
                yield str(alert)


def _wait(limits: list[ControlLimits], change: datetime, last: date) -> tuple[int, str]:
    """Nights from the first that sees the change until a new alert, and the subjects of that alert."""
    first = change.date() + timedelta(days=1)
    for n, (_, alerts) in enumerate(_alerts(limits, first, min(WATCHED_NIGHTS, (last - first).days + 1)), 1):
        new = alerts[alerts["first_seen"] >= first]
        if len(new):
            return n, ", ".join(new["subject"])
    return WATCHED_NIGHTS + 1, ""


if __name__ == "__main__":
    main()
