"""The seconds before a night: Prefect's own server starts while the libraries that the night needs are imported.

Each takes about ten seconds on two cores, and neither waits for the other. Where ``PREFECT_API_URL`` names a server,
nothing is started.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from data.errors import SettingsError
from flows.settings import Settings


@contextmanager
def ready(settings: Settings) -> Iterator[None]:
    """Start what a night begins with, and hold it for the block; what cannot be started raises here.

    On its own server a flow sends no heartbeats: nobody watches for them, and stopping them takes a second.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefect-server") as side:
        server = side.submit(get_client, sync_client=True)
        _import(settings)
        server.result()
    alone = {} if PREFECT_API_URL.value() else {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(alone):
        yield


def make_databases(settings: Settings) -> None:
    """Make or migrate the databases of Prefect's own server and of MLflow: the first night need not wait for them."""
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    done = subprocess.run(upgrade, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SettingsError(
            f"Prefect's database cannot be made: {done.stderr.strip().splitlines()[-1:]}",
            where=os.environ["PREFECT_HOME"],
            mend="remove the folder, or set PREFECT_HOME to another one",
        )
    from models.tracking import Tracking

    Tracking(settings.path(settings.mlruns), settings.company or "gelir").get_ready()


def _import(settings: Settings) -> None:
    from data.judge import import_great_expectations
    from flows import steps  # noqa: F401
    from models.pool_prophet import import_prophet
    from models.tracking import Tracking

    import_great_expectations()
    import_prophet()
    Tracking(settings.path(settings.mlruns), settings.company or "gelir").get_ready()
