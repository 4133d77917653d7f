"""A Prefect server of our own, for as long as a night or a schedule lasts, where no other one is named.

It is started before much else is imported: what a night needs takes longer to import than a server to start, and the
two do not wait for each other. (Prefect can start one too, but imports all of its server into the caller to do so.)
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


class Server:
    """A server that was started, or one that is named by its address."""

    def __init__(self, address: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
        self._address = address
        self._process = process

    @property
    def ours(self) -> bool:
        """Whether it was started here."""
        return self._process is not None

    def address(self) -> str:
        """Its address, once it answers. Raises ``SettingsError`` when ours does not come up."""
        if self._process is None:
            return self._address
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline and self._process.poll() is None:
            try:
                with urlopen(f"{self._address}/health", timeout=2):
                    return self._address
            except (URLError, OSError):
                sleep(0.05)
        ended = self._process.poll()
        state = "did not answer" if ended is None else f"ended with exit code {ended}"
        raise SettingsError(
            f"Prefect's own server at {self._address} {state}",
            where=f"PREFECT_HOME ({os.environ.get('PREFECT_HOME', 'its default')})",
            remedy="try again; or start one with `prefect server start` and name it in PREFECT_API_URL",
        )


@contextmanager
def server(*, services: bool) -> Iterator[Server]:
    """The server that Prefect's settings name (``PREFECT_API_URL``), or one of our own that stops with the block.

    Only schedules need ``services``: they make runs of what is due.
    """
    from prefect.settings import PREFECT_API_URL

    if given := PREFECT_API_URL.value():
        yield Server(given)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    command += [] if services else ["--no-services", "--no-ui"]
    process = subprocess.Popen(command, env={**os.environ, "PREFECT_UI_API_URL": address}, stdout=subprocess.DEVNULL)
    try:
        yield Server(address, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
