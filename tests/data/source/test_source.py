"""A folder of files as a source: what it offers, and what it says of files that cannot be read."""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from data.calendar import RunDates
from data.errors import SourceError
from data.lake import Lake, Step
from data.mapping.mapping import load_mapping
from data.reading.read import read
from data.source.names import mask_password, snake_case, snake_case_names
from data.source.open import open_source

MOMENT = RunDates(date(2024, 4, 1), date(2024, 4, 1), "UTC")
TOML = '[company]\ntimezone = "UTC"\ncurrency = "EUR"\n'


@pytest.fixture
def accounts_from(tmp_path: Path) -> Callable[..., Step]:
    """Reads a folder of the given files through a mapping that takes accounts from a table ``customers``."""

    def night(**files: bytes) -> Step:
        crm, mapping = tmp_path / "crm", tmp_path / "mine"
        for folder in (crm, mapping):
            folder.mkdir()
        for name, content in files.items():
            (crm / name.replace("__", ".")).write_bytes(content)
        (mapping / "mapping.toml").write_text(TOML)
        (mapping / "accounts.sql").write_text("SELECT customer_no AS account_id, name FROM customers")
        lake = Lake(tmp_path / "lake")
        with lake.write_step("night", "read") as draft:
            read(open_source(crm), load_mapping(mapping), MOMENT, draft)
        return lake.step("night", "read")

    return night


def names(step: Step) -> list[str]:
    return list(step.frame("accounts")["name"])


def test_names_become_snake_case_however_a_loader_wrote_them() -> None:
    assert (
        snake_case("OpportunityFieldHistory") == snake_case("opportunity field history") == "opportunity_field_history"
    )
    assert snake_case("Customer ID") == snake_case("CustomerID") == "customer_id"
    assert snake_case("Product2Id") == "product2_id"
    assert snake_case("Müşteri Adı") == "müşteri_adı"
    assert snake_case_names(["Total", "total", "%"]) == {"total": "Total", "total_2": "total", "column": "%"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("customers__csv", b"Customer No,Name\n1,Zo\xc3\xab\n2,Bo\n"),
        ("customers__csv", b"\xef\xbb\xbfCustomer No;Name\r\n1;Zo\xc3\xab\r\n2;Bo\r\n"),
        ("Customers__tsv", b"CustomerNo\tName\n1\tZo\xc3\xab\n2\tBo"),
        ("customers__csv__gz", gzip.compress(b"customer_no|name\n1|Zo\xc3\xab\n2|Bo\n", mtime=0)),
        ("customers__csv", b'customer_no,name\n"1","Zo\xc3\xab"\n2,"Bo"\n\n'),
    ],
    ids=["comma", "semicolon with BOM and CRLF", "tab without last newline", "gzip", "quoted"],
)
def test_text_files_are_read_whatever_their_delimiter(
    accounts_from: Callable[..., Step], file: str, content: bytes
) -> None:
    assert names(accounts_from(**{file: content})) == ["Zoë", "Bo"]


def test_a_value_may_hold_delimiters_quotes_and_line_breaks(accounts_from: Callable[..., Step]) -> None:
    step = accounts_from(customers__csv=b'customer_no,name\n1,"A, ""B""\nand C"\n')
    assert names(step) == ['A, "B"\nand C']


def test_excel_files_are_read_with_the_values_of_their_cells(
    tmp_path: Path, accounts_from: Callable[..., Step]
) -> None:
    book = tmp_path / "book.xlsx"
    pd.DataFrame({"Customer No": ["007", 8], "Name": ["Zoë", "Bo"]}).to_excel(book, index=False)
    step = accounts_from(customers__xlsx=book.read_bytes())
    assert list(step.frame("accounts")["account_id"]) == ["007", "8"]


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("customers__csv", b"", "customers.csv: the file is empty"),
        ("customers__csv", b"\n\n", "the first line has no column names"),
        ("customers__csv", b"customer_no,name\n1,Zo\n2,Zo\xeb\n", "line 3 contains the byte 0xeb"),
        ("customers__csv", "customer_no,name\n1,Zo".encode("utf-16"), "not UTF-8 text"),
        ("customers__csv", b"customer_no,name,city\n1,Zo,Ulm\n2,B", "line 3 does not fit the header"),
        ("customers__csv", b'customer_no,name\n1,Zo\n2,"B', "line 3 does not fit the header"),
        ("customers__csv", b"customer_no,name,name\n1,Zo,Zo\n", "columns that appear twice: name"),
        ("customers__csv__gz", gzip.compress(b"customer_no,name\n1,Zo\n" * 99, mtime=0)[:40], "not a whole gzip file"),
        ("customers__parquet", b"PAR1 but not for long", "not a whole Parquet file"),
        ("customers__xlsx", b"PK but not for long", "not a whole Excel workbook"),
    ],
)
def test_a_broken_file_is_reported_with_the_fault_and_the_remedy(
    accounts_from: Callable[..., Step], tmp_path: Path, file: str, content: bytes, says: str
) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        accounts_from(**{file: content})
    assert "customers" in caught.value.where
    assert caught.value.remedy
    assert not list((tmp_path / "lake" / "night").iterdir())


def test_a_parquet_file_damaged_in_the_middle_is_reported(tmp_path: Path, accounts_from: Callable[..., Step]) -> None:
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"customer_no": [str(n) for n in range(5000)], "name": "Zo"}).to_parquet(whole)
    content = bytearray(whole.read_bytes())
    content[10:20000] = b"\xff" * len(content[10:20000])
    with pytest.raises(SourceError, match=r"damaged inside: customers\.parquet") as caught:
        accounts_from(customers__parquet=bytes(content))
    assert caught.value.remedy


def test_a_broken_file_that_no_mapping_reads_is_ignored(accounts_from: Callable[..., Step]) -> None:
    step = accounts_from(customers__csv=b"customer_no,name\n1,Bo\n", notes__csv=b"", old__parquet=b"no")
    assert names(step) == ["Bo"]


def test_a_missing_or_empty_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "crm").mkdir()
    with pytest.raises(SourceError, match="does not exist") as caught:
        open_source(tmp_path / "crmm")
    assert "crm" in caught.value.remedy
    with pytest.raises(SourceError, match=r"has no \.csv"):
        open_source(tmp_path / "crm")
    (tmp_path / "crm" / "x.csv").write_text("a\n1\n")
    with pytest.raises(SourceError, match="is a file"):
        open_source(tmp_path / "crm" / "x.csv")


def test_two_files_for_one_table_are_refused(tmp_path: Path) -> None:
    for name in ("orders.csv", "Orders.tsv"):
        (tmp_path / name).write_text("a\n1\n")
    with pytest.raises(SourceError, match=r"Orders\.tsv and orders\.csv"):
        open_source(tmp_path)


def test_other_kinds_of_sources_are_refused_without_showing_the_password() -> None:
    with pytest.raises(SourceError, match="mysql://") as caught:
        open_source("mysql://me:secret@host/crm")
    assert "secret" not in str(caught.value)
    assert mask_password("postgresql://me:s3cret@host/crm?password=x") == "postgresql://me:***@host/crm?password=***"


def test_the_fingerprint_changes_with_the_content_and_with_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("a\n1\n")
    first = open_source(tmp_path).fingerprint()
    file.touch()
    assert open_source(tmp_path).fingerprint() == first
    file.write_text("a\n2\n")
    assert open_source(tmp_path).fingerprint() != first
