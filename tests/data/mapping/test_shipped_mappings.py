"""The shipped mappings, on the data that they are for: public CRMs that nobody here made, and small fixtures.

The counts and sums are those of the data sets' descriptions, computed from the files without any code of ours.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
import pytest

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES
from data.lake import Lake, Step
from data.mapping.mapping import load_mapping
from data.reading.read import read
from data.source.names import snake_case
from data.source.open import open_source

FIXTURES = Path(__file__).parent / "fixtures"
LONG_AFTER = date(2026, 1, 1)

Reading = Callable[..., Step]
DataSet = Callable[[str], Path]


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    """Reads a source through a shipped mapping, as of a date."""

    def run(source: Path | str, mapping: str, as_of: date, name: str = "night") -> Step:
        lake = Lake(tmp_path / "lake")
        shipped = load_mapping(mapping)
        with lake.write_step(name, "read") as draft:
            read(open_source(source), shipped, RunDates(as_of, LONG_AFTER, shipped.timezone), draft)
        return lake.step(name, "read")

    return run


def query_one(step: Step, sql: str) -> tuple[Any, ...]:
    """The one row that a query over the step's tables gives."""
    connection = duckdb.connect()
    for table in step.tables:
        connection.execute(f"CREATE VIEW {table} AS FROM '{step.path(table)}'")
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row


def test_online_retail_is_read_completely_and_without_its_overlap(reading: Reading, dataset: DataSet) -> None:
    step = reading(dataset("rev_online_retail_uci"), "online_retail", LONG_AFTER)
    assert query_one(step, "SELECT count(*) FROM orders") == (1_044_847,)
    later = "timezone('Europe/London', timezone('UTC', ordered_at)) >= '2010-12-01'"
    rows, customers, invoices, codes, anonymous, revenue = query_one(
        step,
        f"""SELECT count(*), count(DISTINCT account_id), count(DISTINCT order_id), count(DISTINCT product_id),
            count(*) FILTER (account_id IS NULL), round(sum(amount), 2) FROM orders WHERE {later}""",
    )
    assert (rows, customers, invoices, anonymous, revenue) == (541_909, 4_372, 25_900, 135_080, 9_747_747.93)
    assert codes <= 4_070  # codes that differ in case only are one product
    returned, wrong = query_one(
        step,
        "SELECT count(*) FILTER (amount < 0), count(*) FILTER (NOT starts_with(order_id, 'C')) "
        "FROM orders WHERE status = 'returned' AND account_id IS NOT NULL",
    )
    assert (returned, wrong) == (18_446, 0)
    assert query_one(step, "SELECT count(*) = count(DISTINCT (order_id, line_id)) FROM orders") == (True,)
    lines, customers, paid = query_one(
        step,
        "SELECT count(*), count(account_id), count(*) FILTER (amount > 0) FROM orders "
        "ANTI JOIN products USING (product_id)",
    )
    assert (lines > 300, customers, paid) == (True, 0, 0)  # notes on stock of codes that were never sold
    assert query_one(step, "SELECT family FROM products WHERE product_id = 'POST'") == ("service",)
    assert step.frame("unreadable").empty


def test_online_retail_as_of_a_date_has_no_later_fact(reading: Reading, tmp_path: Path, dataset: DataSet) -> None:
    whole, some = dataset("rev_online_retail_uci"), tmp_path / "some"
    some.mkdir()
    for file in whole.glob("*.parquet"):
        duckdb.sql(f"FROM '{file}' WHERE StockCode LIKE '%4'").write_parquet(str(some / file.name))
    early = reading(some, "online_retail", date(2010, 6, 1), "early")
    late = reading(some, "online_retail", date(2011, 9, 9), "late")
    for table in ("accounts", "products", "orders"):
        then = f"(FROM '{late.path(table)}' WHERE known_at < '2010-05-31 23:00')"  # the zone's midnight
        now = f"(FROM '{early.path(table)}')"
        assert query_one(early, f"SELECT count(*) > 0 FROM {now}") == (True,)
        assert query_one(early, f"SELECT count(*) FROM ({now} EXCEPT ALL {then})") == (0,)
        assert query_one(early, f"SELECT count(*) FROM ({then} EXCEPT ALL {now})") == (0,)


def test_maven_is_read_completely_and_its_known_defects_are_repaired_as_stated(
    reading: Reading, dataset: DataSet
) -> None:
    step = reading(dataset("crm_maven_sales_opportunities"), "maven", LONG_AFTER)
    assert query_one(step, "SELECT count(*), count(outcome), count(*) FILTER (outcome = 'won') FROM opportunities") == (
        8_800,
        6_711,
        4_238,
    )
    assert query_one(step, "SELECT count(*), sum(amount) FROM orders") == (4_238, 10_005_534)
    assert query_one(step, "SELECT sum(amount) FROM opportunities WHERE outcome = 'won'") == (10_005_534,)
    assert query_one(step, "SELECT count(*) FILTER (account_id IS NULL) FROM opportunities") == (1_425,)
    assert query_one(step, "SELECT count(*) FILTER (created_at IS NULL) FROM opportunities") == (500,)
    repaired = step.frame("repaired").set_index(["table_name", "old_value"])["rows"]
    assert repaired["opportunities", "GTXPro"] == 1_480
    assert set(step.frame("accounts")["industry"]) & {"technolgy"} == set()
    for table in ("opportunities", "orders"):
        assert query_one(step, f"SELECT count(*) FROM {table} ANTI JOIN products USING (product_id)") == (0,)


