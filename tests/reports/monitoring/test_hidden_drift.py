"""A regime change in the demo company raises an alert within two nights; a hundred quiet nights raise none."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.drift import NOTHING_MATCHED, TIMEZONE, company_of
from data.calendar import first_instant
from data.demo import write_demo
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import HOLD_NIGHTS, alert_start, control_limits
from reports.monitoring.daily_volumes import daily_volumes
from reports.monitoring.drift import volume_drift

UNTIL = datetime(2026, 9, 16, 12)
CHANGED = date(2026, 9, 7)
SEED = 3
NO_ALERTS = pd.DataFrame(columns=["kind", "subject", "first_seen", "since", "run_as_of"])


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed")
    write_demo(folder, until=UNTIL, seed=SEED, regime_change=first_instant(CHANGED, TIMEZONE))
    return folder


def test_the_alert_comes_within_two_nights(changed: Path) -> None:
    night = date(2026, 9, 9)  # the second night that sees a changed day
    limits = [control_limits(daily) for daily in daily_volumes(company_of(changed, night))]
    alerts = raise_alerts(night, limits, volume_drift(limits), NOTHING_MATCHED, NO_ALERTS)
    assert set(alerts["subject"]) & {"usage", "tickets", "orders"}
    assert (alerts["first_seen"] >= date(2026, 9, 8)).all()
    assert alerts["suggestion"].str.len().gt(20).all()


def test_a_hundred_quiet_nights_bring_at_most_one_alert(tmp_path: Path) -> None:
    write_demo(tmp_path, until=UNTIL, seed=SEED)
    nights = 100
    n_alerts = 0
    for daily in daily_volumes(company_of(tmp_path, UNTIL.date())):
        found = control_limits(daily, nights)
        outside = np.flatnonzero(found.outside)
        n_alerts += len(outside) and 1 + int((np.diff(outside) > HOLD_NIGHTS).sum())
        assert (alert_start(found) is not None) == bool(
            len(outside) and outside[-1] >= len(daily.days) - 1 - HOLD_NIGHTS
        )
    assert n_alerts <= 1
