"""Violating rows are rejected with all their reasons, and no other rows are."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.calendar import RunDates
from data.contract import CONTRACT, TABLES
from data.lake import Draft, Step
from data.validation.quarantine import quarantine
from tests.data.literal import ACME, DATES, GOOD, ROSE, Rows, crm, order, reasons, rows, step


def quarantined(root: Path, tables: Rows, dates: RunDates = DATES) -> Step:
    """The tables of a literal CRM after the quarantine, before health checks and expectations."""
    folder = root / "split"
    folder.mkdir()
    duck = duckdb.connect()
    quarantine(duck, step(root, "read", tables), dates, Draft(folder))
    duck.close()
    return Step("run", "split", folder)


VIOLATIONS = [
    ("orders", order("1a", account_id=None), "1a|1", "account_id is missing"),
    ("orders", order("2b", account_id="Z"), "2b|1", "account_id 'Z' does not exist in accounts"),
    ("orders", order("2c", product_id="GTXPro"), "2c|1", "product_id 'GTXPro' does not exist in products"),
    ("orders", order("2d", status="shipped"), "2d|1", "status 'shipped' is not one of placed, cancelled, returned"),
    ("orders", order("2e", amount=-3.5), "2e|1", "amount -3.5: a placed line has a negative amount"),
    ("orders", order("2f", quantity=-3), "2f|1", "quantity -3: a placed line has a negative quantity"),
    ("orders", order("2g", status="returned", quantity=-1), "2g|1", "amount 10: a returned line has a positive amount"),
    (
        "orders",
        order("2h", ordered_at="2024-07-04 00:00:00"),
        "2h|1",
        "ordered_at 2024-07-04 00:00:00 is dated in the future",
    ),
    ("accounts", {"account_id": "B", "employees": -1}, "B", "employees -1 is below 0"),
    ("accounts", {"name": "Nobody"}, "", "account_id is missing"),
    ("products", {"product_id": "Q", "margin_rate": 1.4}, "Q", "margin_rate 1.4 is not between -1 and 1"),
    (
        "products",
        {"product_id": "R", "active_from": "2024-02-01", "active_to": "2024-01-01"},
        "R",
        "active_to 2024-01-01 is before active_from 2024-02-01",
    ),
    (
        "subscriptions",
        {
            "subscription_id": "S",
            "account_id": "A",
            "mrr": 5,
            "started_at": "2024-03-01",
            "ended_at": "2024-02-01 08:00:00",
        },
        "S",
        "ended_at 2024-02-01 08:00:00 is before started_at 2024-03-01 00:00:00",
    ),
    (
        "opportunities",
        {"opportunity_id": "O", "created_at": "2024-03-01", "outcome": "won"},
        "O",
        "a won or lost deal has no closed_at",
    ),
    (
        "opportunities",
        {"opportunity_id": "U", "created_at": "2024-03-01", "closed_at": "2024-03-02"},
        "U",
        "a closed deal is neither won nor lost",
    ),
    (
        "usage",
        {"account_id": "A", "product_id": "P", "day": "2024-07-04"},
        "A|P|2024-07-04",
        "day 2024-07-04 is dated in the future",
    ),
    (
        "touches",
        {"touch_id": "T", "contact_id": "C", "kind": "opened", "happened_at": "2024-05-01"},
        "T",
        "contact_id 'C' does not exist in contacts",
    ),
]


@pytest.fixture(scope="module")
def violating(tmp_path_factory: pytest.TempPathFactory) -> Step:
    """One CRM with every violating row."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for table, row, *_ in VIOLATIONS:
        tables.setdefault(table, []).append(row)
    return quarantined(tmp_path_factory.mktemp("violating"), crm(**tables))


@pytest.mark.parametrize(("table", "row", "key", "message"), VIOLATIONS, ids=[message for *_, message in VIOLATIONS])
def test_a_violating_row_is_rejected_with_its_reason(
    violating: Step, table: str, row: object, key: str, message: str
) -> None:
    assert reasons(violating)[table, key] == [message]


def test_valid_rows_beside_violating_ones_go_on(violating: Step) -> None:
    assert len(reasons(violating)) == len(VIOLATIONS)
    for table in ("accounts", "products", "orders"):
        assert violating.rows(table) == len(GOOD[table])