def test_a_maven_deal_that_closes_later_has_no_outcome_yet(reading: Reading, dataset: DataSet) -> None:
    step = reading(dataset("crm_maven_sales_opportunities"), "maven", date(2017, 10, 1))
    assert query_one(
        step,
        """SELECT count(*) FILTER (stage IN ('Won', 'Lost')), count(amount) = count(*), count(outcome), count(closed_at)
           FROM opportunities WHERE closed_at IS NULL AND created_at IS NOT NULL""",
    ) == (0, True, 0, 0)
    assert query_one(
        step,
        """SELECT count(*) FROM opportunities JOIN products USING (product_id)
           WHERE outcome IS NULL AND amount <> list_price""",
    ) == (0,)
    assert query_one(step, "SELECT max(closed_at) FROM opportunities") == (datetime(2017, 9, 30),)


def test_ravenstack_is_read_completely(reading: Reading, dataset: DataSet) -> None:
    step = reading(dataset("churn_ravenstack_saas"), "ravenstack", LONG_AFTER)
    assert query_one(step, "SELECT count(*) FROM accounts") == (500,)
    assert query_one(step, "SELECT count(*), count(ended_at) FROM subscriptions") == (5_000, 486)
    assert query_one(step, "SELECT count(*) FROM tickets") == (2_000,)
    raw = dataset("churn_ravenstack_saas") / "ravenstack_feature_usage.csv"
    assert query_one(step, "SELECT sum(events) FROM usage") == query_one(step, f"SELECT sum(usage_count) FROM '{raw}'")
    assert query_one(step, "SELECT count(*) FROM subscriptions JOIN products USING (product_id)") == (5_000,)
    assert query_one(
        step,
        """SELECT count(*) FROM subscriptions JOIN products USING (product_id)
           WHERE mrr > 0 AND mrr <> list_price * seats""",
    ) == (0,)
    assert step.frame("unreadable").empty


def rows(step: Step, table: str, *columns: str) -> list[tuple[Any, ...]]:
    frame = step.frame(table)[list(columns)].astype(object)
    return list(frame.where(frame.notna(), None).itertuples(index=False, name=None))


def test_salesforce_objects_become_the_contract(reading: Reading) -> None:
    step = reading(FIXTURES / "salesforce", "salesforce", date(2024, 4, 1))
    assert rows(step, "accounts", "account_id", "parent_account_id") == [("001A", None), ("001B", "001A")]
    assert rows(step, "consents", "contact_id", "status") == [("003B", "withdrawn")]
    assert rows(step, "products", "product_id", "list_price") == [("01tA", 1100), ("01tB", 300.5)]
    assert rows(step, "orders", "line_id", "quantity", "amount", "status") == [
        ("802A", 1, 1200, "placed"),
        ("802B", 2, 300.5, "placed"),
        ("802C", -1, -150.25, "returned"),
    ]
    assert rows(step, "opportunities", "opportunity_id", "product_id", "kind", "stage", "amount", "outcome") == [
        ("006A", "01tA", "new", "Closed Won", 1500.5, "won"),
        ("006B", None, "expansion", "Negotiation", 9000, None),
        ("006C", None, "renewal", "Closed Lost", 700, "lost"),
    ]
    assert rows(step, "opportunity_changes", "opportunity_id", "field", "new_value") == [
        ("006A", "amount", "1500.50"),
        ("006A", "stage", "Closed Won"),
        ("006B", "expected_close_at", "2024-06-30"),
        ("006B", "stage", "Negotiation"),
    ]
    assert rows(step, "touches", "touch_id", "kind") == [
        ("00vA-replied", "replied"),
        ("00vA-sent", "sent"),
        ("00vB-sent", "sent"),
    ]
    assert rows(step, "activities", "activity_id", "kind", "contact_id") == [
        ("00TA", "call", "003A"),
        ("00TB", "email", None),
    ]
    assert rows(step, "tickets", "ticket_id", "escalated") == [("500A", True)]
    assert rows(step, "owners", "name", "timezone") == [("Uma Schmidt", "Europe/Berlin")]


def test_a_salesforce_deal_has_the_state_of_its_field_history(reading: Reading) -> None:
    step = reading(FIXTURES / "salesforce", "salesforce", date(2024, 3, 1))
    assert rows(step, "opportunities", "opportunity_id", "stage", "amount", "outcome") == [
        ("006A", "Prospecting", 1000, None),
        ("006C", None, None, None),  # it closed since, and nothing tells what it looked like before
    ]


