"""Mappings: what makes sense by itself, and what fits a source. Every offender is named at once."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from data.calendar import RunDates
from data.contract import TABLES
from data.errors import MappingError
from data.lake import Lake
from data.mapping.action_costs import DEFAULT_COSTS, Costs
from data.mapping.binding import is_projection
from data.mapping.mapping import load_mapping, shipped_mappings
from data.reading.read import read
from data.source.open import open_source

TOML = '[company]\ntimezone = "UTC"\ncurrency = "EUR"\n'


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    return folder


def mapping_error(tmp_path: Path, **sql: str) -> MappingError:
    """The error of reading a mapping over a source with one table, customers(customer_no, name, city)."""
    source = write(tmp_path / "crm", customers__csv="Customer No,Name,City\n1,Zo,Ulm\n")
    mapping = write(tmp_path / "mine", mapping__toml=TOML, **sql)
    lake = Lake(tmp_path / "lake")
    with pytest.raises(MappingError) as caught, lake.write_step("night", "read") as draft:
        read(open_source(source), load_mapping(mapping), RunDates(date(2024, 4, 1), date(2024, 4, 1), "UTC"), draft)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("name", shipped_mappings())
def test_a_shipped_mapping_is_valid_and_has_a_description(name: str) -> None:
    mapping = load_mapping(name)
    assert mapping.name == name
    assert len(mapping.description) > 80
    assert set(mapping.sql) <= set(TABLES)
    assert {"accounts"} <= set(mapping.sql)
    assert {"orders", "subscriptions"} & set(mapping.sql)


def test_the_six_mappings_are_shipped() -> None:
    assert shipped_mappings() == ("demo", "hubspot", "maven", "online_retail", "ravenstack", "salesforce")


def test_an_unknown_name_is_answered_with_the_closest_mapping(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="did you mean 'salesforce'"):
        load_mapping("sales_force")
    with pytest.raises(MappingError, match=r"no mapping\.toml"):
        load_mapping(tmp_path)


def test_every_problem_of_a_folder_is_reported_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        mapping__toml='[company]\ntimezone = "Mars/Base"\n[tolerate]\norder = 0.1\norders = 7\n[colours]\n',
        account__sql="SELECT 1",
        repairs__csv="table,column,from,to,reason\norders,colour,red,blue,faded\n",
    )
    with pytest.raises(MappingError) as caught:
        load_mapping(tmp_path)
    for offender in ("Mars/Base", "currency", "'order'; did you mean 'orders'", "orders is 7", "colours"):
        assert offender in caught.value.what
    assert "account.sql: the contract has no table 'account'; did you mean 'accounts'" in caught.value.what
    assert "repairs.csv line 2: orders has no column 'colour'" in caught.value.what


def test_costs_are_stated_or_defaults_and_never_those_of_another_currency(tmp_path: Path) -> None:
    def costs(currency: str, stated: str = "", of: str | None = None) -> Costs:
        toml = TOML.replace("EUR", currency) + (f"[costs]\n{stated}\n" if stated else "")
        folder = write(tmp_path / "mine", mapping__toml=toml, accounts__sql="SELECT 1 AS account_id")
        return load_mapping(folder).costs_in(of or currency)

    assert costs("EUR") == DEFAULT_COSTS["EUR"]
    assert costs("EUR", "hour = 90") == replace(DEFAULT_COSTS["EUR"], hour=90.0)
    assert costs("TRY", "hour = 900\nemail = 5.5\nhurdle = 40") == Costs(900.0, 5.5, 40.0)
    assert costs("TRY", "hour = 900\nemail = 5.5\nhurdle = 40", of="GBP") == DEFAULT_COSTS["GBP"]
    with pytest.raises(MappingError, match=r"\[costs\] lacks hour, hurdle, which have no default in TRY"):
        costs("TRY", "email = 5.5")
    with pytest.raises(MappingError, match="the cost of an hour and of an e-mail in JPY is unknown"):
        costs("EUR", "hour = 90", of="JPY")
    with pytest.raises(MappingError, match=r"has no day(.|\n)*hour is -1: give an amount of EUR"):
        costs("EUR", "day = 5\nhour = -1")


def test_the_fingerprint_of_a_mapping_follows_its_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "mine", mapping__toml=TOML, accounts__sql="SELECT 1 AS account_id")
    first = load_mapping(folder).fingerprint
    assert load_mapping(folder).fingerprint == first
    write(folder, accounts__sql="SELECT 2 AS account_id")
    assert load_mapping(folder).fingerprint != first


def test_an_unknown_column_is_reported_with_its_line_and_the_columns_there_are(tmp_path: Path) -> None:
    error = mapping_error(
        tmp_path, accounts__sql="SELECT\n    customer_no AS account_id,\n    town AS region\nFROM customers"
    )
    assert "accounts.sql line 3" in error.what
    assert '"town" not found' in error.what
    assert "'customers' has customer_no, name, city" in error.what


def test_an_unknown_table_is_reported_with_the_closest_name(tmp_path: Path) -> None:
    error = mapping_error(tmp_path, accounts__sql="SELECT customer_no AS account_id FROM customer")
    assert "accounts.sql reads 'customer', which the source lacks; did you mean 'customers'?" in error.what


def test_a_syntax_error_is_reported_with_its_line(tmp_path: Path) -> None:
    assert (
        "accounts.sql line 2" in mapping_error(tmp_path, accounts__sql="SELECT 1 AS account_id\nFRM customers x y").what
    )


def test_sql_that_is_not_one_select_is_refused(tmp_path: Path) -> None:
    error = mapping_error(tmp_path, accounts__sql="SELECT 1; SELECT 2", orders__sql="DROP TABLE customers")
    assert "accounts.sql must be one SELECT; it has 2 statement(s)" in error.what
    assert "orders.sql must be one SELECT" in error.what


def test_columns_that_the_contract_lacks_or_requires_are_reported(tmp_path: Path) -> None:
    error = mapping_error(
        tmp_path,
        accounts__sql="SELECT customer_no AS account_id, name AS nam FROM customers",
        orders__sql="SELECT '1' AS order_id, '1' AS line_id FROM customers",
    )
    assert "accounts.sql returns 'nam', which the contract's table lacks; did you mean 'name'?" in error.what
    assert "orders.sql does not return 'amount', which the contract requires" in error.what


def test_sql_that_fails_on_the_data_is_reported_with_the_value(tmp_path: Path) -> None:
    error = mapping_error(
        tmp_path, accounts__sql="SELECT customer_no AS account_id, CAST(city AS INTEGER) AS employees FROM customers"
    )
    assert "accounts.sql fails on the data" in error.what
    assert "'Ulm'" in error.what
    assert "TRY_CAST" in error.remedy


def test_a_projection_selects_columns_of_one_table_only() -> None:
    assert is_projection("-- all\nSELECT a, b AS c FROM t")
    for sql in (
        "SELECT a FROM t JOIN u USING (a)",
        "SELECT sum(a) FROM t",
        "SELECT DISTINCT a FROM t",
        "WITH u AS (SELECT 1 AS a) SELECT a FROM u",
        "SELECT a FROM t UNION ALL SELECT a FROM u",
        "SELECT row_number() OVER (ORDER BY a) FROM t",
    ):
        assert not is_projection(sql)
