"""A schedule that is served for real: by a process of its own, on a Prefect server of its own, firing at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from flows.settings import today
from tests.command_line import clean
from tests.flows import small_crm

SERVE = """
from datetime import timedelta
from prefect.schedules import Interval
from flows.schedule import serve
from flows.settings import load_settings, prepare_environment
settings = load_settings()
prepare_environment(settings)
serve(settings, schedule=Interval(timedelta(seconds=20)))
"""


@dataclass(frozen=True)
class Served:
    """A schedule that is being served in a folder, by a process of its own."""

    folder: Path
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """The schedule of ten customers' nights, served until the block ends."""
    small_crm.small_crm(folder / "crm", today("Europe/Istanbul"))
    small_crm.mapping(folder / "mapping")
    (folder / "gelir.toml").write_text(f'source = "crm"\nmapping = "{folder / "mapping"}"\ncompany = "served"\n')
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=folder,
            env=clean({}),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Served(folder, process, log)
    finally:
        for left in of_session(process.pid):
            left.kill()
        process.wait()


def of_session(leader: int) -> list[psutil.Process]:
    """The running processes of a session."""
    running = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return running
