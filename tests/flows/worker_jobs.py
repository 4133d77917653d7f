"""Functions that tests run in worker processes."""

import logging
import os
import signal
from time import sleep

from data.errors import DataQualityError


class Unpicklable(Exception):
    """It cannot be pickled: it takes more than one argument."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def initialize() -> None:
    """Nothing to import."""


def pid() -> int:
    """The process that runs it."""
    return os.getpid()


def log_line(text: str) -> None:
    """Log a line."""
    logging.getLogger("gelir").info("%s was logged", text)


def violate_constraint() -> None:
    """Fail with an error that a person can remedy."""
    raise DataQualityError("a key is missing", where="accounts", remedy="name it")


def divide(by: int) -> float:
    """Fail when asked to divide by zero."""
    return 1 / by


def raise_unpicklable() -> None:
    """Fail with an exception that cannot be pickled."""
    raise Unpicklable("first", "second")


def lose_connection() -> None:
    """Fail as a database that went away does."""
    raise ConnectionResetError("the database went away")


def die() -> None:
    """End at once, as a process that the system kills does."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait(seconds: float) -> None:
    """Be busy for a while."""
    sleep(seconds)
