"""A PostgreSQL database as a source: what it says when it cannot be reached or does not fit."""

from datetime import date
from pathlib import Path

import psycopg
import pytest

from data.calendar import RunDates
from data.errors import MappingError, SourceError
from data.lake import Lake, Step
from data.mapping.mapping import load_mapping
from data.reading.read import read
from data.source.open import open_source


def night(tmp_path: Path, url: str, sql: str) -> Step:
    mapping = tmp_path / "mine"
    mapping.mkdir()
    (mapping / "mapping.toml").write_text('[company]\ntimezone = "UTC"\ncurrency = "EUR"\n')
    (mapping / "accounts.sql").write_text(sql)
    lake = Lake(tmp_path / "lake")
    with lake.write_step("night", "read") as draft:
        read(open_source(url), load_mapping(mapping), RunDates(date(2024, 4, 1), date(2024, 4, 1), "UTC"), draft)
    return lake.step("night", "read")


@pytest.fixture
def customers(postgres_database: str) -> str:
    """The URL of a database with one table that holds two customers."""
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        connection.execute('CREATE TABLE "Customers" ("CustomerNo" int, "Name" text, "Since" timestamptz, city text)')
        connection.execute(
            """INSERT INTO "Customers" VALUES (1, 'Zoë', '2024-01-01 02:00+03', 'Ulm'), (2, '', 'infinity', NULL)"""
        )
    return postgres_database


def test_a_server_that_does_not_answer_is_reported_without_its_password() -> None:
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        open_source("postgresql://me:s3cret@127.0.0.1:1/crm")
    assert caught.value.where == "postgresql://me:***@127.0.0.1:1/crm"
    assert "s3cret" not in str(caught.value)
    assert caught.value.remedy


def test_a_missing_or_empty_database_or_schema_is_reported(postgres_database: str) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        open_source(postgres_database.rpartition("/")[0] + "/nowhere")
    with pytest.raises(SourceError, match="no table in the schema 'public'"):
        open_source(postgres_database)
    with pytest.raises(SourceError, match="no table in the schema 'crm'"):
        open_source(postgres_database + "?schema=crm")


def test_names_are_snake_case_and_values_keep_their_meaning(tmp_path: Path, customers: str) -> None:
    step = night(tmp_path, customers, "SELECT customer_no AS account_id, name, since AS created_at FROM customers")
    accounts = step.frame("accounts")
    assert list(accounts["account_id"]) == ["1", "2"]
    assert list(accounts["name"].fillna("")) == ["Zoë", ""]
    assert str(accounts["created_at"][0]) == "2023-12-31 23:00:00"
    assert list(step.frame("unreadable")["column_name"]) == ["created_at"]


def test_a_query_is_translated_from_duckdbs_dialect(tmp_path: Path, customers: str) -> None:
    sql = """
        WITH customers_of_towns AS (SELECT * FROM customers WHERE regexp_matches(city, '^U'))
        SELECT CAST(c.customer_no AS VARCHAR) AS account_id, c.name, starts_with(c.city, 'U') || '' AS segment
        FROM customers_of_towns AS c"""
    assert list(night(tmp_path, customers, sql).frame("accounts")["segment"]) == ["true"]


def test_an_unknown_column_is_reported_with_the_columns_there_are(tmp_path: Path, customers: str) -> None:
    with pytest.raises(MappingError, match='column "town" does not exist') as caught:
        night(tmp_path, customers, "SELECT customer_no AS account_id, town AS region FROM customers")
    assert "'customers' has customer_no, name, since, city" in caught.value.what


def test_sql_that_fails_on_the_data_is_reported(tmp_path: Path, customers: str) -> None:
    with pytest.raises(MappingError, match=r"accounts\.sql fails on the data.*Ulm"):
        night(
            tmp_path, customers, "SELECT customer_no AS account_id, CAST(city AS INTEGER) AS employees FROM customers"
        )


def test_a_table_that_the_user_may_not_read_is_reported(tmp_path: Path, customers: str) -> None:
    with psycopg.connect(customers, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
        try:
            with pytest.raises(SourceError, match="permission denied"):
                night(
                    tmp_path,
                    customers.replace("gelir@", "stranger@"),
                    "SELECT customer_no AS account_id FROM customers",
                )
        finally:
            connection.execute("DROP ROLE stranger")


def test_the_fingerprint_of_a_database_is_its_url_without_the_password(customers: str) -> None:
    assert open_source(customers.replace("gelir@", "gelir:x@")).fingerprint() == customers.replace(
        "gelir@", "gelir:***@"
    )
