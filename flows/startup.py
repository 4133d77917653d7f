"""The seconds before a night: Prefect's own server and the lanes start while the leader imports what it needs.

Each takes some seconds on two cores, and none waits for another. Where ``PREFECT_API_URL`` names a server, none is
started.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from data.errors import SettingsError
from flows.prefect_server import server
from flows.settings import Settings
from flows.worker_pool import two_lanes


@contextmanager
def ready() -> Iterator[None]:
    """Start what a night begins with, and hold it for the block; what cannot be started raises here.

    On its own server a flow sends no heartbeats: nobody watches for them, and stopping them takes a second.
    """
    with two_lanes(), server(services=False) as own, ExitStack() as held:
        _import()
        if own.ours:
            from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            alone = {PREFECT_API_URL: own.address(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
            held.enter_context(temporary_settings(alone))
        yield


def make_databases(settings: Settings) -> None:
    """Make or migrate the databases of Prefect's own server and of MLflow: the first night need not wait for them."""
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    done = subprocess.run(upgrade, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SettingsError(
            f"Prefect's database cannot be made: {done.stderr.strip().splitlines()[-1:]}",
            where=os.environ["PREFECT_HOME"],
            remedy="remove the folder, or set PREFECT_HOME to another one",
        )
    from models.training.tracking import Tracking

    Tracking(settings.path(settings.mlruns), settings.company or "gelir").get_ready()


def _import() -> None:
    """What the leader of a night needs; its lanes import what models need."""
    from data.validation.expectations import import_great_expectations
    from flows import tasks as steps  # noqa: F401

    import_great_expectations()
