"""Quoted pieces of SQL are read back by DuckDB as they were given."""

from pathlib import Path

import duckdb
import pytest

from data.sql import copy_to_parquet, quote_identifier, quote_literal, scan_parquet, summarize_error


@pytest.mark.parametrize("text", ["plain", "it's", 'a "quoted" name', "'; DROP TABLE x; --", "ü ı"])
def test_names_and_values_survive_quoting(text: str) -> None:
    relation = duckdb.sql(f"SELECT {quote_literal(text)} AS {quote_identifier(text)}")
    assert (relation.columns, relation.fetchall()) == ([text], [(text,)])


def test_none_is_null() -> None:
    assert duckdb.sql(f"SELECT {quote_literal(None)} IS NULL").fetchall() == [(True,)]


def test_a_file_is_written_and_scanned_with_row_numbers(tmp_path: Path) -> None:
    path = tmp_path / "it's.parquet"
    duckdb.execute(copy_to_parquet("SELECT unnest(['a', 'b']) AS x", path))
    rows = duckdb.sql(f"SELECT x, file_row_number FROM {scan_parquet(path, row_numbers=True)}").fetchall()
    assert rows == [("a", 0), ("b", 1)]


def test_an_error_is_summarized_without_the_excerpt_of_the_query() -> None:
    error = ValueError('Binder Error: "x" not found\n\nLINE 1: SELECT x\n               ^\nhint\nmore')
    assert summarize_error(error) == 'Binder Error: "x" not found hint'
    assert summarize_error(ValueError("")) == "ValueError"
