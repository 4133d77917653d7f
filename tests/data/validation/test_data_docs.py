"""The pages of a validation show values as text and need no other file."""

from pathlib import Path

from data.validation.data_docs import ReasonSummary, TableSummary, make_self_contained, write_index
from data.validation.expectations import ExpectationResult


def test_the_index_escapes_values_and_shows_every_number(tmp_path: Path) -> None:
    write_index(
        tmp_path,
        "Validation of <run>",
        [TableSummary("orders", 12_345, 100, 9, 8)],
        [ReasonSummary("orders", "amount is missing", 100, "<script>alert(1)</script>")],
        [ExpectationResult("", "age of the newest fact in days: at most 7", False, "9")],
    )
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    assert "Validation of &lt;run&gt;" in text
    for shown in ("12,345", "0.8%", "8 of 9", '<span class="failed">failed</span>'):
        assert shown in text


def test_an_index_without_rejected_rows_says_so(tmp_path: Path) -> None:
    write_index(tmp_path, "Validation", [], [], [])
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<p>None.</p>") == 2


def test_remote_content_is_removed_and_the_index_linked(tmp_path: Path) -> None:
    page = tmp_path / "validations" / "orders" / "run" / "page.html"
    page.parent.mkdir(parents=True)
    page.write_text(
        '<html><head><title>GX</title><link href="https://x/a.css"><script src="https://x/a.js"></script></head>'
        '<body class="b"><img src="https://x/logo.png"><i class="fa fa-times"></i></body></html>',
        encoding="utf-8",
    )
    make_self_contained(tmp_path, "Validation")
    text = page.read_text(encoding="utf-8")
    assert "https://" not in text
    assert "✗" in text
    assert 'href="../../../index.html"' in text
