"""The docs name what the code has."""

import re
import tomllib
from pathlib import Path

import pytest

from actions.registry import ACTIONS
from app.cli import app
from data.mapping.mapping import shipped
from models.registry import MODELS
from reports.kpis.report import DEFINITIONS
from reports.leaks.report import DETECTORS
from reports.registry import REPORTS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _first_cells(text: str) -> set[str]:
    return {match.group(1) for match in re.finditer(r"^\| `?([\w-]+)`? \|", text, flags=re.MULTILINE)}


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([model.name for model in MODELS], id="models"),
        pytest.param([action.name for action in ACTIONS], id="actions"),
        pytest.param([report.name for report in REPORTS], id="reports"),
        pytest.param(list(shipped()), id="mappings"),
    ],
)
def test_the_readme_tables_name_every_entry(entries):
    assert set(entries) - _first_cells(README) == set()


def test_the_page_of_kpis_and_leaks_says_what_the_code_does():
    page = (ROOT / "docs" / "kpis.md").read_text(encoding="utf-8")
    rows = [f"| `{kpi.name}` | {kpi.unit} | {kpi.by} | {kpi.formula} |" for kpi in DEFINITIONS]
    rows += [f"| `{detector.name}` | {detector.formula} | {detector.suggestion} |" for detector in DETECTORS]
    assert [row for row in page.splitlines() if row.startswith("| `")] == rows


def test_the_readme_names_every_command():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {name for name in commands if f"`gelir {name}" not in README} == set()


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    direct = {re.match(r"[\w-]+", line).group(0) for line in project["project"]["dependencies"]}
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    assert _first_cells(reasons) - {"package", "---"} == direct
    for package in (re.match(r"[\w-]+", line).group(0) for line in project["dependency-groups"]["dev"]):
        assert f"`{package}`" in reasons


def test_the_lock_is_names_versions_and_hashes_and_holds_no_address():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = re.compile(r"^[a-z0-9._-]+==[^ ]+( ; [^\\]+)?( \\)?$")
    for line in lines:
        assert "://" not in line
        assert line.startswith(("    --hash=sha256:", "    #")) or pinned.match(line), line
