"""What the lanes of a test can be asked for."""

import logging
import os
import signal
from time import sleep

from data.errors import BrokenPromise


class Odd(Exception):
    """It cannot be pickled: it wants more than one argument."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def get_ready() -> None:
    """Nothing to import."""


def pid() -> int:
    """The process that was asked."""
    return os.getpid()


def tell(what: str) -> None:
    """Log a line."""
    logging.getLogger("gelir").info("%s is told", what)


def break_promise() -> None:
    """Fail with what a person can mend."""
    raise BrokenPromise("a key is missing", where="accounts", remedy="name it")


def divide(by: int) -> float:
    """Fail when asked to divide by nothing."""
    return 1 / by


def be_odd() -> None:
    """Fail with what does not travel."""
    raise Odd("one", "two")


def lose_connection() -> None:
    """Fail as a database does that went away."""
    raise ConnectionResetError("the database went away")


def die() -> None:
    """End at once, as a process does that the system kills."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait(seconds: float) -> None:
    """Be busy for a while."""
    sleep(seconds)
