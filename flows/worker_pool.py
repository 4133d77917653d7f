"""Two processes that do what is heavy, side by side, for the one that leads.

Python lets one thread of a process run at a time, and what models do between two calls into LightGBM or DuckDB is
Python: two threads that learn take half as long again as two processes. They are started early, one after the other,
and import what models need while the leader reads and validates, which so need not import it at all. They end with the
block that they were started for, and with the leader, however that ends. Without the block all is done in the leader.

It is not a pool of ``concurrent.futures``, loky or Prefect: those cannot end at once what still works or imports when a
night stops, live on when their leader is killed, and break on a failure that does not unpickle.
"""

import logging
import os
import pickle
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Lock, Thread
from traceback import format_exception
from typing import Any

from data.errors import GelirError

COUNT = 2
WORK = "flows.worker_tasks"
LOGGER = "gelir"
STOP_SECONDS = 5


class Lane:
    """One process that does one thing at a time. It may be asked before it is ready."""

    def __init__(self, number: int, module: str) -> None:
        spawned = get_context("spawn")  # a fork would copy the locks of threads that it does not copy
        self._pipe, its_end = spawned.Pipe()
        self._process = spawned.Process(
            target=_live, args=(its_end, module, list(warnings.filters)), name=f"gelir-lane-{number}"
        )
        self._process.start()
        its_end.close()
        self._turn = Lock()
        self._ready = False
        self.waiting = 0

    def do(self, name: str, *args: Any) -> Any:
        """What a function of its module returns, or raises; arguments must be such that can be pickled."""
        with self._turn:
            self._wait()
            with self._alive(name):
                self._pipe.send((name, args))
            return self._answer(name)

    def ready(self) -> None:
        """Wait until it has imported what it needs."""
        with self._turn:
            self._wait()

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.terminate()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _wait(self) -> None:
        if not self._ready:
            self._answer("its start")
            self._ready = True

    def _answer(self, what: str) -> Any:
        while True:
            with self._alive(what):  # and not around what it failed with: that may be a lost connection too
                kind, told = self._pipe.recv()
            if kind == "done":
                return told
            if kind == "failed":
                raise told
            logging.getLogger(told.name).handle(told)

    @contextmanager
    def _alive(self, what: str) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(STOP_SECONDS)
            raise GelirError(
                f"a process that worked for the night ended with exit code {self._process.exitcode}",
                where=f"process {self._process.pid}, at {what}",
                remedy="start the night again, it goes on where it stopped; if it was killed, give it more memory",
            ) from None


class Lanes:
    """All lanes: what is asked of them is done by the one for which least waits."""

    def __init__(self, module: str) -> None:
        self.module = module
        self._lanes = [Lane(1, module)]
        self._choosing = Lock()
        self._stopped = False
        self._starting = Thread(target=self._start_others, daemon=True, name="gelir-lanes")
        self._starting.start()

    def do(self, name: str, *args: Any) -> Any:
        """What a function of the module returns, or raises."""
        self._starting.join()
        with self._choosing:
            lane = min(self._lanes, key=lambda one: one.waiting)
            lane.waiting += 1
        try:
            return lane.do(name, *args)
        finally:
            with self._choosing:
                lane.waiting -= 1

    def stop(self) -> None:
        """End all of them."""
        with self._choosing:
            self._stopped = True
            for lane in self._lanes:
                lane.stop()

    def _start_others(self) -> None:
        """One after the other: together they would take from the leader what it starts with."""
        for number in range(2, COUNT + 1):
            with suppress(GelirError, OSError):  # whoever asks that lane is told what became of it
                self._lanes[-1].ready()
            with self._choosing:
                if not self._stopped:
                    self._lanes.append(Lane(number, self.module))


_LANES: Lanes | None = None


@contextmanager
def two_lanes(module: str = WORK) -> Iterator[None]:
    """A block in which ``work`` is done by two other processes. Inside another block of the same module it is that one.

    ``module`` holds what they can be asked for, and ``get_ready``, with which each begins.
    """
    global _LANES  # all threads of the leader share them
    outer = _LANES
    if outer is not None and outer.module == module:
        yield
        return
    _LANES = inner = Lanes(module)
    try:
        yield
    finally:
        _LANES = outer
        inner.stop()


def work(name: str, *args: Any) -> Any:
    """What the function of that name in ``flows.worker_tasks`` returns, done in a lane; here, where there are none.

    It is named, not given: the leader need not import what models need.
    """
    if _LANES is not None:
        return _LANES.do(name, *args)
    return getattr(import_module(WORK), name)(*args)


def _live(pipe: Connection, module: str, filters: list[Any]) -> None:
    """The life of a lane: import what is needed, then do what is asked until the leader is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts a night stops the leader, which ends its lanes
    Thread(target=_end_with_leader, daemon=True).start()
    # What the leader forbids is forbidden here. (The type says that filters are only read; at a start they are set so.)
    warnings.filters[:] = filters  # type: ignore[index]  # typed as read only; at a start they are set so
    logger = logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(_Told(pipe))
    known = import_module(module)
    known.get_ready()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        pipe.send(("done", None))
        while True:
            name, args = pipe.recv()
            try:
                told = ("done", getattr(known, name)(*args))
            except Exception as failure:  # noqa: BLE001  # nothing is lost: the leader raises it where it had asked
                told = ("failed", _that_travels(failure))
            pipe.send(told)


def _that_travels(failure: Exception) -> Exception:
    """The failure with its traceback as a note; where it cannot be pickled, one that says the same."""
    trace = f"in process {os.getpid()}, a lane of the night:\n{''.join(format_exception(failure))}"
    failure.add_note(trace)
    try:
        pickle.loads(pickle.dumps(failure))  # some fail only on arrival
    except Exception:  # noqa: BLE001  # of any kind, by the failure's own class; it is raised below as text
        return RuntimeError(trace)
    return failure


class _Told(logging.Handler):
    """Sends what is logged to the leader. Only the thread that works logs."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = record.getMessage(), None  # arguments need not be known to the leader
        self._pipe.send(("log", record))


def _end_with_leader() -> None:
    leader = parent_process()
    if leader is not None:
        leader.join()
    os._exit(1)
