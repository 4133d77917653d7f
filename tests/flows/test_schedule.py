"""The schedule: once per local day whatever the clocks do, and fired for real."""

import asyncio
import signal
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from data.errors import StoreError
from data.store.views import open_store, published_run_id, view
from flows.schedule import every_night
from flows.settings import load_settings, today
from tests.command_line import ROOT
from tests.flows.served import Served, of_session

PATIENCE_SECONDS = 300


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Europe/Istanbul"])
@pytest.mark.parametrize("at", ["01:30", "02:30", "03:00"])
def test_the_night_fires_once_per_local_day_across_both_clock_changes(timezone: str, at: str, tmp_path: Path) -> None:
    from prefect.server.schemas.schedules import CronSchedule

    schedule = every_night(load_settings(tmp_path, timezone=timezone, schedule_at=at))
    assert schedule.timezone == timezone
    zone = ZoneInfo(timezone)
    first, days = date(2025, 1, 1), 365
    start = datetime(2025, 1, 1, tzinfo=zone)
    served = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    fired = asyncio.run(served.get_dates(start=start, end=datetime(2025, 12, 31, 23, 59, tzinfo=zone)))
    local = [instant.astimezone(zone).date() for instant in fired]
    assert local == [first + timedelta(days=n) for n in range(days)]


def test_a_served_night_is_published_and_nothing_outlives_the_server(served: Served) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (run := run_seen(served.folder)) is None and served.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    assert run is not None, served.log.read_text()
    assert f"-{today('Europe/Istanbul')}-" in run
    served.process.send_signal(signal.SIGTERM)
    served.process.wait(60)
    while of_session(served.process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [process.cmdline() for process in of_session(served.process.pid)] == []


def test_the_deployments_for_workers_name_flows_that_load() -> None:
    from prefect.flows import load_flow_from_entrypoint

    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    names = [deployment["name"] for deployment in deployments]
    loaded = [
        load_flow_from_entrypoint(str(ROOT / deployment["entrypoint"]), use_placeholder_flow=False)
        for deployment in deployments
    ]
    assert [flow.name for flow in loaded] == names == ["nightly", "training"]


def run_seen(folder: Path) -> str | None:
    """The run that readers see in a folder's scoring database, once there is one."""
    settings = load_settings(folder)
    if not (folder / "var" / "scores.db").exists():
        return None
    try:
        with open_store(settings.scores_url) as store:
            run = published_run_id(store)
            assert run is None or set(view(store, "next_best_actions")["run_id"]) == {run}
            return run
    except StoreError:  # it is being made
        return None
