"""Two processes that work side by side. Python lets one thread of a process run at a time, and what models do between
two calls into LightGBM or DuckDB is Python: two threads that learn take half as long again as two processes.

The second process is started early and imports what it needs while this one reads and validates. It ends with the
block that it was started for, and with this process, however that ends. Without the block all work is done here.
"""

import logging
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Lock, Thread
from traceback import format_exception
from typing import Any, Literal, ParamSpec, TypeVar

from data.errors import GelirError

P = ParamSpec("P")
T = TypeVar("T")
Lane = Literal["here", "beside"]

LOGGER = "gelir"
STOP_SECONDS = 5


class Lanes:
    """This process and one beside it, each of which does one thing at a time."""

    def __init__(self) -> None:
        spawned = get_context("spawn")  # a fork would copy the locks of threads that it does not copy
        self._pipe, its_end = spawned.Pipe()
        self._process = spawned.Process(target=_work, args=(its_end,), name="gelir-beside")
        self._process.start()
        its_end.close()
        self._turns: dict[Lane, Lock] = {"here": Lock(), "beside": Lock()}
        self._waiting: dict[Lane, int] = {"here": 0, "beside": 0}
        self._took: dict[object, Lane] = {}
        self._choosing = Lock()

    def do(self, key: object, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a function (of a module, with arguments that can be pickled) returns, or raises. What has the same key
        is done in the same process; what is new, where less waits.
        """
        with self._choosing:
            lane = self._took.setdefault(key, min(self._waiting, key=lambda one: self._waiting[one]))
            self._waiting[lane] += 1
        try:
            with self._turns[lane]:
                if lane == "here":
                    return function(*args, **kwargs)
                return self._ask(function, args, kwargs)
        finally:
            with self._choosing:
                self._waiting[lane] -= 1

    def stop(self) -> None:
        """End the process beside this one, whatever it does."""
        self._pipe.close()
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, function: Callable[P, T], args: Any, kwargs: Any) -> T:
        try:
            self._pipe.send((function, args, kwargs))
            while True:
                kind, told = self._pipe.recv()
                if kind == "log":
                    logging.getLogger(told.name).handle(told)
                elif kind == "failed":
                    raise told
                else:
                    done: T = told
                    return done
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(STOP_SECONDS)
            raise GelirError(
                f"the process beside this one ended with exit code {self._process.exitcode}",
                where=f"{function.__name__} in process {self._process.pid}",
                mend="start the night again, it goes on where it stopped; if it was killed, give it more memory",
            ) from None


_LANES: Lanes | None = None


@contextmanager
def two_lanes() -> Iterator[None]:
    """A block in which work is done in two processes."""
    global _LANES  # threads of this process share the other one
    if _LANES is not None:
        yield
        return
    _LANES = Lanes()
    try:
        yield
    finally:
        lanes, _LANES = _LANES, None
        lanes.stop()


def work(key: object, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function returns, done in one of the two lanes; in this process where there are none."""
    if _LANES is None:
        return function(*args, **kwargs)
    return _LANES.do(key, function, *args, **kwargs)


def _work(pipe: Connection) -> None:
    """The life of the process beside: import what is needed, then do what is asked until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts the night stops its first process, which ends this
    Thread(target=_end_with_parent, daemon=True).start()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # as in the first process
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(_Told(pipe))
    import flows.work  # noqa: F401

    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            function, args, kwargs = pipe.recv()
            try:
                told = ("done", function(*args, **kwargs))
            except Exception as failure:  # noqa: BLE001  # raised again where the work was asked for
                told = ("failed", _that_travels(failure))
            pipe.send(told)


def _that_travels(failure: Exception) -> Exception:
    """The failure with its traceback as a note; where it cannot be pickled, one that says the same."""
    trace = "".join(format_exception(failure))
    failure.add_note(f"in the process beside this one:\n{trace}")
    try:
        pickle.loads(pickle.dumps(failure))  # some fail only on arrival
    except Exception:  # noqa: BLE001  # whatever it was, it is told below
        return RuntimeError(f"in the process beside this one:\n{trace}")
    return failure


class _Told(logging.Handler):
    """Sends what is logged to the first process. Only the thread that works logs."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # arguments need not be known to the other side
        self._pipe.send(("log", record))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