def test_a_rejected_row_is_stored_as_read_with_all_its_reasons(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(orders=[order("2", account_id="Z", amount=None, status="odd")]))
    assert reasons(done)["orders", "2|1"] == [
        "account_id 'Z' does not exist in accounts",
        "amount is missing",
        "status 'odd' is not one of placed, cancelled, returned",
    ]
    row = json.loads(rows(done, "quarantine", '"row"')[0])
    assert (row["account_id"], row["quantity"], row["ordered_at"]) == ("Z", 2, "2024-06-30 12:00:00")


def test_rows_that_refer_to_a_rejected_row_are_rejected_with_a_reason_of_their_own(tmp_path: Path) -> None:
    done = quarantined(
        tmp_path,
        crm(
            accounts=[{"account_id": "B", "employees": -1}],
            contacts=[{"contact_id": "C", "account_id": "B"}],
            consents=[
                {
                    "contact_id": "C",
                    "channel": "email",
                    "purpose": "marketing",
                    "recorded_at": "2024-05-01",
                    "status": "granted",
                }
            ],
        ),
    )
    assert reasons(done) == {
        ("accounts", "B"): ["employees -1 is below 0"],
        ("contacts", "C"): ["account_id 'B' refers to a rejected row of accounts"],
        ("consents", "C|email|marketing|2024-05-01 00:00:00"): ["contact_id 'C' refers to a rejected row of contacts"],
    }


def test_a_reference_to_a_row_that_is_known_later_says_so(tmp_path: Path) -> None:
    tables = crm(orders=[order("2", account_id="Z")]) | {"reading": [{"table_name": "accounts", "later": 3}]}
    assert reasons(quarantined(tmp_path, tables))["orders", "2|1"] == [
        "account_id 'Z' does not exist in accounts as known before 2024-07-01"
    ]


def test_unknown_owners_contacts_and_rows_of_the_same_table_are_removed_and_the_row_goes_on(tmp_path: Path) -> None:
    done = quarantined(
        tmp_path,
        crm(
            owners=[{"owner_id": "W", "manager_id": "W"}],
            contacts=[{"contact_id": "C"}],
            only_accounts=[
                ACME | {"owner_id": "gone", "parent_account_id": "B"},
                {"account_id": "B", "owner_id": "W", "parent_account_id": "Z"},
            ],
            orders=[order("2", contact_id="nobody"), order("3", contact_id="C")],
        ),
    )
    assert reasons(done) == {}
    assert rows(done, "accounts", "account_id", "owner_id", "parent_account_id") == [("A", None, "B"), ("B", "W", None)]
    assert rows(done, "orders", "order_id", "contact_id") == [("1", None), ("2", None), ("3", "C")]
    assert rows(done, "owners", "manager_id") == [None]
    assert rows(done, "quarantined", "table_name", "reason", "rows", "example") == [
        (
            "accounts",
            "value removed: owner_id does not exist in owners",
            1,
            "owner_id 'gone' does not exist in owners (A)",
        ),
        (
            "accounts",
            "value removed: parent_account_id does not exist in accounts",
            1,
            "parent_account_id 'Z' does not exist in accounts (B)",
        ),
        (
            "orders",
            "value removed: contact_id does not exist in contacts",
            1,
            "contact_id 'nobody' does not exist in contacts (2|1)",
        ),
        (
            "owners",
            "value removed: manager_id refers to the row itself",
            1,
            "manager_id 'W' refers to the row itself (W)",
        ),
    ]


def test_an_unknown_time_zone_is_removed(tmp_path: Path) -> None:
    zones = ["Europe/Istanbul", "Europe/Old Istanbul", "UTC", "EST5EDT", None, "+03:00"]
    people = [{"contact_id": str(n), "timezone": zone} for n, zone in enumerate(zones)]
    done = quarantined(tmp_path, crm(contacts=people))
    assert rows(done, "contacts", "timezone") == ["Europe/Istanbul", None, "UTC", "EST5EDT", None, None]
    assert rows(done, "quarantined", "reason", "rows") == [("value removed: timezone is not an IANA time zone", 2)]


def test_optional_references_to_a_table_without_rows_are_not_checked(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(only_accounts=[ACME | {"owner_id": "W"}], orders=[order("2", contact_id="C")]))
    assert rows(done, "accounts", "owner_id") == ["W"]
    assert rows(done, "orders", "contact_id") == [None, "C"]
    assert done.rows("quarantined") == 0