def test_hubspot_objects_become_the_contract(reading: Reading) -> None:
    step = reading(FIXTURES / "hubspot", "hubspot", date(2024, 4, 1))
    assert rows(step, "contacts", "contact_id", "account_id", "timezone") == [
        ("2001", "1001", "Europe/Berlin"),
        ("2002", "1002", None),
    ]
    assert rows(step, "consents", "contact_id", "status") == [("2001", "granted"), ("2002", "withdrawn")]
    assert rows(step, "products", "product_id", "margin_rate", "recurring") == [
        ("5001", 0.75, True),
        ("5002", 0.5, False),
        ("unspecified", None, False),
    ]
    assert rows(step, "orders", "order_id", "line_id", "account_id", "product_id", "amount") == [
        ("3001", "4002", "1001", "5002", 300),
        ("3004", "deal", "1002", "unspecified", 250),
    ]
    assert rows(step, "subscriptions", "subscription_id", "account_id", "mrr", "ended_at") == [
        ("4001", "1001", 100, None)
    ]
    assert rows(step, "opportunities", "opportunity_id", "account_id", "kind", "outcome", "lost_reason") == [
        ("3001", "1001", "new", "won", None),
        ("3002", "1002", "expansion", None, None),
        ("3003", "1002", "new", "lost", "price"),
        ("3004", "1002", "expansion", "won", None),
    ]
    assert rows(step, "opportunity_changes", "opportunity_id", "field", "old_value", "new_value")[2:4] == [
        ("3001", "amount", "1000", "1500"),
        ("3001", "stage", "appointmentscheduled", "closedwon"),
    ]
    assert rows(step, "touches", "touch_id", "kind", "machine", "happened_at") == [
        ("e1", "sent", False, datetime(2024, 3, 2, 8)),
        ("e2", "opened", True, datetime(2024, 3, 2, 9)),
        ("e3", "clicked", False, datetime(2024, 3, 2, 10)),
    ]
    assert rows(step, "activities", "account_id", "kind", "owner_id") == [("1001", "call", "51")]
    assert rows(step, "tickets", "ticket_id", "account_id", "priority") == [("6001", "1001", "high")]


@pytest.mark.parametrize("mapping", ["salesforce", "hubspot"])
@pytest.mark.parametrize("typed", [False, True], ids=["all text", "typed"])
def test_a_database_and_files_give_equal_tables(
    reading: Reading, postgres_database: str, mapping: str, typed: bool
) -> None:
    load(postgres_database, FIXTURES / mapping, as_written=mapping == "salesforce", typed=typed)
    here = reading(FIXTURES / mapping, mapping, date(2024, 4, 1), "files")
    there = reading(postgres_database + "?schema=crm", mapping, date(2024, 4, 1), "database")
    for table in CONTRACT:
        pd.testing.assert_frame_equal(here.frame(table.name), there.frame(table.name), obj=table.name)
    pd.testing.assert_frame_equal(here.frame("reading"), there.frame("reading"))


def load(url: str, folder: Path, *, as_written: bool, typed: bool) -> None:
    """Put every CSV of a folder into the schema ``crm``, under its own names or plain ones."""
    kinds = {"BIGINT": "bigint", "DOUBLE": "double precision", "BOOLEAN": "boolean", "DATE": "date"}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA crm")
        for file in sorted(folder.glob("*.csv")):
            found = duckdb.execute(f"FROM read_csv('{file}', all_varchar = {not typed})")
            columns = [(name, str(kind)) for name, kind, *_ in found.description or ()]
            table = file.stem if as_written else snake_case(file.stem)
            types = ", ".join(
                f'"{name}" '
                + ("timestamptz" if kind.startswith(("TIMESTAMP", "DATETIME")) else kinds.get(kind, "text"))
                for name, kind in columns
            )
            connection.execute(f'CREATE TABLE crm."{table}" ({types})'.encode())
            blanks = ", ".join(["%s"] * len(columns))
            connection.cursor().executemany(f'INSERT INTO crm."{table}" VALUES ({blanks})'.encode(), found.fetchall())


def test_the_demo_mapping_reads_files_in_the_contracts_form(reading: Reading, tmp_path: Path) -> None:
    crm = tmp_path / "crm"
    crm.mkdir()
    for table in CONTRACT:
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in table.types().items())
        duckdb.sql(f"SELECT {columns} WHERE false").write_parquet(str(crm / f"{table.name}.parquet"))
    values = {"account_id": "'a'", "created_at": "TIMESTAMP '2024-01-01'"}
    one = ", ".join(
        f"{values.get(name, 'NULL')}::{kind} AS {name}" for name, kind in TABLES["accounts"].types().items()
    )
    duckdb.sql(f"SELECT {one}").write_parquet(str(crm / "accounts.parquet"))
    step = reading(crm, "demo", date(2024, 4, 1))
    assert rows(step, "accounts", "account_id", "known_at") == [("a", datetime(2024, 1, 1))]
    assert set(load_mapping("demo").sql) == set(TABLES)
