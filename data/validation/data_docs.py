"""The pages of a validation: an index of rejected rows and their reasons, and Great Expectations' page of every table.

Great Expectations' pages load scripts, styles and images from the internet; here they are made self-contained.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data.validation.quarantine import NULLED_PREFIX

TEMPLATES = Path(__file__).with_name("templates")

REMOTE_CONTENT = (
    r"<script\b.*?</script>",
    r"<link\b[^>]*>",
    r"<style\b.*?</style>",
    r"<img\b[^>]*>",
    r"<nav class=\"navbar.*?</nav>\s*</div>\s*</nav>",
    r"<div class=\"col-lg-2 col-md-2 col-sm-12.*?(?=<div class=\"col-md-10)",
    r"<footer\b.*?</footer>",
    r"<p class=\"m-0\">\s*<a data-toggle=\"collapse\".*?</p>",
    r"<!--.*?-->",
)
"""Parts of a page that load from the internet, or do nothing without scripts."""

ICON_SIGNS = (("fa-check-circle", "✓"), ("fa-times", "✗"), ("fa-exclamation-triangle", "!"))


@dataclass(frozen=True)
class TableSummary:
    """One table on the index page."""

    name: str
    n_rows: int
    n_rejected: int
    n_constraints: int
    n_passed: int


@dataclass(frozen=True)
class ReasonSummary:
    """One reason on the index page."""

    table: str
    reason: str
    n_rows: int
    example: str


class CheckSummary(Protocol):
    """One health check on the index page."""

    @property
    def constraint(self) -> str: ...
    @property
    def observed(self) -> str: ...
    @property
    def passed(self) -> bool: ...


def make_self_contained(pages: Path, title: str) -> None:
    """Rewrite every page of Great Expectations below a folder so that it needs no other file, and link the index."""
    style = f"<style>\n{_style()}</style>"
    for page in sorted((pages / "validations").rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        for pattern in REMOTE_CONTENT:
            text = re.sub(pattern, "", text, flags=re.DOTALL)
        for icon, sign in ICON_SIGNS:
            text = re.sub(rf"(<i class=\"[^\"]*{icon}[^>]*>)", rf"\1{sign}", text)
        text = re.sub(r'<a href="[^"]*expectations/[^"]*"\s*>(.*?)</a>', r"\1", text, flags=re.DOTALL)
        text = re.sub(r"<title>.*?</title>", "", text, flags=re.DOTALL)
        to_root = "../" * len(page.relative_to(pages).parents[:-1])
        index_link = f'<p><a href="{to_root}index.html">← {escape(title)}</a></p>'
        text = text.replace("<head>", f"<head><title>{escape(title)}</title>{style}", 1)
        text = re.sub(r"<body[^>]*>", rf"\g<0>{index_link}", text, count=1)
        page.write_text(re.sub(r"\n\s*\n+", "\n", text), encoding="utf-8")
    shutil.rmtree(pages / "static", ignore_errors=True)


def write_index(
    pages: Path,
    title: str,
    tables: Iterable[TableSummary],
    reasons: Iterable[ReasonSummary],
    checks: Iterable[CheckSummary],
) -> None:
    """Write ``index.html``: rows and rejected rows of each table, the reasons, and the health checks of the night."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    links = {page.parents[2].name: page.relative_to(pages) for page in (pages / "validations").rglob("*.html")}
    text = environment.get_template("index.html.j2").render(
        title=title,
        style=_style(),
        tables=list(tables),
        reasons=list(reasons),
        checks=list(checks),
        links=links,
        nulled_prefix=NULLED_PREFIX.strip(),
    )
    (pages / "index.html").write_text(text, encoding="utf-8")


def _style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")
