"""The docs name what the code has."""

import re
import tomllib
from pathlib import Path

import pytest

from actions.registry import ACTIONS
from app.cli import app
from app.view_layouts import VIEWS
from data.mapping.mapping import shipped_mappings
from flows.settings import RENAMED
from models.registry import MODELS
from reports.kpis.report import ALL_KPIS
from reports.leaks.report import DETECTORS
from reports.registry import REPORTS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    return {match.group(1) for match in re.finditer(r"^\| `?([\w-]+)`? \|", text, flags=re.MULTILINE)}


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        pytest.param("models", [model.name for model in MODELS], id="models"),
        pytest.param("outputs", [action.name for action in ACTIONS], id="actions"),
        pytest.param("outputs", [report.name for report in REPORTS], id="reports"),
        pytest.param("mappings", list(shipped_mappings()), id="mappings"),
    ],
)
def test_the_tables_of_the_docs_name_every_entry(name, entries):
    assert set(entries) - first_cells(page(name)) == set()


def test_the_page_of_outputs_gives_the_grain_of_every_view():
    lines = page("outputs").splitlines()
    for table in VIEWS.values():
        assert f"| `{table.name}` | {table.grain.removeprefix('One row per ')} |" in lines


def test_the_page_of_kpis_and_leaks_says_what_the_code_does():
    rows = [f"| `{kpi.name}` | {kpi.unit} | {kpi.by} | {kpi.formula} |" for kpi in ALL_KPIS]
    rows += [f"| `{detector.name}` | {detector.formula} | {detector.suggestion} |" for detector in DETECTORS]
    assert [row for row in page("kpis").splitlines() if row.startswith("| `")] == rows


def test_the_page_of_commands_names_every_command():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {name for name in commands if f"`gelir {name}" not in page("commands")} == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_in_the_docs_exists(path):
    text = path.read_text(encoding="utf-8")
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(re.findall(r"(?:`|\$ |bin/)gelir ([a-z]+)", text)) - commands == set()
    for module in re.findall(r"python -m (bench\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text)) - targets == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_of_the_docs_leads_to_a_file(path):
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_changelog_names_every_setting_that_was_renamed():
    for old, new in RENAMED.items():
        assert f"| `{old}` | `{new}`" in page("changelog")


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    direct = {re.match(r"[\w-]+", line).group(0) for line in project["project"]["dependencies"]}
    reasons = page("dependencies")
    assert first_cells(reasons) - {"package", "---"} == direct
    for package in (re.match(r"[\w-]+", line).group(0) for line in project["dependency-groups"]["dev"]):
        assert f"`{package}`" in reasons


def test_the_lock_is_names_versions_and_hashes_and_holds_no_address():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pinned = re.compile(r"^[a-z0-9._-]+==[^ ]+( ; [^\\]+)?( \\)?$")
    for line in lines:
        assert "://" not in line
        assert line.startswith(("    --hash=sha256:", "    #")) or pinned.match(line), line
