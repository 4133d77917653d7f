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
from flows.lanes import two_lanes, work

WORK = "tests.flows.lane_work"
LEADER = f"""
from flows.lanes import two_lanes, work
if __name__ == "__main__":
    with two_lanes("{WORK}"):
        print(work(1, "pid"), work(2, "pid"), flush=True)
        work(1, "wait", 60.0)
"""
GONE_SECONDS = 20
HOME = Path(__file__).parents[2]


@pytest.fixture
def lanes() -> Iterator[None]:
    with two_lanes(WORK):
        yield


def test_what_comes_while_one_works_goes_to_the_other_and_stays_there(lanes: None) -> None:
    busy = Thread(target=work, args=["first", "wait", 1.0])
    busy.start()
    sleep(0.2)
    second = work("second", "pid")
    busy.join()
    first = work("first", "pid")
    assert len({os.getpid(), first, second}) == 3
    assert (work("second", "pid"), work("first", "pid")) == (second, first)


def test_what_fails_there_fails_here_as_it_is(lanes: None) -> None:
    with pytest.raises(BrokenPromise, match="a key is missing") as stop:
        work(1, "break_promise")
    assert stop.value.mend == "name it"
    with pytest.raises(ZeroDivisionError) as failure:
        work(1, "divide", 0)
    assert "lane_work.py" in failure.value.__notes__[0]
    assert work(1, "divide", 2) == 0.5


def test_a_failure_that_cannot_travel_is_told_in_words(lanes: None) -> None:
    with pytest.raises(RuntimeError, match="Odd: one"):
        work(1, "be_odd")


def test_what_is_logged_there_is_logged_here(lanes: None, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("gelir")
    logger.addHandler(caplog.handler)
    try:
        work(1, "tell", "this")
    finally:
        logger.removeHandler(caplog.handler)
    assert "this is told" in caplog.messages


def test_a_killed_lane_is_an_error_that_says_so(lanes: None) -> None:
    with pytest.raises(GelirError, match="ended with exit code -9") as stop:
        work(1, "die")
    assert "memory" in stop.value.mend


def test_without_lanes_all_is_done_in_the_leader() -> None:
    alone = "import sys; from flows.lanes import work; work(1, 'get_ready'); print('skops.io' in sys.modules)"
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
        assert pids
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
