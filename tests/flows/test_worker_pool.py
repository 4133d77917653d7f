"""Lanes: work is done by two other processes, and what becomes of it is told where it was asked for."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import monotonic, sleep

import psutil
import pytest

from data.errors import BrokenPromise, GelirError
from flows.worker_pool import two_lanes, work

WORK = "tests.flows.worker_jobs"
LEADER = f"""
from threading import Thread
from time import sleep
from flows.worker_pool import two_lanes, work
if __name__ == "__main__":
    with two_lanes("{WORK}"):
        first = work("pid")
        Thread(target=work, args=["wait", 60.0], daemon=True).start()
        sleep(0.5)
        print(first, work("pid"), flush=True)
        sleep(60)
"""
GONE_SECONDS = 20
HOME = Path(__file__).parents[2]


@pytest.fixture
def lanes() -> Iterator[None]:
    with two_lanes(WORK):
        yield


def test_what_comes_while_one_works_goes_to_the_other(lanes: None) -> None:
    first = work("pid")
    busy = Thread(target=work, args=["wait", 1.0])
    busy.start()
    sleep(0.2)
    second = work("pid")
    busy.join()
    assert len({os.getpid(), first, second}) == 3


def test_what_fails_there_fails_here_as_it_is(lanes: None) -> None:
    with pytest.raises(BrokenPromise, match="a key is missing") as stop:
        work("break_promise")
    assert stop.value.remedy == "name it"
    with pytest.raises(ZeroDivisionError) as failure:
        work("divide", 0)
    assert "lane_work.py" in failure.value.__notes__[0]
    assert work("divide", 2) == 0.5


def test_a_connection_that_was_lost_there_is_not_taken_for_a_lane_that_ended(lanes: None) -> None:
    with pytest.raises(ConnectionResetError, match="the database went away"):
        work("lose_connection")
    assert work("divide", 2) == 0.5


def test_a_failure_that_cannot_travel_is_told_in_words(lanes: None) -> None:
    with pytest.raises(RuntimeError, match="Odd: one"):
        work("be_odd")


def test_what_is_logged_there_is_logged_here(lanes: None, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("gelir")
    logger.addHandler(caplog.handler)
    try:
        work("tell", "this")
    finally:
        logger.removeHandler(caplog.handler)
    assert "this is told" in caplog.messages


def test_a_killed_lane_is_an_error_that_says_so(lanes: None) -> None:
    with pytest.raises(GelirError, match="ended with exit code -9") as stop:
        work("die")
    assert "memory" in stop.value.remedy


def test_without_lanes_all_is_done_in_the_leader() -> None:
    alone = "import sys; from flows.worker_pool import work; work('get_ready'); print('skops.io' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", alone], cwd=HOME, capture_output=True, text=True, check=True)
    assert said.stdout == "True\n", "it imports what models need, into the process that asks"


def test_lanes_end_with_a_leader_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "leader.py"
    script.write_text(LEADER)
    leader = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(HOME)}
    )
    assert leader.stdout is not None
    with leader, leader.stdout:
        pids = [int(word) for word in leader.stdout.readline().split()]
        assert len(set(pids)) == 2
        os.kill(leader.pid, signal.SIGKILL)
    deadline = monotonic() + GONE_SECONDS
    while any(map(_lives, pids)) and monotonic() < deadline:
        sleep(0.1)
    assert not any(map(_lives, pids))


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
