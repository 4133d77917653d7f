"""Which version of the product's code runs."""

import hashlib
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CODE_ROOMS = ("flows", "actions", "reports", "models", "features", "data")


@cache
def code_commit() -> str:
    """The commit of the checkout, with a + where files differ from it; empty without version control."""
    if not (ROOT / ".git").exists():
        return ""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def code_digest() -> str:
    """A hash of the product's code without the mappings, so that no version resumes a run of another."""
    digest = hashlib.sha256()
    for room in CODE_ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in {".py", ".sql"} and "mappings" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
