"""The worker pool: two other processes run functions, and what they return, raise and log comes back."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import psutil
import pytest

from data.errors import DataQualityError, GelirError
from flows.worker_pool import in_worker, worker_pool
from tests.flows import worker_jobs

MAIN = """
from threading import Thread
from time import sleep
from flows.worker_pool import in_worker, worker_pool
from tests.flows import worker_jobs
if __name__ == "__main__":
    with worker_pool(worker_jobs.initialize):
        first = in_worker(worker_jobs.pid)()
        Thread(target=in_worker(worker_jobs.wait), args=[60.0], daemon=True).start()
        sleep(0.5)
        print(first, in_worker(worker_jobs.pid)(), flush=True)
        sleep(60)
"""
GONE_SECONDS = 20
HOME = Path(__file__).parents[2]


def run(function: Callable[..., Any], *args: Any) -> Any:
    """What a function returns in a worker."""
    return in_worker(function)(*args)


@pytest.fixture
def workers() -> Iterator[None]:
    with worker_pool(worker_jobs.initialize):
        yield


def test_a_call_goes_to_the_idle_worker(workers: None) -> None:
    first = run(worker_jobs.pid)
    busy = Thread(target=run, args=[worker_jobs.wait, 1.0])
    busy.start()
    sleep(0.2)
    second = run(worker_jobs.pid)
    busy.join()
    assert len({os.getpid(), first, second}) == 3


def test_arguments_may_be_given_by_keyword(workers: None) -> None:
    assert in_worker(worker_jobs.divide)(by=4) == 0.25


def test_an_inner_block_with_the_same_initializer_uses_the_outer_pool(workers: None) -> None:
    def pids() -> set[int]:
        return {run(worker_jobs.pid) for _ in range(4)}

    outer = pids()
    with worker_pool(worker_jobs.initialize):
        assert pids() <= outer
    assert pids() <= outer


def test_an_exception_is_raised_in_the_caller_as_it_is(workers: None) -> None:
    with pytest.raises(DataQualityError, match="a key is missing") as stop:
        run(worker_jobs.violate_constraint)
    assert stop.value.remedy == "name it"
    with pytest.raises(ZeroDivisionError) as failure:
        run(worker_jobs.divide, 0)
    assert "worker_jobs.py" in failure.value.__notes__[0]
    assert run(worker_jobs.divide, 2) == 0.5


def test_a_lost_connection_in_a_worker_is_not_taken_for_a_worker_that_ended(workers: None) -> None:
    with pytest.raises(ConnectionResetError, match="the database went away"):
        run(worker_jobs.lose_connection)
    assert run(worker_jobs.divide, 2) == 0.5


def test_an_exception_that_cannot_be_pickled_is_raised_as_text(workers: None) -> None:
    with pytest.raises(RuntimeError, match="Unpicklable: first"):
        run(worker_jobs.raise_unpicklable)


def test_log_records_of_a_worker_are_logged_in_the_main_process(
    workers: None, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("gelir")
    logger.addHandler(caplog.handler)
    try:
        run(worker_jobs.log_line, "this")
    finally:
        logger.removeHandler(caplog.handler)
    assert "this was logged" in caplog.messages


def test_a_killed_worker_is_an_error_that_says_so(workers: None) -> None:
    with pytest.raises(GelirError, match="ended with exit code -9") as stop:
        run(worker_jobs.die)
    assert "memory" in stop.value.remedy


def test_without_a_pool_functions_run_in_the_calling_process() -> None:
    """In a process of its own: the one of the tests may have a pool for its nights."""
    script = (
        "import os; from flows.worker_pool import in_worker; from tests.flows import worker_jobs;"
        " print(in_worker(worker_jobs.pid)() == os.getpid())"
    )
    finished = subprocess.run([sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, check=True)
    assert finished.stdout == "True\n"


def test_the_main_process_of_a_night_imports_no_model_before_it_runs_one_itself() -> None:
    script = (
        "import sys; from flows import worker_tasks; print('lightgbm' in sys.modules, 'mlflow' in sys.modules);"
        " worker_tasks.import_models(); print('models.registry' in sys.modules, 'skops.io' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, check=True)
    assert finished.stdout == "False False\nTrue True\n"


def test_workers_end_with_a_main_process_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(MAIN)
    main = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(HOME)}
    )
    assert main.stdout is not None
    with main, main.stdout:
        pids = [int(word) for word in main.stdout.readline().split()]
        assert len(set(pids)) == 2
        os.kill(main.pid, signal.SIGKILL)
    deadline = monotonic() + GONE_SECONDS
    while any(map(_is_running, pids)) and monotonic() < deadline:
        sleep(0.1)
    assert not any(map(_is_running, pids))


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
