"""Two worker processes in which the heavy work of a night runs side by side.

Python runs one thread of a process at a time, and what models do between calls into LightGBM or DuckDB is Python. It is
no ``concurrent.futures`` or loky pool: those cannot stop a busy worker at once, outlive a main process that is killed,
and break on an exception that cannot be pickled.
"""

import logging
import os
import pickle
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Lock, Thread
from traceback import format_exception
from typing import Any, ParamSpec, TypeVar

from data.errors import GelirError

N_WORKERS = 2
LOGGER = "gelir"
STOP_SECONDS = 5

P = ParamSpec("P")
R = TypeVar("R")
Initializer = Callable[[], None]


class Worker:
    """One process that runs one function at a time. Calls may come before it has imported what it needs."""

    def __init__(self, number: int, initializer: Initializer) -> None:
        spawn = get_context("spawn")  # a fork would copy locks of threads, but not the threads that release them
        self._pipe, child_pipe = spawn.Pipe()
        self._process = spawn.Process(
            target=_worker_main, args=(child_pipe, initializer, list(warnings.filters)), name=f"gelir-worker-{number}"
        )
        self._process.start()
        child_pipe.close()
        self._lock = Lock()
        self._started = False
        self.n_waiting = 0

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function returns or raises in the process. It, its arguments and its result must be picklable."""
        with self._lock:
            self._await_start()
            name = getattr(function, "__name__", repr(function))
            with self._reporting_exit(name):
                self._pipe.send((function, args, kwargs))
            return self._receive(name)

    def await_start(self) -> None:
        """Wait until the process has imported what it needs."""
        with self._lock:
            self._await_start()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _await_start(self) -> None:
        if not self._started:
            self._receive("its start")
            self._started = True

    def _receive(self, name: str) -> Any:
        while True:
            with self._reporting_exit(name):  # not around the raise below: a task may fail with a lost connection too
                kind, payload = self._pipe.recv()
            if kind == "result":
                return payload
            if kind == "error":
                raise payload
            logging.getLogger(payload.name).handle(payload)

    @contextmanager
    def _reporting_exit(self, name: str) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(STOP_SECONDS)
            raise GelirError(
                f"a worker process of the night ended with exit code {self._process.exitcode}",
                where=f"process {self._process.pid}, at {name}",
                remedy="start the night again, it goes on where it stopped; if it was killed, give it more memory",
            ) from None


class WorkerPool:
    """The workers; each call goes to the one with the fewest calls waiting."""

    def __init__(self, initializer: Initializer) -> None:
        self.initializer = initializer
        self._workers = [Worker(1, initializer)]
        self._lock = Lock()
        self._stopped = False
        self._starter = Thread(target=self._start_others, daemon=True, name="gelir-worker-starter")
        self._starter.start()

    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function returns or raises in one of the workers."""
        self._starter.join()
        with self._lock:
            worker = min(self._workers, key=lambda candidate: candidate.n_waiting)
            worker.n_waiting += 1
        try:
            return worker.run(function, args, kwargs)
        finally:
            with self._lock:
                worker.n_waiting -= 1

    def stop(self) -> None:
        """End all workers."""
        with self._lock:
            self._stopped = True
            for worker in self._workers:
                worker.stop()

    def _start_others(self) -> None:
        """Start the other workers one after another: together they would slow down the start of the main process."""
        for number in range(2, N_WORKERS + 1):
            with suppress(GelirError, OSError):  # the next call of that worker raises it
                self._workers[-1].await_start()
            with self._lock:
                if not self._stopped:
                    self._workers.append(Worker(number, self.initializer))


_pool: WorkerPool | None = None  # one for all threads of the main process


@contextmanager
def worker_pool(initializer: Initializer) -> Iterator[None]:
    """A block in which ``in_worker`` functions run in two other processes, each of which first calls ``initializer``.

    A block inside another one with the same initializer uses the outer pool. The workers end with the block, and with
    the main process, however that ends.
    """
    global _pool
    outer = _pool
    if outer is not None and outer.initializer is initializer:
        yield
        return
    _pool = inner = WorkerPool(initializer)
    try:
        yield
    finally:
        _pool = outer
        inner.stop()


def in_worker(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run in a worker inside a ``worker_pool`` block, and in this process outside of one.

    It must stand at the top of a module: it is pickled by its name.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if _pool is None:
            return function(*args, **kwargs)
        result: R = _pool.run(function, args, kwargs)
        return result

    return run


def _worker_main(pipe: Connection, initializer: Initializer, filters: list[Any]) -> None:
    """The main function of a worker: initialize, then run what is sent until the main process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt stops the main process, which ends its workers
    Thread(target=_exit_with_main_process, daemon=True).start()
    # A warning that is an error in the main process is one here.
    warnings.filters[:] = filters  # type: ignore[index]  # typed as read-only; at a start they are set so
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(_PipeHandler(pipe))
    initializer()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(("result", None))
        while True:
            function, args, kwargs = pipe.recv()
            try:
                message = ("result", function(*args, **kwargs))
            except Exception as failure:  # noqa: BLE001  # the main process raises it
                message = ("error", _picklable(failure))
            pipe.send(message)


def _picklable(failure: Exception) -> Exception:
    """The exception with its traceback as a note; a ``RuntimeError`` with the same text where it cannot be pickled."""
    trace = f"in worker process {os.getpid()}:\n{''.join(format_exception(failure))}"
    failure.add_note(trace)
    try:
        pickle.loads(pickle.dumps(failure))  # some fail only when they are loaded
    except Exception:  # noqa: BLE001  # of any kind, by the class of the exception; its text is raised instead
        return RuntimeError(trace)
    return failure


class _PipeHandler(logging.Handler):
    """Sends log records to the main process. Only the thread that runs functions logs."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # arguments may be of classes that cannot be pickled
        self._pipe.send(("log", record))


def _exit_with_main_process() -> None:
    main_process = parent_process()
    if main_process is not None:
        main_process.join()
    os._exit(1)
