"""The schedule: the night served once per night, in the company's time zone."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from prefect.schedules import Cron, Schedule

from data.mapping import load_mapping
from flows.settings import Settings

SERVER_READY_SECONDS = 120


def every_night(settings: Settings) -> Schedule:
    """The cron schedule of the night in the company's zone.

    A cron in a zone fires once per local day where the clock time exists once; on the night that clocks are set back
    the second firing finds the night published and changes nothing.
    """
    timezone = settings.timezone or load_mapping(settings.mapping).timezone
    return Cron(f"{settings.schedule_at.minute} {settings.schedule_at.hour} * * *", timezone=timezone)


def serve(settings: Settings, schedule: Schedule | None = None) -> None:
    """Serve the night until stopped: on the Prefect server that PREFECT_API_URL names, or on one of its own."""
    with _server() as address:
        os.environ["PREFECT_API_URL"] = address  # the night runs in processes of its own, which inherit these
        os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "gelir")
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows.nightly import nightly

        with temporary_settings({PREFECT_API_URL: address}):
            nightly.serve(name="nightly", schedule=schedule or every_night(settings), limit=1, pause_on_shutdown=False)


@contextmanager
def _server() -> Iterator[str]:
    """The address of a Prefect API: the one that is set, or that of a private server which stops with us."""
    if given := os.environ.get("PREFECT_API_URL"):
        yield given
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    environment: dict[str, Any] = {**os.environ, "PREFECT_UI_API_URL": address}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _await(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + SERVER_READY_SECONDS
    while monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=2):
                return
        except (URLError, OSError):
            sleep(0.3)
    raise RuntimeError(f"the Prefect server at {address} did not become ready; its exit code: {server.poll()}")
