"""The seconds before a night: Prefect's server and the workers start while the main process imports what it needs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from data.errors import SettingsError
from flows.prefect_server import prefect_server
from flows.settings import Settings
from flows.worker_pool import worker_pool
from flows.worker_tasks import import_models


@contextmanager
def night_services() -> Iterator[None]:
    """A block with a Prefect server and worker processes. Raises ``SettingsError`` where the server does not start.

    On the temporary server a flow sends no heartbeats: nothing watches them, and stopping them takes a second.
    """
    with worker_pool(import_models), prefect_server(services=False) as server, ExitStack() as stack:
        _import_steps()
        if server.started_here:
            from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

            overrides = {PREFECT_API_URL: server.address(), PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
            stack.enter_context(temporary_settings(overrides))
        yield


def create_databases(settings: Settings) -> None:
    """Create or migrate the databases of Prefect's temporary server and of MLflow, so that no night waits for it."""
    upgrade = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    finished = subprocess.run(upgrade, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise SettingsError(
            f"Prefect's database cannot be created: {finished.stderr.strip().splitlines()[-1:]}",
            where=os.environ["PREFECT_HOME"],
            remedy="remove the folder, or set PREFECT_HOME to another one",
        )
    from models.training.tracking import Tracking

    Tracking(settings.path(settings.mlruns), settings.company or "gelir").warm_up()


def _import_steps() -> None:
    """Import what the main process of a night needs; its workers import models."""
    from data.validation.expectations import import_great_expectations
    from flows import tasks  # noqa: F401

    import_great_expectations()
