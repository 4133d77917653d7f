"""A temporary Prefect server for as long as a night or a schedule lasts, where ``PREFECT_API_URL`` names no other.

It starts in a process of its own before the heavy imports, so that neither waits for the other.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

from data.errors import SettingsError

READY_SECONDS = 120
STOP_SECONDS = 30


class PrefectServer:
    """A server that was started here, or one that is named by its address."""

    def __init__(self, address: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self._address = address
        self._process = process

    @property
    def started_here(self) -> bool:
        """Whether this process started it."""
        return self._process is not None

    def address(self) -> str:
        """Its address, once it answers. Raises ``SettingsError`` when the server started here does not come up."""
        if self._process is None:
            return self._address
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline and self._process.poll() is None:
            try:
                with urlopen(f"{self._address}/health", timeout=2):
                    return self._address
            except (URLError, OSError):
                sleep(0.05)
        exit_code = self._process.poll()
        state = "did not answer" if exit_code is None else f"ended with exit code {exit_code}"
        raise SettingsError(
            f"the temporary Prefect server at {self._address} {state}",
            where=f"PREFECT_HOME ({os.environ.get('PREFECT_HOME', 'its default')})",
            remedy="try again; or start one with `prefect server start` and name it in PREFECT_API_URL",
        )


@contextmanager
def prefect_server(*, services: bool) -> Iterator[PrefectServer]:
    """The server that ``PREFECT_API_URL`` names, or a temporary one that stops with the block.

    Only schedules need ``services``: they create the runs that are due.
    """
    from prefect.settings import PREFECT_API_URL

    if address := PREFECT_API_URL.value():
        yield PrefectServer(address)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    command += [] if services else ["--no-services", "--no-ui"]
    process = subprocess.Popen(command, env={**os.environ, "PREFECT_UI_API_URL": address}, stdout=subprocess.DEVNULL)
    try:
        yield PrefectServer(address, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
