"""Command lines that can be typed as they are printed."""

import shutil
import sys
from pathlib import Path

from flows.settings import Settings


def mlflow_ui(settings: Settings) -> str:
    """The command that shows the experiments."""
    database = relative(settings.path(settings.mlruns) / "mlflow.db")
    return command(f"mlflow ui --workers 1 --backend-store-uri sqlite:///{database}")


def command(line: str) -> str:
    """A command line with the folder of its program, unless the shell would find that."""
    if shutil.which(line.split()[0]):
        return line
    return f"{relative(Path(sys.executable).parent)}/{line}"


def relative(path: Path) -> str:
    """A path as one types it in the working directory."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
