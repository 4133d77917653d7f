"""The pages of a validation: an index of what was kept out and why, and Great Expectations' page of every table.

Great Expectations' pages ask for scripts, styles and pictures that lie on the internet; here they need nothing.
"""

import re
import shutil
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

STYLE = """<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2, h5 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; } h6, .h6 { font-size: 1rem; margin: 0; }
table { border-collapse: collapse; width: 100%; margin-bottom: 1rem; }
th, td { border-bottom: 1px solid #8884; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.broken, .text-danger { color: #c0392b; font-weight: 600; } .text-success { color: #1e8449; }
.badge { background: #8883; border-radius: .3rem; padding: 0 .35rem; font-family: monospace; }
a { color: inherit; }
</style>"""

DROPPED = (
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
"""What needs the internet, or scripts to mean anything."""

ICONS = (("fa-check-circle", "✓"), ("fa-times", "✗"), ("fa-exclamation-triangle", "!"))


def readable(pages: Path, title: str) -> None:
    """Make every page under a folder need nothing but itself."""
    for page in sorted((pages / "validations").rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        for pattern in DROPPED:
            text = re.sub(pattern, "", text, flags=re.DOTALL)
        for icon, sign in ICONS:
            text = re.sub(rf"(<i class=\"[^\"]*{icon}[^>]*>)", rf"\1{sign}", text)
        text = re.sub(r'<a href="[^"]*expectations/[^"]*"\s*>(.*?)</a>', r"\1", text, flags=re.DOTALL)
        text = re.sub(r"<title>.*?</title>", "", text, flags=re.DOTALL)
        home = "../" * len(page.relative_to(pages).parents[:-1])
        text = text.replace("<head>", f"<head><title>{escape(title)}</title>{STYLE}", 1)
        text = re.sub(r"<body[^>]*>", rf'\g<0><p><a href="{home}index.html">← {escape(title)}</a></p>', text, count=1)
        page.write_text(re.sub(r"\n\s*\n+", "\n", text), encoding="utf-8")
    shutil.rmtree(pages / "static", ignore_errors=True)


def write_index(
    pages: Path,
    title: str,
    tables: Iterable[Sequence[object]],
    reasons: Iterable[Sequence[object]],
    vitals: Iterable[Sequence[object]],
) -> None:
    """Write ``index.html``: rows per table, why rows were kept out, and what the night depends on."""
    links = {page.parents[2].name: page.relative_to(pages) for page in (pages / "validations").rglob("*.html")}
    night = f' (<a href="{links["night"]}">judged</a>)' if "night" in links else ""
    body = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>{STYLE}</head><body>
<h1>{escape(title)}</h1>
<h2>What was read</h2>
{_table(("table", "rows", "kept out", "share", "promises kept"), tables, links)}
<h2>Why rows were kept out</h2>
<p>A reason that begins with “emptied:” kept the row, without the value that refers to nothing. The rows themselves lie
beside this folder, in <code>quarantine.parquet</code>.</p>
{_table(("table", "reason", "rows", "example"), reasons, {})}
<h2>What the night depends on{night}</h2>
{_table(("promise", "observed", "kept"), vitals, {})}
<p>Judged by Great Expectations.</p>
</body></html>
"""
    (pages / "index.html").write_text(body, encoding="utf-8")


def _table(names: Sequence[str], rows: Iterable[Sequence[object]], links: dict[str, Path]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = []
    for row in rows:
        cells = []
        for place, value in enumerate(row):
            number = ' class="number"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
            text = escape(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))
            if place == 0 and str(value) in links:
                text = f'<a href="{links[str(value)]}">{text}</a>'
            if value is False:
                text = '<span class="broken">broken</span>'
            cells.append(f"<td{number}>{'kept' if value is True else text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>" if lines else "<p>None.</p>"