def test_of_rows_with_one_key_the_one_known_last_stays(tmp_path: Path) -> None:
    again = [
        order("2", amount=1, known_at="2024-06-30 13:00:00"),
        order("2", amount=2, known_at="2024-06-30 15:00:00"),
        order("2", amount=3, known_at="2024-06-30 14:00:00"),
        order("2", amount=None, known_at="2024-06-30 16:00:00"),
    ]
    done = quarantined(tmp_path, crm(orders=again))
    assert rows(done, "orders", "order_id", "amount") == [("1", 10.0), ("2", 2.0)]
    messages = sorted(json.loads(reasons)[0] for reasons in rows(done, "quarantine", "reasons"))
    duplicate = "order_id '2', line_id '1' occurs 3 times; the row known last is kept"
    assert messages == ["amount is missing", duplicate, duplicate]


def test_an_unreadable_value_is_quoted_and_not_reported_as_missing(tmp_path: Path) -> None:
    tables = crm(orders=[order("2", amount=None), order("3", amount=None)]) | {
        "unreadable": [{"table_name": "orders", "key": "2|1", "column_name": "amount", "value": "twelve"}]
    }
    assert reasons(quarantined(tmp_path, tables)) == {
        ("orders", "2|1"): ["cannot read amount as a number: 'twelve'"],
        ("orders", "3|1"): ["amount is missing"],
    }


def test_the_summary_counts_each_reason_and_shows_its_most_frequent_value(tmp_path: Path) -> None:
    tables = crm(orders=[*(order(f"2{i}", product_id="GTXPro") for i in range(3)), order("30", product_id="ZZ")])
    assert rows(quarantined(tmp_path, tables), "quarantined", "reason", "rows", "example") == [
        (
            "product_id does not exist in products",
            4,
            "product_id 'GTXPro' does not exist in products (3 rows, such as 20|1)",
        )
    ]


def test_the_future_begins_after_today_in_the_time_zone_of_the_company(tmp_path: Path) -> None:
    istanbul = RunDates(DATES.as_of, DATES.today, "Europe/Istanbul")  # tomorrow begins at 21:00 UTC
    late = [order("2", ordered_at="2024-07-03 20:59:59"), order("3", ordered_at="2024-07-03 21:00:00")]
    used = [{"account_id": "A", "product_id": "P", "day": day} for day in ("2024-07-03", "2024-07-04")]
    done = quarantined(tmp_path, crm(orders=late, usage=used), istanbul)
    assert set(reasons(done)) == {("orders", "3|1"), ("usage", "A|P|2024-07-04")}


def test_valid_rows_keep_their_order_and_have_the_contracts_columns_and_types(tmp_path: Path) -> None:
    many = [order(str(n), product_id="P" if n % 7 else "Z") for n in range(2, 100)]
    done = quarantined(tmp_path, crm(orders=many))
    assert rows(done, "orders", "order_id") == ["1", *(str(n) for n in range(2, 100) if n % 7)]
    for table in CONTRACT:
        described = duckdb.sql(f"DESCRIBE FROM read_parquet('{done.path(table.name)}')").fetchall()
        assert {column: kind for column, kind, *_ in described} == TABLES[table.name].types()


def test_an_untouched_table_is_not_written_again(tmp_path: Path) -> None:
    done = quarantined(tmp_path, crm(orders=[order("2", amount=None)]))
    read = tmp_path / "run" / "read"
    assert done.path("accounts").samefile(read / "accounts.parquet")
    assert not done.path("orders").samefile(read / "orders.parquet")


def test_quotes_in_values_are_escaped(tmp_path: Path) -> None:
    rejected = reasons(quarantined(tmp_path, crm(orders=[order("2'; --", product_id='d\'or "x"')])))
    assert rejected == {("orders", "2'; --|1"): ["product_id 'd'or \"x\"' does not exist in products"]}


def test_two_runs_write_the_same_bytes(tmp_path: Path) -> None:
    tables = crm(
        orders=[order(str(n), product_id="Z", status="odd" if n % 2 else "placed") for n in range(50)], products=[ROSE]
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = quarantined(tmp_path / "a", tables), quarantined(tmp_path / "b", tables)
    for table in first.tables:
        assert first.path(table).read_bytes() == second.path(table).read_bytes(), table
    assert rows(first, "products", "product_id") == ["P"]
    assert datetime(2024, 6, 30, 12) in rows(first, "orders", "ordered_at")
