"""The command line as people meet it: what it says on each stream, and the exit code it leaves with."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from app.cli import main

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class CommandResult:
    """What one command left behind."""

    code: int
    out: str
    err: str


def gelir(folder: Path, *words: str) -> CommandResult:
    """A command run in this process, with the folder as its working directory."""
    logger = logging.getLogger("gelir")
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    out, err = StringIO(), StringIO()
    code: object = 0
    try:
        with settled(folder, words), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as left:
        code = left.code
    finally:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
    return CommandResult(code if isinstance(code, int) else int(code is not None), out.getvalue(), err.getvalue())


def spawned(folder: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    """The same in a process of its own, which the caller ends. It leads a session, so that its children can be seen."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        cwd=folder,
        env=clean(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], seconds: float = 120) -> CommandResult:
    """What a spawned command left behind."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return CommandResult(process.returncode, out, err)


def clean(changes: dict[str, str]) -> dict[str, str]:
    """This process's environment without settings of Gelir and Prefect, then the changes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GELIR_", "PREFECT_"))}
    return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **changes}


@contextmanager
def settled(folder: Path, words: tuple[str, ...]) -> Iterator[None]:
    """The folder, the words and an environment that is put back afterwards."""
    with (
        patch.dict(os.environ),
        patch.object(sys, "argv", ["gelir", *words]),
        patch.object(sys, "warnoptions", ["error"]),  # warnings stay errors
        chdir(folder),
    ):
        for name in [name for name in os.environ if name.startswith("GELIR_")]:
            del os.environ[name]
        yield
